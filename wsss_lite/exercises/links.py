"""Where the exercises of a chapter lie, and the line at its end that leads there."""

import re

import nbformat

COUNTS = {3: "three", 4: "four", 5: "five", 6: "six", 7: "seven"}
LINE = re.compile(r"\n*^Exercises: \[.*\]\(exercises/.*\)\.?$", re.M)


def exercises_of(name):
    """The place of a chapter's exercises beside it, for a file name such as 01_x.ipynb.

    The two names begin differently, since the tabs of JupyterLab show no more than the beginning.
    """
    return f"exercises/exercises_{name}"


def linked(text, name, count):
    """The text of a chapter's notebook whose last markdown cell leads to its exercises.

    name: the chapter's file name; count: how many exercises. A line that is there already is
    replaced, so that doing it twice changes nothing; outputs stay as they are.
    """
    chapter = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
    last = [cell for cell in chapter.cells if cell.cell_type == "markdown"][-1]
    line = f"Exercises: [{COUNTS.get(count, count)} for this chapter]({exercises_of(name)})."
    last.source = LINE.sub("", last.source).rstrip("\n") + f"\n\n{line}"
    return nbformat.writes(chapter, version=nbformat.NO_CONVERT) + "\n"
