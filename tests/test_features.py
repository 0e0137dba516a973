"""The feature cache: computed once, checked, mended, capped; it never leads to a mask."""

import multiprocessing
import os
import time

import numpy as np
import pytest
import torch
from PIL import Image

from wsss_lite.errors import InputError
from wsss_lite.files import facts, shrink_folders
from wsss_lite.nets import features
from wsss_lite.nets.features import FeatureBank


class FakeTrunk:
    """Features that are the picture's mean colour; counts how many pictures it has seen."""

    size = 8

    def __init__(self):
        self.seen = 0

    def fingerprint(self):
        return "f" * 16

    def __call__(self, pictures, stages, size=None, flip=False):
        self.seen += len(pictures)
        rows = torch.stack([torch.tensor(p).float().mean((0, 1)) for p in pictures])
        grids = rows[:, :, None, None].expand(-1, -1, 2, 2)
        return {s: rows if s == "pooled" else grids for s in stages}


class FakeWorld:
    splits = ("train", "val")

    def __init__(self, folder, n=7):
        self.folder, self.n = folder, n
        for i in range(n):
            colour = np.full((4, 4, 3), 10 * i, np.uint8)
            Image.fromarray(colour).save(folder / f"{i}.png")

    def ids(self, split):
        half = 5
        return [str(i) for i in (range(half) if split == "train" else range(half, self.n))]

    def image_path(self, name):
        return self.folder / f"{name}.png"

    def fingerprint(self):
        return "w" * 16


@pytest.fixture
def bank(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "CHUNK", 3)
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    return FeatureBank(FakeWorld(pictures), FakeTrunk(), tmp_path / "cache")


def test_rows_come_in_the_order_asked(bank):
    rows = bank.features(["6", "0", "3"], "c2")
    assert rows.shape == (3, 3, 2, 2)
    assert rows[:][:, 0, 0, 0].tolist() == [60, 0, 30]
    assert rows[1].max() == 0 and rows[np.array([2, 0])][:, 0, 0, 0].tolist() == [30, 60]
    assert np.asarray(rows).dtype == np.float32


def test_computed_once_and_only_the_chunks_needed(bank):
    bank.features(["0"], "c2")
    assert bank.trunk.seen == 3
    again = FeatureBank.__new__(FeatureBank)
    again.__dict__ = {**bank.__dict__, "verified": {}}
    again.features(["1", "2"], "c2")
    assert bank.trunk.seen == 3


def test_pooled_comes_with_final(bank):
    bank.features(["0"], "final")
    bank.features(["0"], "pooled")
    assert bank.trunk.seen == 3


def test_a_damaged_file_is_said_and_computed_again(bank):
    good = bank.features(["0"], "c2")[:]
    (path,) = bank.folder.rglob("train-000x3-c2-*.npy")
    data = bytearray(path.read_bytes())
    data[-1] ^= 255
    path.write_bytes(data)
    bank.verified.clear()
    with pytest.warns(UserWarning, match="damaged"):
        mended = bank.features(["0"], "c2")[:]
    assert np.array_equal(good, mended) and bank.trunk.seen == 6


def test_two_processes_at_once_compute_it_once(bank):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=bank.features, args=(["0", "6"], "c2")) for _ in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert all(w.exitcode == 0 for w in workers)
    assert len(list(bank.folder.rglob("*.npy"))) == 2
    assert not list(bank.folder.rglob("*.lock"))


def test_the_cap_removes_the_least_recently_used_but_nothing_in_use(tmp_path):
    now = time.time()
    for age, name in ((9000, "old"), (8000, "new"), (10, "used")):
        group = tmp_path / name
        group.mkdir()
        (group / "x.npy").write_bytes(b"0" * 100)
        os.utime(group, (now - age, now - age))
    shrink_folders(tmp_path, 250)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["new", "used"]
    shrink_folders(tmp_path, 10)
    assert [p.name for p in tmp_path.iterdir()] == ["used"]


def test_a_world_that_exceeds_the_cap_alone_loses_its_oldest_files(tmp_path):
    folder = tmp_path / "world"
    folder.mkdir()
    for age, name in ((9000, "oldest"), (8000, "old"), (10, "new")):
        path = folder / f"{name}.npy"
        path.write_bytes(b"x" * 100)
        os.utime(path, (time.time() - age,) * 2)
    shrink_folders(tmp_path, 250)
    assert sorted(p.stem for p in folder.iterdir()) == ["new", "old"]
    shrink_folders(tmp_path, 10)
    assert [p.stem for p in folder.iterdir()] == ["new"]


def test_what_another_process_deletes_meanwhile_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    gone = tmp_path / "gone"
    monkeypatch.setattr(type(tmp_path), "iterdir", lambda self: iter([gone, tmp_path / "there"]))
    monkeypatch.setattr(type(tmp_path), "is_dir", lambda self: True)
    shrink_folders(tmp_path, 0)
    assert facts([gone]) == []


def test_a_bank_marks_its_folder_as_used(bank):
    bank.features(["0"], "c2")
    folder = bank.folder / bank.key
    os.utime(folder, (1, 1))
    bank.features(["0"], "c2")
    assert time.time() - folder.stat().st_mtime < 60


@pytest.mark.skipif(os.name == "nt", reason="needs a device that is always full")
def test_an_unwritable_cache_is_one_sentence(bank, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    bank.folder = blocked / "cache"
    with pytest.raises(InputError, match="WSSS_LITE_CACHE"):
        bank.features(["0"], "c2")


def test_changed_pictures_are_computed_once_and_read_in_order(bank):
    pictures = [np.full((4, 4, 3), v, np.uint8) for v in (9, 8, 7, 6)]  # more than a chunk
    rows = bank.changed(iter(pictures), ("c2", "pooled"))
    assert rows["c2"].shape == (4, 3, 2, 2) and rows["pooled"][:][:, 0].tolist() == [9, 8, 7, 6]
    assert bank.trunk.seen == 4
    bank.changed(pictures, ("c2",))
    assert bank.trunk.seen == 4
    pictures[3] = pictures[3] + 1
    assert bank.changed(pictures, ("c2",))["c2"][3].max() == 7 and bank.trunk.seen == 5


def test_a_picture_of_another_shape_is_another(bank):
    flat = np.arange(48, dtype=np.uint8)
    wide = bank.changed([flat.reshape(2, 8, 3)])["final"][:]
    bank.changed([flat.reshape(8, 2, 3)])
    assert bank.trunk.seen == 2 and wide.shape[0] == 1


def test_features_of_changed_pictures_that_are_still_read_stay(bank, monkeypatch):
    monkeypatch.setattr(features, "CHANGED_BYTES", 1)
    pictures = [np.full((4, 4, 3), v, np.uint8) for v in (1, 2, 3)]
    first = bank.changed(pictures[:1])["final"]
    bank.changed(pictures[1:2])
    assert first[0].max() == 1  # still there
    del first
    bank.changed(pictures[2:])
    assert len(list(bank.folder.glob("changed-*/*.npy"))) == 1
    assert bank.changed(pictures[:1])["final"][0].max() == 1 and bank.trunk.seen == 4


def test_the_bank_holds_no_world(bank):
    assert not any(isinstance(v, FakeWorld) for v in vars(bank).values())
