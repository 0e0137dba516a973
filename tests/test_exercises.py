"""Exercises: generated from their solutions; right answers pass, wrong ones are caught."""

import contextlib
import importlib
import json
import re

import nbformat
import pytest

from wsss_lite import results
from wsss_lite.errors import InputError
from wsss_lite.exercises import Hint, NotYet, check, load, recorded
from wsss_lite.exercises.__main__ import NOTEBOOKS, chapter_with_link, written
from wsss_lite.exercises.checking import CHECKS
from wsss_lite.exercises.links import exercises_of, linked
from wsss_lite.exercises.source import cells, cleared, notebook

SOURCES = sorted((NOTEBOOKS / "solutions").glob("*.py"))
CHAPTERS = [path.stem[:2] for path in SOURCES]
CAUGHT = 0.95


def answers(chapter):
    return importlib.import_module(f"exercise_answers.ch{chapter}").ANSWERS


def outcome(number, answer):
    """None for a passed check, else what it raised."""
    try:
        check(number, answer)
    except Exception as error:
        return error


def test_each_chapter_has_exercises():
    assert CHAPTERS == [path.stem[:2] for path in sorted(NOTEBOOKS.glob("*.ipynb"))]


@pytest.mark.parametrize("path", SOURCES, ids=CHAPTERS)
def test_regenerating_changes_nothing(path):
    made = NOTEBOOKS / exercises_of(f"{path.stem}.ipynb")
    assert made.read_text(encoding="utf-8") == written(path), "run `make exercises`"
    chapter, text = chapter_with_link(path)
    assert chapter.read_text(encoding="utf-8") == text, "run `make exercises`"


@pytest.mark.parametrize("path", SOURCES, ids=CHAPTERS)
def test_three_kinds_each_with_a_check_and_no_solution_left(path):
    parts = cells(path.read_text(encoding="utf-8"))
    numbers = [number for kind, number, _ in parts if kind == "exercise"]
    assert len(numbers) >= 3 and len(set(numbers)) == len(numbers)
    assert numbers == [number for kind, number, _ in parts if kind == "check"]
    heads = "\n".join(text for kind, _, text in parts if kind == "markdown")
    for kind in ("Fill in", "Predict", "Break it"):
        assert re.search(rf"^## {path.stem[:2]}\.\d+ {kind}: ", heads, re.M), kind
    for kind, number, text in parts:
        if kind == "exercise":
            assert "### BEGIN SOLUTION" in text and "YOUR CODE HERE" in cleared(text), number
            assert "SOLUTION" not in cleared(text)
        if kind == "check":
            assert f'check("{number}"' in text


@pytest.mark.parametrize("path", SOURCES, ids=CHAPTERS)
def test_the_solutions_pass_their_checks(path, session_cache, capsys):
    parts = cells(path.read_text(encoding="utf-8"))
    space = {}
    for kind, _, text in parts:
        if kind != "markdown":
            exec(compile(text, path.name, "exec"), space)
    said = capsys.readouterr().out
    for kind, number, _ in parts:
        assert kind != "check" or f"ok {number}" in said


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_right_answers_pass(chapter, session_cache):
    load(chapter)
    numbers = {number for number in CHECKS if number.startswith(chapter + ".")}
    assert numbers == set(answers(chapter))
    for number, given in answers(chapter).items():
        assert len(given["right"]) >= 2, f"{number} needs an alternative right answer"
        for name, answer in given["right"].items():
            assert outcome(number, answer) is None, f"{number}, {name}"


def test_wrong_answers_are_caught_with_a_hint(session_cache):
    missed, total = [], 0
    for chapter in CHAPTERS:
        for number, given in answers(chapter).items():
            assert len(given["wrong"]) >= 5, f"{number} needs more wrong answers"
            for name, answer in given["wrong"].items():
                error = outcome(number, answer)
                assert error is None or isinstance(error, Hint), f"{number}, {name}: {error!r}"
                assert error is None or len(str(error)) > 12, f"{number}, {name}: {error}"
                missed += [f"{number} {name}"] if error is None else []
                total += 1
    assert len(missed) <= (1 - CAUGHT) * total, missed


