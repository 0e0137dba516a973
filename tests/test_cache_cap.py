"""The cap of the feature cache, from the environment."""

import os
import time

import pytest

from wsss_lite.errors import InputError
from wsss_lite.files import IN_USE, USUAL_CAP, cap, shrink_files, shrink_folders
from wsss_lite.nets.features import CAP_BYTES


@pytest.fixture
def old(tmp_path):
    """Two folders of a kilobyte each, both long unused."""
    for name in ("a", "b"):
        path = tmp_path / name / "x.npy"
        path.parent.mkdir()
        path.write_bytes(bytes(1000))
        before = time.time() - 2 * IN_USE
        os.utime(path, (before, before))
        os.utime(path.parent, (before, before))
    return tmp_path


def test_without_it_the_usual_cap_counts(old, monkeypatch):
    monkeypatch.delenv("WSSS_LITE_CACHE_GB", raising=False)
    shrink_folders(old, 1500)
    assert len(list(old.glob("*/*.npy"))) == 1


def test_a_larger_one_keeps_what_would_go_and_a_smaller_one_takes_more(old, monkeypatch):
    monkeypatch.setenv("WSSS_LITE_CACHE_GB", "0.00001")
    shrink_folders(old, 1500)
    assert len(list(old.glob("*/*.npy"))) == 2
    monkeypatch.setenv("WSSS_LITE_CACHE_GB", "0.0000001")
    shrink_folders(old, 1500)
    assert not list(old.glob("*/*.npy"))


@pytest.mark.parametrize("text", ["much", "0", "-3", "nan"])
def test_what_is_no_size_is_one_sentence(text, monkeypatch):
    monkeypatch.setenv("WSSS_LITE_CACHE_GB", text)
    with pytest.raises(InputError, match="number of gigabytes"):
        cap(1)


@pytest.mark.parametrize(("gigabytes", "left"), [("", 1), ("2", 1), ("4", 2), ("0.5", 0)])
def test_the_part_for_changed_pictures_grows_with_it(gigabytes, left, tmp_path, monkeypatch):
    monkeypatch.setenv("WSSS_LITE_CACHE_GB", gigabytes)
    for name in "ab":
        (tmp_path / f"{name}.npy").write_bytes(bytes(1000))
    shrink_files(tmp_path, 1100)
    assert len(list(tmp_path.glob("*.npy"))) == left
    assert USUAL_CAP == CAP_BYTES  # what "grows with it" is measured by
