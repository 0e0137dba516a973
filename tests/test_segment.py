"""A segmenter that is kept: the lab's own masks, on disk and back."""

import copy

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from wsss_lite.errors import InputError
from wsss_lite.lab import Lab
from wsss_lite.score import confusion
from wsss_lite.segment import Segmenter


@pytest.fixture
def lab(tiny, trunk, quick):
    lab = Lab(str(tiny), trunk)
    lab.run("full")
    return lab


def test_it_gives_the_masks_that_the_lab_scores(lab):
    segmenter = Segmenter.of(lab)
    assert segmenter.decoder is lab.last["decoder"]
    pairs = zip(lab.test, segmenter.masks(map(lab.world.image, lab.test)))
    found = [confusion(lab.world.mask(n), mask, lab.classes) for n, mask in pairs]
    assert np.array_equal(found, lab.last["matrices"])


def test_it_comes_back_from_its_file(lab, tmp_path):
    segmenter = Segmenter.of(lab)
    path = segmenter.save(tmp_path / "one.safetensors")
    assert path.stat().st_size < 2_000_000  # the decoder alone
    back = Segmenter.load(path)
    picture = lab.world.image(lab.test[0])
    assert back.classes == lab.world.classes
    assert np.array_equal(back(picture), segmenter(picture))


def test_a_fine_tuned_trunk_travels_with_it(lab, tmp_path):
    trunk = copy.deepcopy(lab.trunk)
    with torch.no_grad():
        trunk.model.conv_head.weight.mul_(1.1)
    segmenter = Segmenter(trunk, lab.last["decoder"], lab.world.classes)
    back = Segmenter.load(segmenter.save(tmp_path / "own.safetensors"))
    assert back.trunk.fingerprint() == trunk.fingerprint() != lab.trunk.fingerprint()


def test_without_masks_it_learns_from_the_pseudo_masks(maskless, trunk, quick):
    lab = Lab(str(maskless), trunk)
    with pytest.raises(InputError, match="no labels"):
        Segmenter.of(lab)
    lab.run("cam", until="pseudo")
    mask = Segmenter.of(lab)(lab.world.image(lab.train[0]))
    assert mask.shape == lab.world.image(lab.train[0]).shape[:2] and mask.max() < lab.classes


def test_other_files_are_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        Segmenter.load(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no")
    with pytest.raises(InputError, match="cannot be read"):
        Segmenter.load(tmp_path / "text.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="no segmenter"):
        Segmenter.load(tmp_path / "other.safetensors")
