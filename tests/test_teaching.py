"""TEACHING.md says what is so: minutes add up, places and numbers exist, its commands run."""

import ast
import re
import shlex

import nbformat
import numpy as np
import pytest
from PIL import Image

from wsss_lite import cli
from wsss_lite.chapters import CHAPTERS, path_of


@pytest.fixture(scope="module")
def text(repo):
    return (repo / "TEACHING.md").read_text(encoding="utf-8")


def section(text, heading):
    """What stands under a heading of the second level."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def rows(text):
    """The rows of the first table in a text, as lists of cells, without its headings."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture(scope="module")
def sheet(text):
    return rows(section(text, "Three hours, minute by minute"))


@pytest.fixture(scope="module")
def chapters(sheet):
    """{number: (headings, everything that its cells printed or show as text)}."""
    found = {}
    for number in sorted({row[1][:2] for row in sheet if re.match(r"\d\d, ", row[1])}):
        notebook = nbformat.read(path_of(number), as_version=4)
        told = [c.source for c in notebook.cells if c.cell_type == "markdown"]
        heads = re.findall(r"^#+ (.*)", "\n".join(told), re.MULTILINE)
        out = []
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                out += [output.get("text", ""), data.get("text/plain", "")]
                out += re.findall(r"<figcaption[^>]*>([^<]*)<", data.get("text/html", ""))
        found[number] = heads, "\n".join(out)
    return found


def test_the_sheet_fills_180_minutes_without_gap(sheet):
    times = [re.match(r"(\d+)–(\d+)( °)?$", row[0]) for row in sheet]
    assert all(times) and all(len(row) == 5 for row in sheet)
    ends = [(int(m[1]), int(m[2])) for m in times]
    assert ends[0][0] == 0 and ends[-1][1] == 180
    assert all(one[1] == two[0] for one, two in zip(ends, ends[1:]))


def test_what_may_be_left_out_adds_up(text, sheet):
    spans = [re.match(r"(\d+)–(\d+)( °)?$", row[0]) for row in sheet]
    saved = sum(int(m[2]) - int(m[1]) for m in spans if m[3])
    assert f"together they are {saved} minutes" in " ".join(text.split())


def test_every_place_of_the_sheet_is_a_heading(sheet, chapters):
    named = [row[1] for row in sheet if re.match(r"\d\d, ", row[1])]
    assert len(named) >= 14 and set(chapters) == {"00", "01", "02", "11"}
    for where in named:
        number, words = where.split(", ", 1)
        assert any(words in head for head in chapters[number][0]), where


def test_every_number_of_the_sheet_is_printed_by_its_notebook(sheet, chapters):
    count, now = 0, None
    for row in sheet:
        exercise = re.match(r"Exercises of (\d\d)", row[1])
        now = row[1][:2] if re.match(r"\d\d, ", row[1]) else exercise[1] if exercise else now
        for said in re.findall(r"`([^`]*\d[^`]*)`", " ".join(row[3:])):
            assert said in chapters[now][1], f"{row[1]}: {said} is not printed by chapter {now}"
            count += 1
    assert count > 25


def test_the_term_and_the_two_days_name_chapters_and_readings_that_exist(text):
    term = rows(section(text, "A term"))
    assert [row[0] for row in term] == [str(k) for k in range(1, 15)]
    known = {c.number for c in CHAPTERS}
    two_days = section(text, "Two days")
    for plan in (" ".join(row[1] for row in term), " ".join(row[1] for row in rows(two_days))):
        numbers = set(re.findall(r"\b\d\d\b", plan))
        assert {"00", "01", "02", "05", "06", "14", "17", "18"} <= numbers <= known


def test_every_reading_is_among_the_references_of_its_chapter(text):
    for week, chapter, reading, _ in rows(section(text, "A term")):
        paths = [path_of(n) for n in re.findall(r"\b\d\d\b", chapter)]
        known = "\n".join(path.read_text(encoding="utf-8") for path in paths if path)
        for one in re.split(r"; |, or ", reading.strip("–")):
            names = re.findall(r"^\W*([A-ZÀ-Þ][\wà-ÿ]+)", one)
            assert all(name in known for name in names), f"week {week}: {one}"


def test_twelve_questions_have_four_choices_and_an_answer_that_speaks_of_the_others(text):
    part = section(text, "Twelve questions")
    questions = re.findall(r"^\*\*(\d+)\.\*\* (.*?)(?=\n\n)", part, re.MULTILINE | re.DOTALL)
    answers = rows(part)
    assert [n for n, _ in questions] == [a[0] for a in answers] == [str(k) for k in range(1, 13)]
    for (number, words), (_, right, others) in zip(questions, answers, strict=True):
        assert [c for c in "abcd" if re.search(rf"\b{c}\) ", words)] == list("abcd"), number
        wrong = set("abcd") - {right}
        said = set(re.findall(r"\b([abcd])(?=[,:])", others)) | set(
            re.findall(r"^\W*([abcd])\b", others)
        )
        assert len(wrong) == 3 and wrong & said, f"{number}: nothing on a wrong answer"


