"""Slides of a chapter, made from its executed notebook: `wsss-lite slides 00 01 02`.

Each heading begins a slide, and so does each further figure below it. A slide holds the heading,
one line of text and the figure; prose and what cells printed stand beneath, for the speaker. A
cell with the tag "noslide" is left out. The page is one file that asks nothing of the network:
arrows move, n shows the notes, and a printer gets a slide a page with its notes.
"""

import json
import os
import re
from dataclasses import dataclass, field
from html import escape, unescape
from pathlib import Path

from wsss_lite.chapters import CHAPTERS, path_of
from wsss_lite.errors import InputError
from wsss_lite.files import atomic

LEFT_OUT = "noslide"  # the tag of a cell
LONGEST = 220  # characters of the line
ITEM = r"[-*] |\d+\. "  # how an item of a list begins

STYLE = """
* { box-sizing: border-box; }
body { margin: 0; font: 22px/1.45 "DejaVu Sans", sans-serif; color: #1a1a1a; background: #ffffff; }
.slide { min-height: 100vh; padding: 3vh 5vw 9vh; }
.moving .slide { display: none; }
.moving .slide.now { display: block; }
h1, h2 { line-height: 1.2; margin: 0 0 .4em; color: #0b3d6b; }
.line { margin: 0 0 .8em; max-width: 60em; }
.shown { font-size: 18px; }
.shown > div { align-items: flex-start; }
.shown figure { width: auto !important; flex: 1 1 10em; max-width: 19em; }
.shown figure img { width: 100%; height: auto; }
.shown > div:has(figure) ~ div figure, .shown:has(> div ~ div figure) figure { max-width: 12em; }
.shown p img { max-width: 100%; max-height: 66vh; width: auto; height: auto; }
.shown table { border-collapse: collapse; }
.shown td, .shown th { padding: .2em .8em; border-bottom: 1px solid #cccccc; }
.notes { display: none; margin-top: 1.2em; padding: .6em 1em; font-size: 17px; max-width: 62em;
  color: #1a1a1a; background: #f2f2f2; border-left: 6px solid #0b4f8a; }
.speaking .notes { display: block; }
.notes pre { white-space: pre-wrap; font-size: 15px; margin: .4em 0; }
.foot { position: fixed; left: 0; right: 0; bottom: 0; padding: .6vh 5vw 1vh; font-size: 15px;
  color: #555555; background: #ffffff; }
button { font: inherit; color: #1a1a1a; background: #f4f4f4; border: 1px solid #767676;
  border-radius: 4px; padding: 2px 10px; }
button:focus-visible, .slide:focus-visible { outline: 3px solid #c25700; outline-offset: -3px; }
@media print {
  .moving .slide, .slide { display: block !important; min-height: 0; break-after: page; }
  .notes { display: block !important; background: #ffffff; }
  .foot { display: none; }
}
"""

MOVE = """
const slides = [...document.querySelectorAll(".slide")];
const place = document.getElementById("place");
let now = 0;
function show(k, focus = true) {
  now = Math.min(Math.max(k, 0), slides.length - 1);
  slides.forEach((slide, j) => slide.classList.toggle("now", j === now));
  place.textContent = `${now + 1} / ${slides.length}`;
  history.replaceState(null, "", `#${now + 1}`);
  if (focus) slides[now].focus({ preventScroll: true });
  window.scrollTo(0, 0);
}
function notes() {
  const on = document.body.classList.toggle("speaking");
  document.getElementById("notes").setAttribute("aria-pressed", on);
}
const keys = {
  ArrowRight: () => show(now + 1), ArrowLeft: () => show(now - 1),
  ArrowDown: () => show(now + 1), ArrowUp: () => show(now - 1),
  PageDown: () => show(now + 1), PageUp: () => show(now - 1), " ": () => show(now + 1),
  Home: () => show(0), End: () => show(slides.length - 1), n: notes, N: notes,
};
document.addEventListener("keydown", event => {
  const act = keys[event.key];
  const button = event.target.tagName === "BUTTON" && event.key === " ";
  if (!act || button || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  act();
});
document.getElementById("back").onclick = () => show(now - 1);
document.getElementById("on").onclick = () => show(now + 1);
document.getElementById("notes").onclick = notes;
window.addEventListener("hashchange", () => show(parseInt(location.hash.slice(1) || "1") - 1));
document.body.classList.add("moving");
show(parseInt(location.hash.slice(1) || "1") - 1, false);
"""

