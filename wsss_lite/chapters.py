"""The chapters of the course: what they are called, and what one has read before.

This is the one place where that is written down. `python -m wsss_lite.chapters` writes it into the
first cell of every notebook; README.md draws it (`python -m benchmarks.readme`).
"""

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from wsss_lite.files import atomic
from wsss_lite.setup.common import NOTEBOOKS

GLOSSARY = "[Glossary](../GLOSSARY.md)"
MARK = "*Before this:* "  # how the line begins


@dataclass(frozen=True)
class Chapter:
    """A chapter; `needs` are the numbers of those that come before it, `helps` of useful ones."""

    number: str
    title: str
    needs: tuple = ()
    helps: tuple = ()


CHAPTERS = (
    Chapter("00", "The task"),
    Chapter("01", "Class activation maps", ("00",)),
    Chapter("02", "From maps to masks", ("00", "01")),
    Chapter("03", "CAM ensembles", ("01", "02")),
    Chapter("04", "Erasing, and other ways off the head", ("01", "02")),
    Chapter("05", "Boats without water", ("01", "02")),
    Chapter("06", "Affinity", ("01", "02")),
    Chapter("07", "An outside cue", ("01", "02"), ("06",)),
    Chapter("08", "Self-supervision", ("01", "02"), ("04",)),
    Chapter("09", "Transformers, and one stage", ("01", "02", "06")),
    Chapter("10", "Noisy labels, and the best from tags", ("02", "05"), ("06",)),
    Chapter("11", "Boxes", ("02", "06")),
    Chapter("12", "Scribbles", ("02", "06")),
    Chapter("13", "Points", ("02", "06"), ("11", "12")),
    Chapter("14", "The price of a label", ("00",), ("11", "12", "13")),
    Chapter("15", "CLIP", ("01", "02", "05")),
    Chapter("16", "SAM", ("02", "11"), ("13", "15")),
    Chapter("17", "The ladder", ("00", "01", "02"), ("14",)),
    Chapter("18", "Your own pictures", ("00", "01", "02"), ("05",)),
)


def path_of(number, folder=None):
    """Path of a chapter's notebook, or None where it is not there."""
    return next(iter(sorted(Path(folder or NOTEBOOKS).glob(f"{number}_*.ipynb"))), None)


def before(chapter, folder=None):
    """The line of a notebook that links to what comes before it, and to the glossary."""

    def links(numbers):
        paths = [(number, path_of(number, folder)) for number in numbers]
        return ", ".join(f"[{n}]({path.name})" if path else n for n, path in paths)

    word = "chapter" if len(chapter.needs) == 1 else "chapters"
    text = f"{word} {links(chapter.needs)}" if chapter.needs else "no other chapter"
    if chapter.helps:
        text += f"; {links(chapter.helps)} if you can"
    return f"{MARK}{text} · {GLOSSARY}"


def drawing(chapters=CHAPTERS):
    """The chapters as a tree of text: each below the last that it needs, the others named.

    A need that the place in the tree already says (what stands above it) is not named again.
    """
    above = {c.number: c.needs[-1] if c.needs else None for c in chapters}
    lines = []

    def ancestors(number):
        return [number, *ancestors(above[number])] if number else []

    def draw(chapter, lead, branch):
        said = ancestors(above[chapter.number])
        more = [n for n in chapter.needs if n not in said]
        notes = [f"and {', '.join(more)}"] * bool(more)
        notes += [f"better with {', '.join(chapter.helps)}"] * bool(set(chapter.helps) - set(said))
        note = f"  ({'; '.join(notes)})" if notes else ""
        lines.append(f"{lead}{branch}{chapter.number} {chapter.title}{note}")
        lead += {"": "", "├─ ": "│  ", "└─ ": "   "}[branch]
        below = [c for c in chapters if above[c.number] == chapter.number]
        for one in below:
            draw(one, lead, "└─ " if one is below[-1] else "├─ ")

    for root in (c for c in chapters if not c.needs):
        draw(root, "", "")
    return "```\n" + "\n".join(lines) + "\n```"


def with_line(source, line):
    """The source of a first cell with the line at its end, in place of an older one."""
    kept = re.sub(rf"\n*^{re.escape(MARK)}.*$", "", source, flags=re.MULTILINE)
    return f"{kept.rstrip()}\n\n{line}"


def write(folder=None):
    """Put the line into the first cell of every notebook; returns the names that changed."""
    changed = []
    for chapter in CHAPTERS:
        path = path_of(chapter.number, folder)
        if path is None:
            continue
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cell = notebook["cells"][0]
        old = "".join(cell["source"])
        new = with_line(old, before(chapter, folder))
        if new != old:
            cell["source"] = new.splitlines(keepends=True)
            text = json.dumps(notebook, indent=1, ensure_ascii=False)
            with atomic(path) as half:
                half.write_text(text + "\n", encoding="utf-8")
            changed.append(path.name)
    return changed


if __name__ == "__main__":
    print("\n".join(write()) or "every notebook has its line", file=sys.stdout)
