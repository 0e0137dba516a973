"""requirements.lock: one file for every platform, with the build of torch left open."""

import re
import subprocess

from wsss_lite.setup.common import LOCK, ROOT, SetupError
from wsss_lite.setup.sources import find_uv, pip_settings, uv_environment, uv_sources

# The packages that make torch a matter of gigabytes.
CUDA = re.compile(r"^\W*(nvidia|cuda|triton)\b", re.MULTILINE)

LOCK_HEADER = """\
# Every package of the course with the version it was recorded with; `make lock` writes this file.
# torch stands without a build tag and without its CUDA packages: the set-up chooses the build.
"""


def locked():
    """The requirement lines of the lock file."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def lock(arguments):
    """Write requirements.lock anew from pyproject.toml, for Python 3.11 and later everywhere."""
    uv = find_uv()
    if not uv:
        raise SetupError("Writing the lock needs uv; `pip install uv` brings it.")
    command = [uv, "pip", "compile", "pyproject.toml", "--all-extras", "--universal"]
    command += ["--python-version", "3.11", "--no-annotate", "--no-header", "--quiet"]
    command += ["--constraint", "-", *uv_sources(pip_settings()), *arguments]
    pins = "\n".join(line for line in locked() if re.match(r"torch(vision)?==", line))
    done = subprocess.run(
        command, cwd=ROOT, input=pins, capture_output=True, text=True, env=uv_environment()
    )
    if done.returncode:
        raise SetupError(f"uv could not resolve pyproject.toml: {done.stderr.strip()}")
    LOCK.write_text(LOCK_HEADER + "".join(f"{line}\n" for line in portable(done.stdout)))
    return 0


def portable(text):
    """Lines of a resolution, with torch's build left open and its CUDA packages left out."""
    lines = []
    for line in text.splitlines():
        if CUDA.match(line):
            continue
        if match := re.match(r"torch(vision)?==[\d.]+", line):
            line = match[0]
        if line not in lines:
            lines.append(line)
    return lines
