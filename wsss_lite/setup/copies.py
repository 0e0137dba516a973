"""The reader's copies of the notebooks in work/, which no update ever overwrites.

The documents that notebooks link to with `../` are copied beside them: JupyterLab shows nothing
above work/, and there takes `../GLOSSARY.md` for `GLOSSARY.md`.
"""

import json
import shutil
from pathlib import Path

from wsss_lite.setup.common import NOTEBOOKS, WORK, digest, read_json

DOCUMENTS = ("GLOSSARY.md",)  # beside notebooks/, linked from them
# Not for readers: what Jupyter and Python leave behind, and the answers to the exercises.
LEFT_OUT = {".ipynb_checkpoints", "__pycache__", "solutions"}


def copy_notebooks(source=None, target=None):
    """Bring work/ up to date with notebooks/ without losing a reader's changes.

    A copy that the reader changed moves to work/mine/ when the original has changed too; until
    then it stays as it is. Returns a line for the reader about each one that moved.
    """
    source, target = Path(source or NOTEBOOKS), Path(target or WORK)
    target.mkdir(exist_ok=True)
    ledger = target / ".originals.json"
    known = read_json(ledger)
    lines = []
    for name, path in originals(source):
        copy, new = target / name, digest(path)
        if copy.exists() and known.get(name) == new:
            continue
        if copy.exists() and digest(copy) not in (known.get(name), new):
            kept = set_aside(copy, target)
            lines.append(f"{name} is new; your changed copy is now {kept.relative_to(target)}")
        put(path, copy)
        known[name] = new
    ledger.write_text(json.dumps(known, indent=1))
    return lines


def originals(source):
    """(name in work/, path) of every file that a reader gets a copy of."""
    inside = [(path.relative_to(source).as_posix(), path) for path in sorted(source.rglob("*"))]
    beside = [(name, source.parent / name) for name in DOCUMENTS]
    return [
        (name, path)
        for name, path in inside + beside
        if path.is_file() and not LEFT_OUT & set(name.split("/"))
    ]


def restore(name, source=None, target=None):
    """Put the original of one notebook back into work/; the changed copy moves to work/mine/.

    Returns the path that the changed copy has now, or None when there was nothing to keep.
    """
    source, target = Path(source or NOTEBOOKS), Path(target or WORK)
    original, copy, kept = source / name, target / name, None
    if copy.exists() and digest(copy) != digest(original):
        kept = set_aside(copy, target)
    put(original, copy)
    ledger = target / ".originals.json"
    ledger.write_text(json.dumps(read_json(ledger) | {name: digest(original)}, indent=1))
    return kept


def set_aside(copy, target):
    """Move a changed copy to work/mine/ under a name that is free; return its new path.

    Exercises, which have a folder of their own, go to work/mine/exercises/.
    """
    folder = target / "mine" / copy.relative_to(target).parent
    folder.mkdir(parents=True, exist_ok=True)
    number, place = 1, folder / copy.name
    while place.exists():
        number += 1
        place = folder / f"{copy.stem}-{number}{copy.suffix}"
    shutil.move(copy, place)
    return place


def put(path, copy):
    """Copy a file so that an interruption leaves the old one or the new one, never half."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    half = copy.with_name(f".{copy.name}.part")
    shutil.copyfile(path, half)
    half.replace(copy)
