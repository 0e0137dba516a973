"""Weights that travel with the project: a folder of files, and beside them facts.json.

    write(folder, state, trunk, facts, remake)     float16, with the hash of the file
    state, known = read(folder, trunk, remake)     float32, after comparing the hashes

A damaged or foreign file is one sentence with the command that makes it again.
"""

import argparse
import json
import shutil
from pathlib import Path

from wsss_lite.errors import InputError
from wsss_lite.files import atomic, sha256

FACTS, NET = "facts.json", "net.safetensors"


def checked(folder, files, remake):
    """The facts of a folder of weights after comparing the hash of every file.

    remake: the command that makes them. InputError when a file is missing or was changed.
    """
    folder = Path(folder)
    for file in (FACTS, *files):
        if not (folder / file).is_file():
            raise InputError(f"{folder / file} is missing: restore it from the repository or "
                             f"remake it with `{remake}`.")
    known = json.loads((folder / FACTS).read_text())
    for file in files:
        if sha256(folder / file) != known["sha256"].get(file):
            raise InputError(f"{folder / file} was changed after it was made (its SHA-256 "
                             f"differs): restore it from the repository or remake it with "
                             f"`{remake}`.")
    return known


def write(target, state, trunk, facts, remake):
    """Write {name: tensor} in float16 and the facts to a folder; returns it."""
    from safetensors.torch import save_file

    target = Path(target)
    with atomic(target) as place:
        place.mkdir()
        save_file({k: v.detach().cpu().half().contiguous() for k, v in state.items()}, place / NET)
        facts = facts | {"trunk": trunk.fingerprint(), "remake": remake,
                         "sha256": {NET: sha256(place / NET)}}  # fmt: skip
        (place / FACTS).write_text(json.dumps(facts, indent=1) + "\n")
        shutil.rmtree(target, ignore_errors=True)  # a folder cannot be renamed onto another
    return target


def read(folder, trunk, remake):
    """({name: float32 tensor}, facts) of a folder. InputError: as `checked`, or another trunk."""
    from safetensors.torch import load_file

    known = checked(folder, (NET,), remake)
    if trunk.fingerprint() != known["trunk"]:
        raise InputError(f"The weights in {folder} were trained on another trunk than {trunk.name} "
                         f"at {trunk.size} pixels; use the default trunk at 224 pixels, or remake "
                         f"them on this one with `{remake}`.")
    return {name: value.float() for name, value in load_file(Path(folder) / NET).items()}, known


def options(description):
    """The parser of a training command, with what all of them have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--scenes", type=int, help="first so many of the corpus (all)")
    parser.add_argument("--out", type=Path, help="folder to write to, in place of data/weights")
    parser.add_argument("--evaluate", action="store_true", help="score the weights, train nothing")
    parser.add_argument("--force", action="store_true", help="write even if the score has moved")
    return parser


def target(folder, out=None):
    """A folder of weights, or that of the same name below `out`."""
    return out / folder.name if out else folder


def moved(now, then, tolerance, what):
    """InputError when a remade model is not as good, or not as bad, as the recorded one."""
    if abs(now - then) > tolerance:
        raise InputError(f"{what} came out at {now:.3f} on val, {then:.3f} are recorded: the "
                         "difference is larger than rounding explains; --force writes it anyway.")


def remade(folder, key, scores, tolerance, what):
    """InputError when `scores[key]` of a remade model is not near to what a folder has recorded.

    Where nothing is recorded anything goes.
    """
    before = Path(folder) / FACTS
    if before.exists():
        moved(scores[key], json.loads(before.read_text())[key], tolerance, what)
