"""A cache that many read: nothing is written there; what it lacks or is damaged is made anew."""

import hashlib
import json

import pytest
from test_features import FakeTrunk, FakeWorld

from wsss_lite import cli, execute, warm
from wsss_lite.course import machine
from wsss_lite.data import pocket
from wsss_lite.data.pocket import PocketVOC
from wsss_lite.errors import InputError
from wsss_lite.files import open_to_all, shared_dir
from wsss_lite.lab import Lab
from wsss_lite.nets import features
from wsss_lite.nets.features import FeatureBank


def state(folder):
    """{path: (time of the last change, digest)} of all in a folder, folders too.

    Permissions would say less: they do not bind an administrator, and tests may run as one.
    """
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        content = path.read_bytes() if path.is_file() else b""
        found[path] = path.stat().st_mtime_ns, hashlib.sha256(content).hexdigest()
    return found


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """(the shared folder, one's own), both empty; the environment names them."""
    for name in ("shared", "own"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(
            "WSSS_LITE_" + {"own": "CACHE"}.get(name, "SHARED"), str(tmp_path / name)
        )
    return tmp_path / "shared", tmp_path / "own"


# ---------------------------------------------------------------------------------------- features


@pytest.fixture
def world(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "CHUNK", 3)
    (tmp_path / "pictures").mkdir()
    return FakeWorld(tmp_path / "pictures")


def share(world, caches, monkeypatch, ids, stage="final"):
    """Features of those pictures in the shared folder, made as `warm --to` makes them."""
    with warm.filling(caches[0]):
        FeatureBank(world, FakeTrunk()).features(ids, stage)


def test_shared_features_are_read_and_nothing_is_written(world, caches, monkeypatch):
    shared, own = caches
    share(world, caches, monkeypatch, world.ids("train"))
    before = state(shared)
    bank = FeatureBank(world, FakeTrunk())
    assert bank.features(world.ids("train"), "final")[1].max() == 10
    assert bank.trunk.seen == 0 and state(shared) == before
    assert not list(own.rglob("*.npy"))


def test_what_the_shared_folder_lacks_is_computed_into_ones_own(world, caches, monkeypatch):
    shared, own = caches
    share(world, caches, monkeypatch, ["0"])  # the first chunk of three
    before = state(shared)
    bank = FeatureBank(world, FakeTrunk())
    assert bank.features(world.ids("train"), "final")[:].shape[0] == 5
    assert bank.trunk.seen == 2 and state(shared) == before
    assert {p.name.split("-final")[0] for p in own.rglob("*-final-*.npy")} == {"train-001x2"}


def test_a_damaged_shared_file_is_computed_anew_and_left_alone(world, caches, monkeypatch):
    shared, own = caches
    share(world, caches, monkeypatch, ["0"])
    victim = next(shared.rglob("*-final-*.npy"))
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    before = state(shared)
    bank = FeatureBank(world, FakeTrunk())
    with pytest.warns(UserWarning, match="damaged"):
        assert bank.features(["0", "1"], "final")[1].max() == 10
    assert bank.trunk.seen == 3 and state(shared) == before and list(own.rglob("*-final-*.npy"))


def test_a_bank_with_a_folder_of_its_own_looks_nowhere_else(world, caches, tmp_path, monkeypatch):
    share(world, caches, monkeypatch, ["0"])
    bank = FeatureBank(world, FakeTrunk(), tmp_path / "elsewhere")
    bank.features(["0"], "final")
    assert bank.trunk.seen == 3


# ------------------------------------------------------------------------------------------ scenes


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Twenty scenes of train and of val, as the shared folder holds them."""
    folder = tmp_path_factory.mktemp("drawn")
    with warm.filling(folder):
        PocketVOC(limit=20).ids("train")
    return next(folder.glob("pocket-*"))


@pytest.fixture
def scenes(drawn, caches):
    """The shared folder with these scenes in it."""
    import shutil

    return shutil.copytree(drawn, caches[0] / drawn.name)


def test_shared_scenes_are_read_and_others_drawn_into_ones_own(scenes, caches):
    before = state(caches[0])
    world = PocketVOC(limit=20)
    assert world.image("train_0000").shape == (128, 128, 3)
    for read in (world.mask, world.instances, world.parts, world.stuff):
        assert read("train_0003").shape == (128, 128)
    assert world.boxes("val_0002") and world.verify() == [] and not list(caches[1].iterdir())
    assert world.image("ood_0001").shape == (128, 128, 3)  # not among the shared ones
    assert world.home("ood_0001").parent == caches[1] and world.home("val_0000") == scenes
    assert state(caches[0]) == before


def test_damaged_shared_scenes_are_drawn_into_ones_own(scenes, caches):
    pocket.record_path(scenes, "train", 0).write_text('{"scenes": {')
    before = state(caches[0])
    world = PocketVOC(limit=20)
    assert world.image("train_0000").shape == (128, 128, 3)
    assert world.home("train_0000").parent == caches[1] and state(caches[0]) == before


def test_a_damaged_shared_picture_is_one_sentence_and_mended_by_the_teacher(scenes, caches):
    path = scenes / "JPEGImages" / "train_0003.jpg"
    path.write_bytes(path.read_bytes()[:200])
    before = state(caches[0])
    with pytest.raises(InputError, match=r"train_0003\.jpg is damaged"):
        PocketVOC(limit=20).image("train_0003")
    assert PocketVOC(limit=20).mend() == 0 and state(caches[0]) == before  # not a student's to mend
    with warm.filling(caches[0]):
        world = PocketVOC(limit=20)
        world.ids("train")
        assert world.mend() == 1 and world.mend() == 0
    assert PocketVOC(limit=20).image("train_0003").shape == (128, 128, 3)


def test_a_damaged_record_of_ones_own_is_drawn_again(tmp_path):
    PocketVOC(limit=20, folder=tmp_path / "w")
    record = pocket.record_path(tmp_path / "w", "val", 0)
    record.write_bytes(b"\xff\xfe")
    assert PocketVOC(limit=20, folder=tmp_path / "w").image("val_0000").any()
    assert json.loads(record.read_text())["scenes"]


# --------------------------------------------------------------------------------- the environment


def test_a_variable_that_names_no_folder_is_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WSSS_LITE_SHARED", str(tmp_path / "gone"))
    with pytest.raises(InputError, match="gone.*warm --to"):
        shared_dir()
    assert cli.main(["cache"]) == 2 and "gone" in capsys.readouterr().err
    monkeypatch.setenv("WSSS_LITE_SHARED", "")
    assert shared_dir() is None


def test_the_course_and_the_command_line_name_the_shared_folder(caches, capsys):
    assert cli.main(["cache"]) == 0
    assert f"{caches[0]}: shared" in capsys.readouterr().out
    assert any("$WSSS_LITE_SHARED" in text for text in machine.cache())


def test_everybody_may_read_what_was_made_under_a_narrow_umask(tmp_path):
    (tmp_path / "inner").mkdir(mode=0o700)
    (tmp_path / "inner" / "file").write_text("x")
    (tmp_path / "inner" / "file").chmod(0o600)
    open_to_all(tmp_path)
    modes = [p.stat().st_mode & 0o777 for p in (tmp_path / "inner", tmp_path / "inner" / "file")]
    assert [mode & 0o555 for mode in modes] == [0o555, 0o444]


def test_warm_fills_the_folder_and_a_lab_then_computes_nothing(caches, monkeypatch, capsys):
    """The whole command, on twenty scenes a split."""
    monkeypatch.setattr(
        pocket, "SPLITS", {k: (20, first) for k, (_, first) in pocket.SPLITS.items()}
    )
    monkeypatch.setattr(pocket, "HALF", 10)
    monkeypatch.setattr("wsss_lite.lab.SCENE_SIZE", 64)  # what is tested is the plumbing
    pocket.val_order.cache_clear()
    try:
        assert cli.main(["warm", "--to", str(caches[0])]) == 0
        out = capsys.readouterr().out
        assert f"WSSS_LITE_SHARED={caches[0]}" in out and not list(caches[1].iterdir())
        before = state(caches[0])
        lab = Lab(PocketVOC(extra=("sweep",)))
        lab.run("cam", until="maps")
        assert lab.bank.seconds == 0 and state(caches[0]) == before
        assert cli.main(["warm", "--to", str(caches[0])]) == 0  # twice does no harm
    finally:
        pocket.val_order.cache_clear()


def test_warm_runs_the_notebooks_that_are_named(caches, tmp_path, monkeypatch, capsys):
    played = []
    monkeypatch.setattr(execute, "play", lambda path: (played.append(path.name), (None, 1.0))[1])
    monkeypatch.setattr(warm, "scenes_and_features", lambda trunk: iter(()))
    assert cli.main(["warm", "--to", str(caches[0]), "--notebooks", "00", "01"]) == 0
    assert [name[:2] for name in played] == ["00", "01"]
    assert cli.main(["warm", "--notebooks", "77"]) == 2
    assert "77" in capsys.readouterr().err
