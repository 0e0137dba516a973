"""Fine-tuning the last stage: it learns, and touches nothing else."""

import numpy as np
import pytest
import torch

from wsss_lite.errors import InputError
from wsss_lite.lab import Lab
from wsss_lite.nets import finetune as module
from wsss_lite.nets.finetune import finetune


@pytest.fixture
def lab(tiny, trunk, quick):
    return Lab(str(tiny), trunk)


def changed(one, other):
    """Names of the tensors in which two trunks differ."""
    first, second = one.model.state_dict(), other.model.state_dict()
    return {name for name in first if not torch.equal(first[name], second[name])}


def test_the_last_stage_learns_and_nothing_before_it(lab, monkeypatch):
    before = lab.trunk.fingerprint()
    losses, real = [], module.train
    monkeypatch.setattr(module, "train", lambda *a: losses.extend(real(*a)))
    with pytest.warns(UserWarning, match="no GPU"):
        trunk = finetune(lab, epochs=6, batch=5)
    assert np.mean(losses[-2:]) < np.mean(losses[:2])
    names = changed(lab.trunk, trunk)
    assert names and all(n.startswith(("blocks.5", "blocks.6", "conv_head", "bn2")) for n in names)
    assert not any("running" in name for name in names)  # batch norm keeps its averages
    assert lab.trunk.fingerprint() == before != trunk.fingerprint()
    assert not any(p.requires_grad for p in trunk.model.parameters())
    picture = lab.world.image(lab.train[0])
    a, b = (t([picture], ("c4", "final")) for t in (lab.trunk, trunk))
    assert torch.equal(a["c4"], b["c4"]) and not torch.equal(a["final"], b["final"])


def test_switched_off_it_gives_the_same_trunk(lab):
    with pytest.warns(UserWarning, match="no GPU"):
        trunk = finetune(lab, epochs=0)
    assert trunk is not lab.trunk and trunk.fingerprint() == lab.trunk.fingerprint()


def test_it_is_seeded_and_a_lab_stands_on_it(lab):
    with pytest.warns(UserWarning):
        one, two, other = (finetune(lab, epochs=1, seed=s) for s in (0, 0, 1))
    assert one.fingerprint() == two.fingerprint() != other.fingerprint()
    row = Lab(lab.world, one).run("cam", until="maps")
    assert 0 < row["miou_maps"] < 1


def test_one_picture_is_refused(lab):
    with pytest.raises(InputError, match="1 training pictures"):
        finetune(lab, lab.view(ids=lab.train[:1]))
