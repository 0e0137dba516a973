"""The environment `.venv`: made once, filled from the lock, recognised by a stamp afterwards."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from wsss_lite.setup.common import (
    LOCK,
    PYTHON,
    ROOT,
    STAMP,
    VENV,
    SetupError,
    check,
    last_line,
    read_json,
    say,
)
from wsss_lite.setup.jupyter import configure_jupyter
from wsss_lite.setup.lockfile import CUDA, locked
from wsss_lite.setup.sources import find_uv, pip_settings, uv_environment, uv_sources

OLDEST = (3, 11)
CRF = "pydensecrf2"

NO_CPU_TORCH = """\
The package registry offers torch for this machine only with several GB of CUDA packages, and no
CPU build could be reached. Either put a CPU wheel of torch into a folder and name that folder in
PIP_FIND_LINKS, or accept the CUDA build with WSSS_LITE_TORCH=cuda; then run this again."""


def set_up():
    """Make .venv fit the lock file; a stamp in it makes a second call a matter of milliseconds."""
    if sys.version_info < OLDEST:
        raise SetupError(
            f"This is Python {platform.python_version()}; wsss-lite needs "
            f"{'.'.join(map(str, OLDEST))} or newer. Name it: make lab PYTHON=python3.12"
        )
    wanted = fingerprint()
    stamp = read_json(STAMP)
    # The interpreter that .venv points to may have been removed since.
    alive = bool(stamp) and PYTHON.exists()
    if alive and stamp.get("fingerprint") == wanted:
        return
    started = time.monotonic()
    say("setting up .venv; this happens once and takes a few minutes")
    if not alive:
        make_venv()
    # Without a stamp an interrupted set-up starts afresh instead of trusting half a package.
    STAMP.unlink(missing_ok=True)
    crf = install()
    configure_jupyter()
    STAMP.write_text(json.dumps({"fingerprint": wanted, "crf": crf}))
    say(f"ready after {time.monotonic() - started:.0f} s")


def fingerprint():
    """What .venv depends on; any change of it makes the set-up run again."""
    inputs = [LOCK, ROOT / "pyproject.toml", Path(__file__)]
    return {
        "files": hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest(),
        "root": str(ROOT),
        "compiler": has_compiler(),
        "torch": os.environ.get("WSSS_LITE_TORCH", "cpu"),
    }


def in_venv():
    """Whether this very process runs inside .venv."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def make_venv():
    """An empty environment with uv in it where that is to be had, else with pip alone."""
    if in_venv():
        raise SetupError(".venv cannot replace itself; leave it (deactivate) and run this again.")
    command = [sys.executable, "-m", "venv", "--clear", str(VENV)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        # Debian keeps ensurepip in a package of its own; uv does not need it.
        if not shutil.which("uv"):
            raise SetupError(
                f"Python could not make an environment: {last_line(done)} On Debian and Ubuntu "
                "`sudo apt-get install python3-venv` mends it; then run this again."
            )
        check(["uv", "venv", "--clear", "--seed", "--python", sys.executable, str(VENV)])


def install():
    """Install the lock and this checkout; return whether the dense CRF was built."""
    uv = find_uv()
    say(f"installing {len(locked())} packages with {'uv' if uv else 'pip'}")
    installer = uv_installer(uv) if uv else [str(PYTHON), "-m", "pip", "install"]
    environment = uv_environment() if uv else None
    cuda = os.environ.get("WSSS_LITE_TORCH") == "cuda"
    if not cuda:
        installer = installer + cpu_option(installer, bool(uv), environment)
    crf = install_lock(installer, environment, cuda, bool(uv))
    check([*installer, "--quiet", "--no-deps", "--editable", str(ROOT)], env=environment)
    return crf


def install_lock(installer, environment, cuda, uv):
    """Install the locked packages; the CRF is built along with them where it can be."""
    everything = VENV / "lock.txt"
    without = VENV / "lock-without-crf.txt"
    everything.write_text("\n".join(locked()) + "\n")
    without.write_text("\n".join(x for x in locked() if not x.startswith(CRF)) + "\n")
    # The lock is complete, so nothing but what it names is installed; a CUDA build of torch is
    # the exception, its packages being left out of the lock.
    # uv leaves compiling to bytecode to the first import; done here, all cores share it.
    options = ["--no-deps"] + (["--compile-bytecode"] if uv else ["--quiet"])
    crf = has_compiler()
    if crf:
        done = subprocess.run([*installer, *options, "-r", str(everything)], env=environment)
        crf = done.returncode == 0
    if not crf:
        say(
            "going on without the dense CRF (pydensecrf2 needs a C++ compiler and Python's "
            "headers); crf() will use pixel-adaptive refinement instead"
        )
        check([*installer, *options, "-r", str(without)], env=environment)
    if cuda:
        torch = [line for line in locked() if re.match(r"torch(vision)?==", line)]
        check([*installer, *torch], env=environment)
    return crf


def uv_installer(uv):
    """`uv pip install` into .venv, with the sources that pip is configured for."""
    return [uv, "pip", "install", "--python", str(PYTHON), *uv_sources(pip_settings())]


def cpu_option(installer, uv, environment):
    """What keeps CUDA away: nothing where the sources hold a CPU build, else uv's own option."""
    torch = [line for line in locked() if line.startswith("torch==")]
    if not asks_for_cuda([*installer, *torch], uv, environment):
        return []
    option = ["--torch-backend", "cpu"]
    if uv and not asks_for_cuda([*installer, *option, *torch], uv, environment):
        return option
    raise SetupError(NO_CPU_TORCH)


def asks_for_cuda(command, uv, environment):
    """Whether that installation would bring CUDA packages (or cannot be had at all)."""
    options = ["--dry-run"] if uv else ["--dry-run", "--quiet", "--report", "-"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, env=environment)
    if done.returncode:
        return True
    if uv:
        return bool(CUDA.search(done.stderr + done.stdout))
    plan = json.loads(done.stdout)["install"]
    return any(CUDA.match(package["metadata"]["name"]) for package in plan)


def has_compiler():
    """Whether a C++ extension can be built: a compiler and Python's headers."""
    if os.name == "nt":
        return True  # found through the registry, so trying is the only way to know
    headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
    return headers.exists() and any(map(shutil.which, ("c++", "g++", "clang++")))
