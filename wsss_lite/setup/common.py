"""Where things are, and the few helpers that every part of the set-up uses."""

import contextlib
import hashlib
import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = VENV / "wsss-lite.json"
LOCK = ROOT / "requirements.lock"
NOTEBOOKS = ROOT / "notebooks"
WORK = ROOT / "work"


class SetupError(Exception):
    """The set-up cannot go on; the message says why and what to do."""


def say(line):
    """Print a line of the set-up's own at once."""
    print(f"[wsss-lite] {line}", flush=True)


def check(command, quiet=False, env=None):
    """Run a command; a failure becomes a SetupError with its last line."""
    done = subprocess.run(command, capture_output=quiet, text=True, env=env)
    if done.returncode:
        words = " ".join(map(str, command[:4]))
        raise SetupError(f"`{words} ...` failed. {last_line(done)}".strip())


def last_line(done):
    """The last line that a finished command printed, if it was captured."""
    lines = ((done.stdout or "") + (done.stderr or "")).strip().splitlines()
    return lines[-1] if lines else ""


def digest(path):
    """Hex digest of a file's content."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def read_json(path):
    """The dictionary in a JSON file; empty when the file is missing or broken."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}
