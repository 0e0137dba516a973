"""The mend of torchvision's operators: applied when they are missing, and only then."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]

# What a torchvision whose compiled half cannot be loaded does, reduced to its first lines.
BROKEN = """
import torch
import torchvision.half_loaded
torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::nms", "Meta")
"""

# What a healthy one does: it registers its namespace itself, which can be done only once.
HEALTHY = """
import torch
library = torch.library.Library("torchvision", "DEF")
library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
OWN = True
"""


def run(code, path=()):
    """Standard output of `code` in a fresh interpreter, `path` in front of its modules."""
    places = os.pathsep.join([*map(str, path), str(REPO)])
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": places, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    return done.stdout.strip(), done.stderr


def fake(folder, body):
    """A package called torchvision with `body` as its code."""
    package = folder / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text(body)
    (package / "half_loaded.py").write_text("")
    return folder


def test_the_real_pair_imports():
    out, err = run(
        """
        from wsss_lite._compat import mend_torchvision
        word = mend_torchvision()
        import torch, torchvision
        from torchvision.models import resnet50
        from torchvision.transforms import v2
        print(word, v2.Resize(4)(torch.zeros(3, 8, 8)).shape[-1], mend_torchvision() == word)
        """
    )
    assert out in ("fine 4 True", "mended 4 True"), err


def test_missing_operators_are_declared(tmp_path):
    code = """
        from wsss_lite._compat import mend_torchvision
        print(mend_torchvision(), end=" ")
        import torch, torchvision
        print(bool(torch.ops.torchvision.nms), bool(torch.ops.torchvision.qnms))
        """
    out, err = run(code, [fake(tmp_path, BROKEN)])
    assert out == "mended True True", err


def test_without_the_mend_the_broken_one_dies(tmp_path):
    """Otherwise the test above would prove nothing."""
    out, err = run("import torchvision", [fake(tmp_path, BROKEN)])
    assert "operator torchvision::nms does not exist" in err


def test_a_healthy_torchvision_is_left_alone(tmp_path):
    code = """
        from wsss_lite import _compat
        print(_compat.mend_torchvision(), _compat._library)
        import torchvision
        print(torchvision.OWN)
        """
    out, err = run(code, [fake(tmp_path, HEALTHY)])
    assert out.split() == ["fine", "None", "True"], err


@pytest.mark.parametrize("body", ["raise RuntimeError('something else')", "import not_there"])
def test_other_failures_are_not_hidden(tmp_path, body):
    out, err = run(
        "from wsss_lite._compat import mend_torchvision; mend_torchvision()",
        [fake(tmp_path, body)],
    )
    assert "something else" in err or "not_there" in err


def test_no_torchvision_at_all(monkeypatch):
    from wsss_lite import _compat

    def gone(name):
        raise ModuleNotFoundError("No module named 'torchvision'", name="torchvision")

    monkeypatch.setattr(_compat, "_library", None)
    monkeypatch.setattr(_compat.importlib, "import_module", gone)
    assert _compat.mend_torchvision() == "absent"


def test_nothing_imports_torchvision_itself():
    """Where its compiled half does not fit, that fails unless the mend came first."""
    line = re.compile(r"^\s*(from|import) torchvision", re.MULTILINE)
    files = (REPO / "wsss_lite").rglob("*.py")
    found = [path.name for path in files if line.search(path.read_text("utf-8"))]
    assert not found