FOOT = (
    '<div class="foot"><button id="back" aria-label="slide before">&larr;</button> '
    '<span id="place" role="status"></span> '
    '<button id="on" aria-label="next slide">&rarr;</button> '
    '<button id="notes" aria-pressed="false">n: notes</button> {}</div>'
)


@dataclass
class Slide:
    """title; line: one sentence; figure: HTML or ""; notes: HTML of paragraphs and printed text."""

    title: str
    line: str = ""
    figure: str = ""
    notes: list = field(default_factory=list)


def slides_of(notebook, name="the notebook"):
    """The `Slide`s of a notebook, read as JSON.

    InputError: no heading, or no outputs, so that there would be nothing to see.
    """
    slides = []
    for cell in notebook.get("cells", []):
        if LEFT_OUT in cell.get("metadata", {}).get("tags", []):
            continue
        if cell["cell_type"] == "markdown":
            tell(slides, "".join(cell["source"]))
        elif cell["cell_type"] == "code" and slides:
            for output in cell.get("outputs", []):
                exhibit(slides, output)
    if not slides:
        raise InputError(f"{name} has no heading, so there is nothing to make slides of.")
    if not any(slide.figure for slide in slides):
        raise InputError(f"{name} holds no figures; run it first (`make notebooks`).")
    for slide in slides:
        lists = [note for note in slide.notes if note.startswith("<ul>")]
        if lists and not slide.figure:  # a recap is its list
            slide.figure = lists[0]
            slide.notes.remove(lists[0])
    return slides


def tell(slides, source):
    """Read a markdown cell: headings begin slides, the first sentence is the line, all is notes."""
    for block in blocks(source):
        heading = re.match(r"#{1,6} (.*)", block)
        if heading:
            slides.append(Slide(plain(heading[1])))
        elif slides:
            asked = re.match(r"\*\*Predict\.?\*\*", block)
            if asked or not slides[-1].line:
                slides[-1].line = sentence(block) or slides[-1].line
            slides[-1].notes.append(html(block))


def exhibit(slides, output):
    """Add an output: a figure to the slide, or to a further one; printed text to the notes."""
    shown = "".join(output.get("data", {}).get("text/html", ""))
    if "<img" in shown or "<table" in shown:
        if slides[-1].figure:
            slides.append(Slide(slides[-1].title, caption(shown)))
        slides[-1].figure = shown
    elif output.get("output_type") == "stream" and output.get("name") == "stdout":
        slides[-1].notes.append(f"<pre>{escape(''.join(output['text']).strip())}</pre>")


def blocks(source):
    """Headings, paragraphs, lists and blocks of code of a markdown text, one string each."""
    found, fenced = [], False
    for line in source.splitlines():
        fence = line.startswith("```")
        begins = not line.strip() or re.match(r"#{1,6} ", line)
        begins = begins or re.match(ITEM, line) and not re.match(ITEM, found[-1] if found else "")
        after = found and re.match(r"#{1,6} ", found[-1])
        if not found or not fenced and (begins or after):
            found.append("")
        found[-1] += line + "\n"
        fenced ^= fence
    return [block.strip("\n") for block in found if block.strip()]


