"""`python -m wsss_lite.exercises [--source FOLDER]`: make the exercises from their solutions.

Without options it rewrites `notebooks/exercises/`, and the line at the end of each chapter that
leads there. With --source it writes into FOLDER what nbgrader reads as its source versions,
FOLDER/NN_topic/NN_topic.ipynb with the solutions marked.
"""

import argparse
from pathlib import Path

import nbformat

from wsss_lite.exercises.links import exercises_of, linked
from wsss_lite.exercises.source import cells, notebook
from wsss_lite.files import atomic

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def written(path, solved=False):
    """The text of the notebook that the source at `path` makes."""
    made = notebook(path.read_text(encoding="utf-8"), solved)
    return nbformat.writes(made, version=nbformat.NO_CONVERT) + "\n"


def chapter_with_link(path):
    """(chapter, its text with the line that leads to the exercises of the source at `path`)."""
    chapter = NOTEBOOKS / f"{path.stem}.ipynb"
    count = sum(kind == "exercise" for kind, _, _ in cells(path.read_text(encoding="utf-8")))
    return chapter, linked(chapter.read_text(encoding="utf-8"), chapter.name, count)


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m wsss_lite.exercises", description=__doc__)
    parser.add_argument("--source", type=Path, metavar="FOLDER")
    folder = parser.parse_args(arguments).source
    for path in sorted((NOTEBOOKS / "solutions").glob("*.py")):
        out = NOTEBOOKS / exercises_of(f"{path.stem}.ipynb")
        if folder:
            out = folder / path.stem / f"{path.stem}.ipynb"
        put(out, written(path, solved=bool(folder)))
        if not folder:
            put(*chapter_with_link(path))


def put(path, text):
    """Write a file, and say so, if it is not there as it should be."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as half:
            half.write_text(text, encoding="utf-8")
        print(path.relative_to(path.parents[1]).as_posix())


if __name__ == "__main__":
    main()
