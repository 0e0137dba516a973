"""Notebooks brought back as they came."""

from pathlib import Path

from wsss_lite.errors import InputError


def restore(name, source=None, target="."):
    """Bring back the original of a notebook; what you have written is kept under `mine/`.

    name: the file's name or its beginning, e.g. "01". source: the folder of the originals
    (default: the checkout's `notebooks`); target: the folder to put it into (default: this one).
    Reload the page afterwards (File > Reload Notebook from Disk).
    """
    from wsss_lite.setup import common, copies

    source = Path(source or common.NOTEBOOKS)
    found = sorted(source.glob("*.ipynb")) if source.is_dir() else []
    match = [p for p in found if p.name == name] or [p for p in found if p.name.startswith(name)]
    if len(match) != 1:
        names = ", ".join(p.stem for p in match or found) or "none; is this a checkout?"
        raise InputError(f"Which notebook is {name!r}? In {source.name}/ there are: {names}.")
    if Path(target).resolve() == source.resolve():
        raise InputError(
            f"{match[0].name} is the original itself; `git checkout {match[0].name}` restores it."
        )
    kept = copies.restore(match[0].name, source, target)
    print(f"{match[0].name} is the original again: File > Reload Notebook from Disk shows it")
    if kept:
        print(f"what you had is {Path(kept).relative_to(target).as_posix()}")