def plain(text):
    """Text without the marks of markdown."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"<[^>]+>", "", text)
    return re.sub(r"[*`$]", "", text).strip()


def sentence(block):
    """The first sentence or question of a paragraph, without marks; "" for lists and code."""
    if re.match(rf"```|\||{ITEM}|\$\$|<", block):
        return ""
    text = " ".join(plain(block).split())
    text = re.sub(r"^Predict\.? ", "Predict: ", text)
    ends = [m.end() for m in re.finditer(r"[.?!](?= [A-Z*]|$)", text)]
    # A question goes on until it is asked.
    if text.startswith("Predict") and "?" in text:
        ends = [text.rindex("?") + 1]
    cut = ends[0] if ends else len(text)
    return text if cut >= len(text) else text[:cut]


def caption(figure):
    """The alternative text of a figure, without what belongs to one of its pictures only."""
    table = re.search(r"<caption[^>]*>([^<]*)<", figure)
    if table:
        return unescape(table[1])
    alts = re.findall(r'<img alt="([^"]*)"', figure)
    alts = [alt for alt in alts if not alt.startswith("colour of ")]
    shared = os.path.commonprefix(alts)
    return unescape(shared if len(alts) == 1 else shared.rpartition(": ")[0] or shared)


def html(block):
    """A block of markdown as HTML: paragraphs, lists and code; tables and formulas as written."""
    if block.startswith("```") or block.startswith("|") or block.startswith("$$"):
        return f"<pre>{escape(block.strip('`').strip())}</pre>"
    items = re.split(rf"^(?:{ITEM})", block, flags=re.MULTILINE)
    if len(items) > 1 and not items[0].strip():
        return "<ul>" + "".join(f"<li>{inline(item)}</li>" for item in items[1:]) + "</ul>"
    return f"<p>{inline(block)}</p>"


def inline(text):
    """Bold, emphasis and code of a line of markdown; a link becomes its text."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"</?\w[^>]*>", "", text))
    parts = re.split(r"(`[^`]+`|\$[^$]+\$)", text)
    for k, part in enumerate(parts):
        if k % 2:
            parts[k] = f"<code>{escape(part.strip('`$'))}</code>"
            continue
        part = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", escape(part), flags=re.DOTALL)
        parts[k] = re.sub(r"\*(.+?)\*", r"<em>\1</em>", part, flags=re.DOTALL)
    return "".join(parts)


def page(slides, title):
    """The slides as one HTML page."""
    sections = []
    for k, slide in enumerate(slides):
        level = "h1" if k == 0 else "h2"
        line = f'<p class="line">{escape(shortened(slide.line))}</p>' if slide.line else ""
        notes = f'<aside class="notes">{"".join(slide.notes)}</aside>' if slide.notes else ""
        sections.append(
            f'<section class="slide" tabindex="-1" aria-label="slide {k + 1} of {len(slides)}">'
            f"<{level}>{escape(slide.title)}</{level}>{line}"
            f'<div class="shown">{slide.figure}</div>{notes}</section>'
        )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(sections)
        + f"\n{FOOT.format(escape(title))}\n<script>{MOVE}</script></body></html>\n"
    )


def shortened(line):
    """The line, cut at a word where it is too long for a slide."""
    return line if len(line) <= LONGEST else line[:LONGEST].rsplit(" ", 1)[0] + " ..."


def write(numbers, folder, notebooks=None):
    """Write the slides of chapters into a folder; returns the paths.

    InputError: a chapter that is not there, cannot be read or has not been run.
    """
    return [_write(number, Path(folder), notebooks) for number in numbers]


def _write(number, folder, notebooks):
    path = path_of(number, notebooks)
    if path is None:
        raise InputError(f"There is no chapter {number!r}; say 00 to {CHAPTERS[-1].number}.")
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        slides = slides_of(notebook, path.name)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no notebook that can be read; get it again.") from error
    target = folder / f"{path.stem}.html"
    with atomic(target) as half:
        half.write_text(page(slides, f"{number} {slides[0].title}"), encoding="utf-8")
    return target
