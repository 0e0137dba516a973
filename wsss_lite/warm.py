"""Fills a cache ahead of a course: the reader's own, or a folder that a whole class reads.

A teacher runs `wsss-lite warm --to FOLDER` once; the kernels of the class have WSSS_LITE_SHARED
set to it and look there after their own cache. They never write there, so FOLDER may be mounted
read-only. What is damaged in it is made anew for whoever meets it, and by the next `warm --to`
for all.
"""

import contextlib
import os
from pathlib import Path

from wsss_lite.errors import InputError
from wsss_lite.files import cache_dir, open_to_all

SPLITS = ("fresh", "sweep")  # beside those that a world has without being asked


def warm(trunk="lite0", to=None, chapters=()):
    """Draw scenes and compute features; yields a line about each step.

    to: the folder to fill in place of the reader's cache. chapters: beginnings of names of
    notebooks, such as "01", that are run once, so that the cache holds what they ask for.
    """
    with filling(to):
        yield from scenes_and_features(trunk)
        yield from run_through(chapters)
        if to:
            open_to_all(to)
            yield f"for the kernels of the class: export WSSS_LITE_SHARED={Path(to).absolute()}"


@contextlib.contextmanager
def filling(to):
    """Within it the cache is the folder `to`, where one is given, and nothing is shared."""
    if to is None:
        yield
        return
    names = ("WSSS_LITE_CACHE", "WSSS_LITE_SHARED")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ["WSSS_LITE_CACHE"] = str(Path(to).absolute())
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ |= {name: value for name, value in before.items() if value is not None}


def scenes_and_features(trunk):
    """All scenes but the corpus, checked and mended, and what maps and segmenters read of them."""
    from wsss_lite.course import pooled
    from wsss_lite.data.pocket import PocketVOC
    from wsss_lite.lab import Lab
    from wsss_lite.nets.segmenter import STAGES

    world = PocketVOC(extra=SPLITS)
    mended = world.mend()
    lab = Lab(world, trunk)
    scored = tuple(world.ids("dev")) if "dev" in world.splits else ()
    lab.bank.prepare(lab.train + lab.tune + scored, ("final", *STAGES))
    lab.bank.prepare(lab.test, STAGES)
    pooled(lab, world.ids("ood"))
    found = f"; {mended * 20} scenes were damaged and drawn again" if mended else ""
    yield f"scenes are in {world.root}{found}"
    yield f"features are in {lab.bank.folder}"


def run_through(chapters):
    """Run notebooks for what they leave in the cache; their files stay as they are."""
    if not chapters:
        return
    from wsss_lite.execute import chosen, play

    paths = chosen(chapters)
    if not paths:
        raise InputError(f"No notebook begins with {', '.join(chapters)}; give numbers such as 01.")
    for path in paths:
        _, seconds = play(path)
        yield f"{path.name} was run once ({seconds:.0f} s); all it needs is in {cache_dir()}"
