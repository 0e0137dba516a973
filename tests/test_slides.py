"""Slides: the order of the headings, nothing from elsewhere, words for figures, keys."""

import json
import re

import nbformat
import pytest
from test_browser import browser, page  # noqa: F401

from wsss_lite import cli
from wsss_lite.errors import InputError
from wsss_lite.slides import blocks, caption, html, sentence, slides_of, write

FIGURE = '<p><img alt="a cat: left" src="data:x"><img alt="a cat: right" src="data:y"></p>'


def cell(source, *outputs, tags=()):
    """A cell as JSON: code where it has outputs, else markdown."""
    made = {"cell_type": "code" if outputs else "markdown", "source": source.splitlines(True)}
    return made | {"outputs": list(outputs), "metadata": {"tags": list(tags)}}


def shown(text=FIGURE):
    return {"output_type": "display_data", "data": {"text/html": [text]}}


def printed(text):
    return {"output_type": "stream", "name": "stdout", "text": [text]}


SMALL = {
    "cells": [
        cell("# Cats\n\nA **cat** is `one`. It purrs.\n\n- sit\n- stay"),
        cell("## Where\nOnce. Twice.\n\n**Predict.** So? Or not?\n\n```\n# no heading\n```"),
        cell("x", printed("IoU <0.5>"), shown(), shown()),
        cell("## Hidden", tags=["noslide"]),
        cell("### Recap\n\nWe saw that\n- one;\n- two."),
    ]
}


def test_headings_and_further_figures_make_slides():
    made = slides_of(SMALL)
    assert [s.title for s in made] == ["Cats", "Where", "Where", "Recap"]
    assert [s.line for s in made] == ["A cat is one.", "Predict: So? Or not?", "a cat",
                                      "We saw that"]  # fmt: skip
    assert [bool("<img" in s.figure) for s in made] == [False, True, True, False]
    assert made[0].figure == "<ul><li>sit\n</li><li>stay</li></ul>" and "one;" in made[3].figure
    assert made[0].notes == ["<p>A <b>cat</b> is <code>one</code>. It purrs.</p>"]
    assert "<pre>IoU &lt;0.5&gt;</pre>" in made[1].notes
    assert any("# no heading" in note for note in made[1].notes)


def test_markdown_is_cut_into_blocks():
    text = "# A\nb\nc\n- d\n- e\n\n```\nf\n\n- g\n```\n## H"
    assert blocks(text) == ["# A", "b\nc", "- d\n- e", "```\nf\n\n- g\n```", "## H"]
    assert html("1. a\n2. *b*") == "<ul><li>a\n</li><li><em>b</em></li></ul>"
    assert html("see [this](x.md) <b>& 1 < 2</b>") == "<p>see this &amp; 1 &lt; 2</p>"
    assert sentence("Ends at 0.5 or so. Next.") == "Ends at 0.5 or so." and sentence("- a") == ""


def test_a_further_figure_is_named_by_its_words():
    assert caption('<img alt="only: one">') == "only: one"
    assert caption('<img alt="a &amp; b: x 1"><img alt="a &amp; b: x 2">') == "a & b"
    assert caption("<table><caption>Seeds: wide</caption></table>") == "Seeds: wide"


def test_a_notebook_that_was_not_run_is_refused():
    with pytest.raises(InputError, match="holds no figures; run it first"):
        slides_of({"cells": [cell("# A\n\n- list")]}, "00_a.ipynb")
    with pytest.raises(InputError, match="no heading"):
        slides_of({"cells": []})


@pytest.mark.parametrize("text", ["{half", "[1, 2]", '{"cells": [1]}'])
def test_a_damaged_notebook_is_one_sentence(tmp_path, text):
    (tmp_path / "00_a.ipynb").write_text(text)
    with pytest.raises(InputError, match="00_a.ipynb is no notebook that can be read"):
        write(["00"], tmp_path / "out", tmp_path)


# ---------------------------------------------------------------------------- the course's chapters


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    assert cli.main(["slides", "-o", str(folder)]) == 0
    return sorted(folder.iterdir())


def test_the_command_writes_a_file_a_chapter(written, capsys):
    assert [path.name[:2] for path in written] == ["00", "01", "02"]
    assert all(100_000 < path.stat().st_size < 900_000 for path in written)
    assert cli.main(["slides", "77"]) == 2
    assert "There is no chapter '77'; say 00 to 18." in capsys.readouterr().err


def test_nothing_comes_from_elsewhere_and_every_figure_has_words(written):
    for path in written:
        text = path.read_text(encoding="utf-8")
        for what, target in re.findall(r'\b(src|href|srcset|action)="([^"]*)', text):
            assert target.startswith(("data:", "#")), f"{path.name}: {what} {target[:60]}"
        assert not re.search(r"url\(|@import|<link|<iframe|fetch\(|XMLHttp", text)
        tags = re.findall(r"<img\b[^>]*>", text)
        assert len(tags) > 20 and all(re.search(r'alt="[^"]+"', tag) for tag in tags)


def test_slides_stand_in_the_order_of_the_headings(written, repo):
    for path in written:
        notebook = nbformat.read(repo / "notebooks" / f"{path.stem}.ipynb", as_version=4)
        cells = [c.source for c in notebook.cells if c.cell_type == "markdown"]
        text = re.sub(r"```.*?```", "", "\n\n".join(cells), flags=re.DOTALL)
        wanted = [re.sub("[*`]", "", h) for h in re.findall(r"^#+ (.*)", text, re.MULTILINE)]
        titles = [s.title for s in slides_of(json.loads(nbformat.writes(notebook)))]
        assert [t for k, t in enumerate(titles) if t not in titles[:k]] == wanted
        levels = re.findall(r"<(h[1-6])>", path.read_text(encoding="utf-8"))
        assert levels == ["h1"] + ["h2"] * (len(titles) - 1)


def test_keys_move_and_a_printer_gets_all(written, page):  # noqa: F811
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(written[0].as_uri())
    seen = "() => [...document.querySelectorAll('.slide')].map(s => s.offsetHeight > 0)"
    count = len(page.evaluate(seen))

    def at():
        rows = page.evaluate(seen)
        assert sum(rows) == 1 and len(rows) == count > 15
        return rows.index(True)

    for key, place in (("ArrowRight", 1), (" ", 2), ("PageDown", 3), ("ArrowLeft", 2), ("End",
                       count - 1), ("ArrowRight", count - 1), ("Home", 0)):  # fmt: skip
        page.keyboard.press(key)
        assert at() == place, key
    assert page.locator("#place").inner_text() == f"1 / {count}" and page.url.endswith("#1")
    notes = page.locator(".slide.now .notes")
    assert not notes.is_visible()
    page.keyboard.press("n")
    assert notes.is_visible() and page.locator("#notes").get_attribute("aria-pressed") == "true"
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press(" ")  # on the button "next"
    assert at() == 1
    shown = page.locator(".slide.now figure img").first.bounding_box()
    assert shown["width"] > 256
    page.emulate_media(media="print")
    assert all(page.evaluate(seen)) and notes.is_visible()
    page.goto(f"{written[0].as_uri()}#4")
    assert not [url for url in asked if not url.startswith(("file:", "data:"))]
