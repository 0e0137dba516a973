"""What a notebook's stored outputs were made from, so that only what changed is run again.

A notebook is run again when one of these is another than at its last run:

- the source of its code cells (prose may change freely),
- the code of the package that these import, and whatever that imports, without docstrings and
  comments,
- the files of the methods that they name ("cam", "oaa"), which the lab finds by their names,
- the recorded rows, without times, where it reads the store of results,
- what is written down beside the shipped weights, where an assistant is among the imports.

Not seen: other versions of libraries, and data that lies outside the checkout. `make notebooks
ARGS=--all` runs everything.
"""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

import nbformat

from wsss_lite.files import atomic, data_dir
from wsss_lite.registry import methods
from wsss_lite.results import PACKAGE, folder, source

TIMES = ("seconds", "features_seconds", "peak_mb")


def digest(path):
    """Hex string of all that the outputs of a notebook depend on."""
    code = code_of(path)
    tree = parsed(code)
    files = closure(tree)
    found = hashlib.sha256(code.encode())
    for one in sorted(files):
        found.update(one.relative_to(PACKAGE).as_posix().encode() + source(one)[1])
    if PACKAGE / "results.py" in files:
        found.update(recorded_rows())
    if any(one.parent == PACKAGE / "assist" for one in files):
        for one in sorted((data_dir() / "weights").rglob("*.json")):
            found.update(one.read_bytes())
    return found.hexdigest()[:16]


def code_of(path):
    """The sources of a notebook's code cells, without the lines that only Jupyter understands."""
    cells = nbformat.read(path, as_version=4).cells
    lines = "\n".join(c.source for c in cells if c.cell_type == "code").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))


def parsed(code):
    """The syntax tree of cells; an empty one where they are no Python, whose text still counts."""
    try:
        return ast.parse(code)
    except SyntaxError:
        return ast.parse("")


def closure(tree):
    """Files of the package that code imports or names as methods, and what these import in turn."""
    seen, waiting = set(), imported(tree) | methods_named(tree)
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting |= imports_of(path, path.stat().st_mtime_ns)
    return seen


@cache
def imports_of(path, changed):
    """Files of the package that one of its files imports; those that draw or print count too."""
    return imported(ast.parse(path.read_text(encoding="utf-8")))


def imported(tree):
    """Files of the package that a syntax tree imports."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
    return set(filter(None, map(file_of, names)))


def file_of(name):
    """The file of a module or package within ours; None for all else."""
    first, *rest = name.split(".")
    stem = PACKAGE.joinpath(*rest)
    places = [stem / "__init__.py", *([stem.with_suffix(".py")] if rest else [])]
    return next((p for p in places if first == PACKAGE.name and p.is_file()), None)


def methods_named(tree):
    """Files of the methods whose names stand in a syntax tree as strings."""
    known = methods()
    words = {
        n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and type(n.value) is str
    }
    return set(filter(None, (file_of(known[w].function.__module__) for w in words & set(known))))


def recorded_rows():
    """The recorded rows as bytes; times differ from run to run and are left out."""
    rows = []
    for path in sorted(folder().rglob("*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        row = entry.get("row", {}) if isinstance(entry, dict) else {}
        rows.append([path.name, {k: v for k, v in sorted(row.items()) if k not in TIMES}])
    return json.dumps(rows).encode()


# The ledger


def ledger(notebooks):
    """The file that says what each notebook was last made from."""
    return Path(notebooks).parent / "data" / "notebooks.json"


def known(notebooks):
    """{file name: digest at its last run}; empty where nothing was noted or it cannot be read."""
    try:
        found = json.loads(ledger(notebooks).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def note(path, made_from):
    """Write down what a notebook was just made from; notebooks that are gone are dropped."""
    folder = Path(path).parent
    entries = {k: v for k, v in known(folder).items() if (folder / k).is_file()}
    entries[Path(path).name] = made_from
    with atomic(ledger(folder)) as part:
        part.write_text(json.dumps(entries, indent=1, sort_keys=True) + "\n", encoding="utf-8")
