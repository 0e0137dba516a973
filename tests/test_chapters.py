"""What comes before what: one source, which the notebooks, README.md and the glossary follow."""

import json
import posixpath
import re
from collections import Counter

import nbformat
import pytest

from wsss_lite import chapters
from wsss_lite.chapters import CHAPTERS, Chapter, before, drawing, path_of, with_line
from wsss_lite.setup.copies import copy_notebooks

KNOWN = {c.number: c for c in CHAPTERS}

# Bold words that lead a paragraph, name a choice or stress a word; no terms.
LAYOUT = {
    "predict", "explain", "you will be able to", "time", "before this you need", "read it",
    "photographs", "the knob that breaks it", "with", "without", "not", "one", "no", "control.",
    "where", "cats", "dogs", "other", "original", "which", "difference", "best", "equal", "our",
}  # fmt: skip


def markdown(path):
    """The texts of a notebook's markdown cells, without blocks of code."""
    cells = nbformat.read(path, as_version=4).cells
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    return [re.sub(r"```.*?```", "", text, flags=re.DOTALL) for text in texts]


def there():
    """(chapter, path) of the notebooks that exist."""
    return [(c, path_of(c.number)) for c in CHAPTERS if path_of(c.number)]


def all_before(number):
    """Everything that a chapter needs, and what that needs."""
    found = set(KNOWN[number].needs)
    for need in KNOWN[number].needs:
        found |= all_before(need)
    return found


def test_every_chapter_comes_after_what_it_needs():
    numbers = [c.number for c in CHAPTERS]
    assert numbers == [f"{k:02d}" for k in range(19)]
    for c in CHAPTERS:
        assert all(n < c.number for n in (*c.needs, *c.helps))
        assert list(c.needs) == sorted(set(c.needs)) and not set(c.helps) & all_before(c.number)


def test_every_notebook_is_a_chapter(repo):
    files = sorted(path.name[:2] for path in (repo / "notebooks").glob("*.ipynb"))
    assert files == [c.number for c, _ in there()] and len(files) > 15


def test_every_notebook_has_its_line():
    for chapter, path in there():
        first, *others = markdown(path)
        lines = [line for line in first.splitlines() if line.startswith(chapters.MARK)]
        remedy = f"{path.name}: `python -m wsss_lite.chapters` mends it"
        assert lines == [before(chapter)], remedy
        assert not any(chapters.MARK in text for text in others), remedy


def test_the_words_name_the_same_chapters_as_the_line():
    """What is said by hand, "Before this you need 01 (CAM)", names the chapters of the source."""
    for chapter, path in there():
        first = markdown(path)[0].split(chapters.MARK)[0]
        words = re.split(r"Before this you need", first)[1]
        words = re.sub(r"\]\([^)]*\)", "]", words)
        words = re.sub(r"00 to 02", "00, 01, 02", words)
        named = set(re.findall(r"\b(?:0\d|1[0-8])\b", words))
        listed = {*chapter.needs, *chapter.helps}
        assert listed <= named, f"{path.name} does not say what for: {sorted(listed - named)}"
        assert named <= listed | all_before(chapter.number), f"{path.name}: {sorted(named)}"


def test_a_line_is_replaced_and_nothing_else(tmp_path):
    one = Chapter("01", "Maps", ("00",), ("03",))
    (tmp_path / "00_task.ipynb").write_text("{}")
    line = before(one, tmp_path)
    assert line.startswith("*Before this:* chapter [00](00_task.ipynb); 03 if you can · [Gloss")
    source = "# Maps\n\nText."
    once = with_line(source, line)
    assert once == f"{source}\n\n{line}" and with_line(once, line) == once
    assert with_line(once, "*Before this:* new") == f"{source}\n\n*Before this:* new"


def test_write_changes_the_first_cell_only(tmp_path):
    cells = [{"cell_type": "markdown", "source": ["# Task\n", "\n", "Text."]}, {"source": ["é"]}]
    path = tmp_path / "00_task.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert chapters.write(tmp_path) == ["00_task.ipynb"] and chapters.write(tmp_path) == []
    made = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert made[1] == cells[1] and made[0]["source"][:3] == ["# Task\n", "\n", "Text.\n"]
    assert made[0]["source"][-1] == before(KNOWN["00"], tmp_path)


def test_the_drawing_names_needs_that_its_place_does_not_say():
    some = (Chapter("00", "A"), Chapter("01", "B", ("00",)), Chapter("02", "C", ("00",)),
            Chapter("03", "D", ("01", "02"), ("04",)), Chapter("04", "E", ("00",)))  # fmt: skip
    assert drawing(some).splitlines()[1:-1] == [
        "00 A", "├─ 01 B", "├─ 02 C", "│  └─ 03 D  (and 01; better with 04)", "└─ 04 E",
    ]  # fmt: skip


