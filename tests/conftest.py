"""What holds for every test: no network, quiet libraries, one thread a process."""

import os
import tempfile
from pathlib import Path

import no_network
import pytest

# Before any library reads them.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")
SLOW = ("browser", "methods", "exercises", "results")
REPO = Path(__file__).resolve().parents[1]

STARTUP = f"""\
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import no_network
sys.path.pop(0)
no_network.forbid()
"""


def pytest_configure(config):
    """Give the notebooks' kernels, which are processes of their own, the same guard."""
    folder = tempfile.TemporaryDirectory(prefix="wsss-lite-ipython-")
    startup = Path(folder.name) / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-no-network.py").write_text(STARTUP)
    os.environ["IPYTHONDIR"] = folder.name
    config.add_cleanup(folder.cleanup)


def pytest_collection_modifyitems(items):
    """Notebooks first, then what takes minutes: no worker is left alone with it at the end."""
    slow = [f"tests/test_{name}" for name in SLOW]
    items.sort(key=lambda item: (
        not item.nodeid.startswith("notebooks/"), not item.nodeid.startswith(tuple(slow))
    ))  # fmt: skip


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Every test runs without connections to other machines, and with the cache's usual cap."""
    monkeypatch.delenv("WSSS_LITE_CACHE_GB", raising=False)
    for owner, name, guard in no_network.GUARDS:
        monkeypatch.setattr(owner, name, guard(getattr(owner, name)))


@pytest.fixture(scope="session")
def repo():
    """Root of the checkout."""
    return REPO


# Shared by several files of tests; defined beside what they are made from.
from tiny_world import maskless, quick, rows, session_cache, tiny, trunk  # noqa: E402, F401
