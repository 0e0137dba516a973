"""JupyterLab on the reader's copies: quiet, without the network, its state under .venv."""

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import webbrowser

from wsss_lite.setup.common import PYTHON, VENV, WORK, SetupError, check
from wsss_lite.setup.copies import copy_notebooks


def lab(arguments):
    """Open the course in JupyterLab and print its address; return its exit status."""
    parser = argparse.ArgumentParser(prog="wsss_lite.setup lab")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    parser.add_argument("--port", type=int, help="instead of the first free one from 8888 on")
    options = parser.parse_args(arguments)
    for line in copy_notebooks():
        print(line)
    port = options.port or free_port()
    token = secrets.token_hex(16)
    # Whoever ends this process politely ends the server with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    first = min((path.name for path in WORK.glob("00_*.ipynb")), default="")
    page = f"lab/tree/{first}" if first else "lab"
    address = f"http://127.0.0.1:{port}/{page}?token={token}"
    server = subprocess.Popen(
        [str(PYTHON), "-m", "jupyterlab", *jupyter_options(port)],
        cwd=WORK,
        env=jupyter_environment() | {"JUPYTER_TOKEN": token},
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/api", server)
        print(f"\nJupyterLab is ready at\n\n    {address}\n\nCtrl-C stops it.", flush=True)
        if not options.no_browser and has_display():
            webbrowser.open(address)
        return server.wait()
    except KeyboardInterrupt:
        return stop(server)
    finally:
        stop(server)


def jupyter_environment():
    """The environment with all of Jupyter's own state under .venv."""
    state = VENV / "jupyter"
    return os.environ | {
        "JUPYTER_CONFIG_DIR": str(state / "config"),
        "JUPYTER_DATA_DIR": str(state / "data"),
        "JUPYTER_RUNTIME_DIR": str(state / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(state / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"),
        "IPYTHONDIR": str(state / "ipython"),
    }


def jupyter_options(port):
    """Options for a quiet server that asks nothing of the network."""
    options = [
        "--no-browser",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={WORK}",
        "--ServerApp.answer_yes=True",
        "--Application.log_level=WARN",
        "--KernelManager.transport_encryption=auto",  # else each kernel warns of eavesdroppers
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    # Containers run as root, which Jupyter refuses unless told.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    return options


def configure_jupyter():
    """Register the kernel of .venv and switch off news and update checks in the page itself."""
    overrides = VENV / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    overrides.parent.mkdir(parents=True, exist_ok=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    overrides.write_text(json.dumps({"@jupyterlab/apputils-extension:notification": quiet}))
    command = [str(PYTHON), "-m", "ipykernel", "install", "--prefix", str(VENV)]
    command += ["--name", "python3", "--display-name", "Python 3 (wsss-lite)"]
    check(command, quiet=True, env=jupyter_environment())


def free_port(first=8888, tries=50):
    """The first port from `first` on that nobody listens to."""
    for port in range(first, first + tries):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise SetupError(f"Ports {first} to {first + tries - 1} are all taken; name one with --port.")


def has_display():
    """Whether a browser could be shown here."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def wait_for(address, server, seconds=120):
    """Return once the server answers at `address`."""
    # A proxy that the reader has set must not be asked for this very machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            raise SetupError("JupyterLab stopped before it was ready; its last lines say why.")
        try:
            with opener.open(address, timeout=5):
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise SetupError(f"JupyterLab did not answer within {seconds} s; try --port with another one.")


def stop(server):
    """End the server, which may have ended by itself; return 0."""
    if server.poll() is None:
        server.terminate()
        try:
            server.wait(10)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            server.kill()
    return 0