def test_readme_draws_the_chapters_and_lists_them(repo):
    text = (repo / "README.md").read_text(encoding="utf-8")
    place = re.search(r"<!-- chapters -->\n(.*?)\n<!-- /chapters -->", text, re.DOTALL)
    assert place[1] == drawing(), "`python -m benchmarks.readme` mends README.md"
    trail = text.split("## Three trails")[1].split("\n## ")[0]
    listed = re.findall(r"^\d+\. `(\d\d)` ", trail, re.MULTILINE)
    assert listed == [c.number for c in CHAPTERS]


# ------------------------------------------------------------------------------------------ links


def links(path):
    """Targets of a notebook's links that are no web addresses, without the part behind #."""
    found = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", "\n".join(markdown(path)))
    return [target for target in found if ":" not in target]


def in_jupyterlab(name, target):
    """Where JupyterLab finds a link: relative to the notebook, and never above its root."""
    return posixpath.normpath(posixpath.join("/", posixpath.dirname(name), target)).lstrip("/")


@pytest.fixture(scope="module")
def work(repo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reader") / "work"
    copy_notebooks(repo / "notebooks", folder)
    return folder


def test_links_lead_somewhere_in_the_checkout_and_in_the_readers_copies(repo, work):
    count = 0
    for path in sorted((repo / "notebooks").rglob("*.ipynb")):
        if ".ipynb_checkpoints" in str(path):
            continue
        name = path.relative_to(repo / "notebooks").as_posix()
        for target in links(path):
            assert (path.parent / target).exists(), f"{name} links to {target}"
            assert (work / in_jupyterlab(name, target)).exists(), f"work/{name}: {target}"
            count += 1
    assert count > 40


def test_a_reader_gets_the_glossary_beside_the_notebooks(repo, work):
    assert (work / "GLOSSARY.md").read_bytes() == (repo / "GLOSSARY.md").read_bytes()
    assert in_jupyterlab("exercises/01.ipynb", "../../GLOSSARY.md") == "GLOSSARY.md"
    assert in_jupyterlab("exercises/01.ipynb", "../02.ipynb") == "02.ipynb"


# --------------------------------------------------------------------------------------- glossary


@pytest.fixture(scope="module")
def glossary(repo):
    return (repo / "GLOSSARY.md").read_text(encoding="utf-8")


def signs(text):
    """The signs in formulas: letters with a hat or bar left out, and Greek ones."""
    formulas = re.findall(r"\$\$(.+?)\$\$", text, re.DOTALL)
    formulas += re.findall(r"(?<!\$)\$([^$\n]+)\$(?!\$)", text)
    found = set()
    for formula in formulas:
        formula = re.sub(r"\\(text|mathrm|text\w+)\{[^}]*\}", " ", formula)
        formula = re.sub(r"\\underbrace|\\overbrace", " ", formula)
        formula = re.sub(r"_\{?(tags|bg|all|own)\}?", " ", formula)
        found |= set(re.findall(r"\\(?:alpha|beta|gamma|lambda|tau|theta|mu|sigma)\b", formula))
        formula = re.sub(r"\\[a-zA-Z]+", " ", formula)
        found |= set(re.findall(r"[A-Za-z]", formula))
    return found


def test_signs_are_found():
    assert signs(r"$w \cdot \bar f_{x}$ and $$\hat M = \tau^2$$ but no $\text{line}$") == {
        "w", "f", "x", "M", r"\tau",
    }  # fmt: skip


def test_every_sign_of_the_notebooks_is_in_the_notation(glossary):
    explained = signs(glossary.split("## The task")[0]) | {"e"}  # Euler's
    for chapter, path in there():
        unknown = signs("\n".join(markdown(path))) - explained
        assert not unknown, f"GLOSSARY.md does not explain {sorted(unknown)} of {chapter.number}"


def test_every_chapter_has_terms(glossary):
    named = Counter()
    for inside in re.findall(r"\((\d\d[^)]*)\)", glossary):
        named.update(re.findall(r"\b\d\d\b", inside))
    few = [c.number for c in CHAPTERS if named[c.number] < 1]
    assert not few, f"no term of GLOSSARY.md is said to be explained in {few}"
    assert set(named) <= set(KNOWN)


def test_bold_words_of_several_chapters_are_in_the_glossary(glossary):
    used = Counter()
    for _, path in there():
        bold = re.findall(r"\*\*([^*\n`]{2,40})\*\*", "\n".join(markdown(path)))
        used.update({word.lower().strip(" .:,") for word in bold})
    terms = glossary.lower()
    lost = [w for w, n in used.items() if n > 1 and w not in LAYOUT and w not in terms]
    assert not lost, f"bold in several chapters, not in GLOSSARY.md: {sorted(lost)}"


def test_a_term_stands_once(glossary):
    heads = re.findall(r"^\*\*([^*]+)\*\*", glossary, re.MULTILINE)
    assert [h for h, n in Counter(heads).items() if n > 1] == [] and len(heads) > 80
