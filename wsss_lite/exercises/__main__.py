"""`python -m wsss_lite.exercises [--source FOLDER]`: make the exercises from their solutions.

Without options it rewrites `notebooks/exercises/`. With --source it writes into FOLDER what
nbgrader reads as its source versions, FOLDER/NN_topic/NN_topic.ipynb with the solutions marked.
"""

import argparse
from pathlib import Path

import nbformat

from wsss_lite.exercises.source import notebook
from wsss_lite.files import atomic

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def written(path, solved=False):
    """The text of the notebook that the source at `path` makes."""
    made = notebook(path.read_text(encoding="utf-8"), solved)
    return nbformat.writes(made, version=nbformat.NO_CONVERT) + "\n"


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m wsss_lite.exercises", description=__doc__)
    parser.add_argument("--source", type=Path, metavar="FOLDER")
    folder = parser.parse_args(arguments).source
    for path in sorted((NOTEBOOKS / "solutions").glob("*.py")):
        out = NOTEBOOKS / "exercises" / f"{path.stem}.ipynb"
        if folder:
            out = folder / path.stem / out.name
        text = written(path, solved=bool(folder))
        if not out.is_file() or out.read_text(encoding="utf-8") != text:
            out.parent.mkdir(parents=True, exist_ok=True)
            with atomic(out) as half:
                half.write_text(text, encoding="utf-8")
            print(out.name)


if __name__ == "__main__":
    main()
