"""Two processes under torchrun (gloo) do what one does: maps to the bit, the segmenter nearly."""

import functools
import os
import subprocess
import sys

import numpy as np
import pytest
import team_member

from wsss_lite import cli, distributed
from wsss_lite import lab as bench
from wsss_lite.lab import Lab
from wsss_lite.nets.segmenter import train_segmenter

PATIENCE = 400  # seconds


@pytest.fixture(scope="module")
def members(tiny, repo, tmp_path_factory):
    """What each of two processes found, as dictionaries of arrays."""
    out, cache = tmp_path_factory.mktemp("team"), tmp_path_factory.mktemp("team-cache")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    script = [repo / "tests" / "team_member.py", tiny, cache, out]
    paths = os.pathsep.join([str(repo), str(repo / "tests")])
    done = subprocess.run(
        list(map(str, [*torchrun, "--nproc-per-node", 2, *script])),
        env=os.environ | {"PYTHONPATH": paths, "WSSS_LITE_QUIET": "1"},
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [dict(np.load(out / f"{rank}.npz", allow_pickle=True)) for rank in (0, 1)]


@pytest.fixture(scope="module")
def alone(tiny, tmp_path_factory):
    """The same by this process."""
    from tiny_world import SIZE, quickly

    from wsss_lite.nets.trunk import Trunk

    with quickly(tmp_path_factory.mktemp("alone-cache")), pytest.MonkeyPatch.context() as patch:
        longer = functools.partial(train_segmenter, **team_member.LONGER)
        patch.setattr(bench, "train_segmenter", longer)
        found = team_member.run_on(Lab(str(tiny), Trunk("lite0", size=SIZE)))
    toy, decoder = team_member.toy_logits(train_segmenter)
    variance = next(v for k, v in decoder.state_dict().items() if k.endswith("_var"))
    return found | {"toy": toy, "norm": variance.numpy()}


def test_maps_thresholds_and_pseudo_masks_are_identical(members, alone):
    for found in members:
        for what in ("maps", "choice", "names", "labels", "by_function"):
            assert np.array_equal(found[what], alone[what]), what


def test_the_segmenter_is_the_same_within_half_a_point(members, alone):
    for found in members:
        assert abs(found["miou"] - alone["miou"]) < 0.005
        assert found["matrices"].shape == alone["matrices"].shape
        moved = np.abs(found["matrices"] - alone["matrices"]).sum()
        assert moved < 0.01 * alone["matrices"].sum()


def test_members_agree_to_the_bit(members):
    for what in ("maps", "labels", "matrices", "toy", "norm"):
        assert np.array_equal(members[0][what], members[1][what]), what


def test_a_step_of_a_team_is_a_step_of_one(members, alone):
    """Uneven parts of a batch, trust, a further loss, batch norm: all as one process has them."""
    assert (members[0]["toy"] == alone["toy"]).mean() > 0.995
    assert np.allclose(members[0]["norm"], alone["norm"], rtol=1e-3)
    assert not members[0]["kind"].item()  # the decoder is an ordinary one afterwards
    assert members[0]["whole"].tolist() == list(range(7))
    assert not members[1]["copied"].any()  # member 0 had zeros, member 1 ones


def test_without_torchrun_the_lab_is_the_usual_one(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with distributed.labs() as (make, speaks):
        assert make is Lab and speaks
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert not distributed.launched()


def test_only_the_first_member_speaks(tiny, quick, monkeypatch, capsys):
    import contextlib

    silent = contextlib.nullcontext((Lab, False))
    monkeypatch.setattr(distributed, "labs", lambda: silent)
    arguments = ["run", "cam", "--world", str(tiny), "--until", "maps"]
    assert cli.main([*arguments, "--json"]) == cli.main(arguments) == 0
    assert capsys.readouterr().out == ""