# ---------------------------------------------------------------------------------------- the mugs


def commands(text):
    """The lines of the activity's blocks of commands, as lists of words."""
    part = section(text, "Forty photographs of mugs")
    blocks = re.findall(r"```sh\n(.*?)```", part, re.DOTALL)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if line.strip()]


def test_every_command_of_the_page_is_one(text):
    known = cli.parser().format_help()
    named = set(re.findall(r"`wsss-lite ([\w-]+)", text))
    assert len(named) >= 4 and all(f"\n    {name} " in known for name in named)
    assert len(commands(text)) > 4
    for words in commands(text):
        assert words[0] == "wsss-lite" and cli.parser().parse_args(words[1:])


def mug(rng, there):
    """A stand-in for a photograph: a table of one colour, with or without a mug with a handle."""
    picture = np.full((150, 200, 3), rng.integers(60, 200, 3), float)
    picture += rng.normal(0, 12, picture.shape)
    if there:
        y, x = rng.integers(20, 60, 2)
        colour = rng.integers(0, 255, 3)
        rows, columns = np.indices(picture.shape[:2])
        ring = np.hypot(rows - y - 35, columns - x - 62)
        picture[(ring > 12) & (ring < 20)] = colour
        picture[y : y + 70, x : x + 60] = colour
    return picture.clip(0, 255).astype(np.uint8)


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Folders as the activity asks for them, with a quarter of its pictures."""
    rng = np.random.default_rng(0)
    for name, there, count in (("mugs/mug", True, 6), ("mugs/_none", False, 6),
                               ("new-pictures", True, 2)):  # fmt: skip
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for k in range(count):
            Image.fromarray(mug(rng, there)).save(folder / f"IMG_{k:04d}.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_commands_of_the_activity_run_as_written(text, photographs, quick, capsys):
    """All of them, in order; `quick` trains the segmenter for a few steps in place of 200."""
    asked = commands(text)
    assert [words[1] for words in asked] == ["check", "report", "run", "segment", "cam"]
    for words in asked:
        assert cli.main(words[1:]) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert "mugs: nothing is missing." in out and "mugs-report.html" in out
    assert "coffee-mug-overlay.png" in out
    assert (photographs / "mugs-report.html").stat().st_size > 5000
    assert (photographs / "mugs.safetensors").is_file()
    for folder, least in (("mug-masks", 6), ("found", 2), ("looks", 2)):
        made = [p for p in (photographs / folder).rglob("*") if p.is_file()]
        assert len(made) >= least, folder


# ---------------------------------------------------------------- what may be left out


def names(source):
    """(names that a cell defines, names that it reads)."""
    lines = ["pass" if line.startswith(("%", "!")) else line for line in source.splitlines()]
    made, read = set(), set()
    for node in ast.walk(ast.parse("\n".join(lines))):
        match node:
            case ast.Name(ctx=ast.Load()):
                read.add(node.id)
            case ast.Name():
                made.add(node.id)
            case ast.alias():
                made.add((node.asname or node.name).split(".")[0])
            case ast.FunctionDef() | ast.ClassDef() | ast.ExceptHandler():
                made.add(node.name)
    return made, read


def missed(cells, left_out):
    """{first line of a cell: names that it reads and only sections left out define}.

    cells: of a notebook; left_out: beginnings of headings, without their numbers.
    """
    gone, there, depth, found = set(), set(), None, {}
    for cell in cells:
        if cell.cell_type == "markdown":
            for marks, heading in re.findall(r"^(#+) (?:[\d.]+ )?(.*)", cell.source, re.MULTILINE):
                if depth is not None and len(marks) <= depth:
                    depth = None
                if depth is None and heading.startswith(tuple(left_out)):
                    depth = len(marks)
            continue
        made, read = names(cell.source)
        if depth is not None:
            gone |= made
            continue
        if lacking := (read & gone) - there - made:
            found[cell.source.splitlines()[0]] = lacking
        there |= made
    return found


def test_nothing_misses_what_may_be_left_out(text):
    part = section(text, "Three hours, minute by minute")
    lists = dict(re.findall(r"^- (\d\d): (.*)$", part, re.MULTILINE))
    assert set(lists) == {"00", "01", "02"}
    for number, line in lists.items():
        cells = nbformat.read(path_of(number), as_version=4).cells
        told = [c.source for c in cells if c.cell_type == "markdown"]
        heads = re.findall(r"^#+ (?:[\d.]+ )?(.*)", "\n".join(told), re.MULTILINE)
        left_out = re.findall(r"\*([^*]+)\*", line)
        if "all behind" in line:
            last = heads.index(left_out.pop())
            left_out += heads[last + 1 :]
        assert len(left_out) >= 4
        assert all(any(h.startswith(one) for h in heads) for one in left_out), left_out
        assert not missed(cells, left_out), number


def test_a_section_that_is_needed_is_found_out():
    cells = nbformat.read(path_of("00"), as_version=4).cells
    assert any("CLASSES" in needed for needed in missed(cells, ["Shared bodies"]).values())
