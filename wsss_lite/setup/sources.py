"""uv, and pip's settings handed on to it, which it does not read by itself."""

import ast
import contextlib
import os
import re
import shutil
import subprocess
import sys

from wsss_lite.setup.common import BIN, PYTHON


def find_uv():
    """Path of uv: the reader's own, else one fetched into .venv, else None."""
    if os.environ.get("WSSS_LITE_INSTALLER") == "pip":
        return None
    own = shutil.which("uv")
    if own:
        return own
    inside = BIN / ("uv.exe" if os.name == "nt" else "uv")
    if not inside.exists():
        command = [str(PYTHON), "-m", "pip", "install", "--quiet", "uv>=0.7"]
        subprocess.run(command, capture_output=True)
    return str(inside) if inside.exists() else None


def pip_settings(listing=None):
    """pip's own settings, as {"find-links": [...], ...}; the environment overrides the files."""
    if listing is None:
        python = PYTHON if PYTHON.exists() else sys.executable
        command = [str(python), "-m", "pip", "config", "list"]
        listing = subprocess.run(command, capture_output=True, text=True).stdout
    settings = {}
    # Sections come as global, install and :env:, each stronger than the one before.
    order = {"global": 0, "install": 1, ":env:": 2}
    found = re.findall(r"^(global|install|:env:)\.([\w-]+)=(.*)$", listing, re.MULTILINE)
    for _, key, value in sorted(found, key=lambda row: order[row[0]]):
        with contextlib.suppress(ValueError, SyntaxError):
            settings[key.replace("_", "-")] = str(ast.literal_eval(value)).split()
    return settings


def uv_sources(settings):
    """pip's sources as options of uv, which does not read pip's settings by itself."""
    options = []
    for key in ("index-url", "extra-index-url", "find-links"):
        for value in settings.get(key, []):
            options += [f"--{key}", value]
    if settings.get("extra-index-url"):
        # pip takes the best version among all sources; uv would stop at the first that knows
        # a package.
        options += ["--index-strategy", "unsafe-best-match"]
    for host in settings.get("trusted-host", []):
        options += ["--allow-insecure-host", host]
    if settings.get("no-index", ["0"])[0].lower() in ("1", "true", "yes", "on"):
        options.append("--no-index")
    return options


def uv_environment():
    """The environment with pip's certificate and time-out handed on to uv."""
    settings = pip_settings()
    environment = dict(os.environ)
    # What the reader has told uv itself stands.
    for key, variable in (("cert", "SSL_CERT_FILE"), ("default-timeout", "UV_HTTP_TIMEOUT")):
        if settings.get(key):
            environment.setdefault(variable, settings[key][0])
    return environment
