"""One source for exercise and solution: `notebooks/solutions/NN_topic.py` makes the notebooks.

A source is Python with a line before each cell:

    # %% [markdown]          text, each line after "# "
    # %%                     a cell that is given and stays
    # %% exercise 01.1       the reader's cell; the lines between ### BEGIN SOLUTION and
                             ### END SOLUTION are left out for the reader
    # %% check 01.1          the self-check, a graded cell

It runs from top to bottom as it stands, which is how the solutions are tested. `notebook` makes
either the exercise or, with its solutions, the file which nbgrader calls the source version.
"""

import re

import nbformat

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
EMPTY = ["# YOUR CODE HERE", "raise NotImplementedError()"]  # as nbgrader leaves it
MARK = re.compile(r"# %%(?: (\[markdown\]|exercise|check)(?: (\d\d\.\d+))?)?\n?$")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def cells(text):
    """[(kind, number, source)] of a source file; kind: "markdown", "code", "exercise", "check".

    Raises ValueError for a line "# %%" that is none of the four, and for text before the first.
    """
    found = []
    for line in text.splitlines(keepends=True):
        if line.startswith("# %%"):
            mark = MARK.match(line)
            if not mark:
                raise ValueError(f"not a cell mark: {line.strip()!r}")
            kind = (mark[1] or "code").strip("[]")
            found.append((kind, mark[2], []))
        elif found:
            found[-1][2].append(line)
        elif line.strip():
            raise ValueError(f"text before the first cell: {line.strip()!r}")
    return [(kind, number, _text(kind, lines)) for kind, number, lines in found]


def _text(kind, lines):
    if kind == "markdown":
        lines = [re.sub(r"^# ?", "", line) for line in lines]
    return "".join(lines).strip("\n")


def cleared(source):
    """A cell without its solution: each marked part becomes two lines which raise."""
    kept, inside = [], False
    for line in source.splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        if line.strip() == BEGIN:
            inside = True
            kept += [indent + one for one in EMPTY]
        elif line.strip() == END:
            inside = False
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def notebook(text, solved=False):
    """A source file's text as a notebook; solved: with the solutions between their marks."""
    made = []
    for place, (kind, number, source) in enumerate(cells(text)):
        if kind == "markdown":
            cell = nbformat.v4.new_markdown_cell(source)
        else:
            hidden = kind == "exercise" and not solved
            cell = nbformat.v4.new_code_cell(cleared(source) if hidden else source)
        if kind in ("exercise", "check"):
            cell.metadata["nbgrader"] = _graded(kind, number)
        cell.id = f"{kind}-{number.replace('.', '-')}" if number else f"{kind}-{place}"
        made.append(cell)
    metadata = {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}}
    return nbformat.v4.new_notebook(cells=made, metadata=metadata)


def _graded(kind, number):
    """nbgrader's mark of a cell: the reader's is collected, its check earns one point."""
    check = kind == "check"
    mark = {
        "schema_version": 3,
        "grade_id": f"{kind}-{number.replace('.', '-')}",
        "grade": check,
        "solution": not check,
        "locked": check,
        "task": False,
    }
    return mark | ({"points": 1} if check else {})