@pytest.mark.parametrize("path", SOURCES, ids=CHAPTERS)
def test_an_exercise_as_it_is_given_asks_for_an_answer(path, session_cache):
    space = {}
    for kind, number, text in cells(path.read_text(encoding="utf-8")):
        if kind == "check":
            with pytest.raises(NotYet):
                exec(compile(text, path.name, "exec"), space)
        elif kind == "exercise":
            with contextlib.suppress(NotImplementedError):
                exec(compile(cleared(text), number, "exec"), space)
        elif kind == "code":
            exec(compile(text, path.name, "exec"), space)


def test_jupyter_shows_a_hint_and_no_trace():
    from IPython.core.interactiveshell import InteractiveShell

    hint = "the height of a pixel is its largest map over all classes, not its smallest. " * 2
    stop = Hint(hint.strip())
    lines = stop._render_traceback_()
    assert " ".join(lines) == f"Not yet: {stop}" and len(lines) == 2
    assert max(map(len, lines)) <= 92
    # The name of the method is IPython's: it asks for it, and shows what it gives.
    assert "_render_traceback_" in InteractiveShell.showtraceback.__code__.co_names


def test_nothing_answered_is_said_so():
    for empty in (None, ..., (..., 1), {"maps": ...}):
        with pytest.raises(NotYet, match="nothing answered"):
            check("01.1", empty)


@pytest.mark.parametrize("number", ["01.9", "77.1"])
def test_an_unknown_exercise_is_one_sentence(number):
    with pytest.raises(InputError, match=number[:2]):
        check(number, 1)


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store with rows of three methods, two seeds each."""
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    (tmp_path / "pocket").mkdir()
    for name, found in {"a": (0.50, 0.52), "a-b": (0.9, 0.9), "c": (0.40, 0.43)}.items():
        for seed, value in enumerate(found):
            entry = {"row": {"method": name, "miou_maps": value, "miou_test": seed}}
            (tmp_path / "pocket" / f"{name}-s{seed}.json").write_text(json.dumps(entry))


def test_a_verdict_on_recorded_rows(store):
    assert recorded.mean("a", "miou_maps") == pytest.approx(0.51)
    assert recorded.verdict("a", "c", "miou_maps") == "more"
    assert recorded.verdict("c", "a", "miou_maps") == "less"
    assert recorded.verdict("a", "c", "miou_test") == "tie"
    with pytest.raises(InputError, match="make results"):
        recorded.mean("d", "miou_maps")


def test_the_line_that_leads_to_the_exercises():
    cell = nbformat.v4.new_markdown_cell("The end.\n\nExercises: [two](exercises/old.ipynb)")
    text = nbformat.writes(nbformat.v4.new_notebook(cells=[cell])) + "\n"
    once = linked(text, "01_x.ipynb", 4)
    assert linked(once, "01_x.ipynb", 4) == once
    [made] = nbformat.reads(once, as_version=4).cells
    line = "Exercises: [four for this chapter](exercises/exercises_01_x.ipynb)."
    assert made.source == f"The end.\n\n{line}"


def test_nbgrader_s_marks():
    made = notebook('# %% exercise 01.1\nx = 1\n# %% check 01.1\ncheck("01.1", x)\n')
    own, test = (cell.metadata["nbgrader"] for cell in made.cells)
    assert own["solution"] and not own["grade"] and not own["locked"]
    assert test["grade"] and test["locked"] and test["points"] == 1
    assert own["grade_id"] != test["grade_id"]


@pytest.mark.parametrize("text", ["x = 1\n", "# %% exercise\n# %% wrong 01\n"])
def test_a_malformed_source_is_refused(text):
    with pytest.raises(ValueError):
        cells(text)
