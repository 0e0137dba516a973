"""PocketVOC: builds itself, is what VOC readers expect, and turns its knobs by choosing."""

import threading

import numpy as np
import pytest

from wsss_lite.data import pocket
from wsss_lite.data.pocket import CHUNK, HALF, SPLITS, TUNE, PocketVOC, code_of, world_hash
from wsss_lite.data.scenes import CLASSES, Camera, Knobs, plan
from wsss_lite.data.voc import VOCFolder
from wsss_lite.data.voc_check import check
from wsss_lite.errors import InputError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("world") / "pocket"


@pytest.fixture(scope="module")
def world(root):
    """Twenty scenes of a split, train and val drawn."""
    made = PocketVOC(limit=20, folder=root)
    made.ids("train")
    return made


@pytest.fixture
def pool(root, world):
    """A world whose sweep has records, made from the plans, but no pictures."""
    made = PocketVOC(limit=20, folder=root)
    rng = np.random.default_rng(0)
    for number in range(2 * HALF):
        cast = plan(SPLITS["sweep"][1] + number % HALF, Knobs()).cast
        things = [{"cls": CLASSES.index(actor.cls) + 1, "name": actor.cls, "box": [0, 0, 9, 9],
                   "area": int(rng.integers(50, 4000))} for actor in cast]
        made._records[f"sweep_{number:04d}"] = {"objects": things, "coupled": number < HALF}
    made._ready["sweep"] = made.root
    return made


def frequency(world, ids):
    return np.mean([world.tags(id) for id in ids], axis=0)


# Layout


def test_a_plain_reader_sees_the_same_world(root, world):
    plain = VOCFolder(root)
    assert plain.classes == world.classes == CLASSES
    for id in (*world.ids("train")[:5], *world.ids("tune")[:5]):
        assert np.array_equal(plain.image(id), world.image(id))
        assert np.array_equal(plain.mask(id), world.mask(id))
        assert np.array_equal(plain.tags(id), world.tags(id))
        assert plain.boxes(id) == world.boxes(id)
    assert plain.ids("train") == world.ids("train")
    assert check(root) == []


def test_the_class_train_and_the_split_train_have_their_own_lists(root, world):
    main = root / "ImageSets" / "Main"
    flags = dict(line.split() for line in (main / "train_train.txt").read_text().splitlines())
    assert list(flags) == (main / "train.txt").read_text().split() == world.ids("train")
    column = CLASSES.index("train")
    assert all((flags[id] == "1") == world.tags(id)[column] for id in flags)


def test_files_hold_what_is_drawn(world):
    for id in ("train_0003", "val_0007"):
        scene = world.scene(id)
        assert np.array_equal(world.image(id), scene.image)
        for name in ("mask", "instances", "parts", "stuff"):
            assert np.array_equal(getattr(world, name)(id), getattr(scene, name)), name
        assert (world.caption(id), world.context(id)) == (scene.caption, scene.context)
        assert world.objects(id) == scene.objects and world.coupled(id) == scene.coupled
        assert len(world.boxes(id)) == world.instances(id)[world.instances(id) < 255].max()


def test_two_builds_are_equal_bit_for_bit(root, world, tmp_path):
    PocketVOC(limit=20, folder=tmp_path / "again")
    for path in sorted(root.rglob("val_00*.*")):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(root)).read_bytes()


# Splits


def test_splits_have_their_own_seeds_and_the_promised_sizes():
    ranges = [range(first, first + count) for count, first in SPLITS.values()]
    seeds = [seed for one in ranges for seed in one]
    assert len(seeds) == len(set(seeds))
    sizes = {split: count for split, (count, _) in SPLITS.items()}
    assert sizes == {"train": 1000, "val": 200, "test": 1000, "ood": 200, "fresh": 200,
                     "sweep": 1200, "corpus": 4000}


def test_tune_is_the_head_of_val_and_holds_every_class(world):
    tune = world.ids("tune")
    assert tune == world.ids("val")[:TUNE] and len(tune) == 20
    assert set(tune).isdisjoint(world.ids("dev"))
    assert (np.sum([world.tags(id) for id in tune], axis=0) >= 2).all()


def test_val_draws_each_of_its_seeds_once():
    count, first = SPLITS["val"]
    assert sorted(pocket.val_order(Knobs())) == list(range(first, first + count))


def test_ood_scenes_are_mostly_empty_lakes_and_rails(world):
    ids = world.ids("ood")
    assert not any(world.tags(id).any() or world.mask(id).any() for id in ids)
    contexts = [world.context(id) for id in ids]
    assert contexts.count("lake") == contexts.count("rails") == .4 * len(ids)
    assert {"meadow", "street", "room"} <= set(contexts)


def test_extra_splits_appear_when_asked_for(root):
    made = PocketVOC(limit=3, folder=root)
    assert "fresh" not in made.splits
    assert len(made.ids("fresh")) == 3 and "fresh" in made.splits
    assert made.tags("fresh_0000").any()


def test_unknown_splits_and_scenes_get_one_sentence(world):
    with pytest.raises(InputError, match="no split 'trainaug'"):
        world.ids("trainaug")
    with pytest.raises(InputError, match="no scene '2007_000032'"):
        world.image("2007_000032")


# Building


def test_an_interrupted_build_goes_on(root, world):
    record = pocket.record_path(root, "train", 0)
    picture = root / "JPEGImages" / "train_0004.jpg"
    kept = record.read_bytes(), picture.read_bytes()
    record.unlink()  # as if the process had died in the middle of this chunk
    picture.write_bytes(b"half")
    PocketVOC(limit=20, folder=root).ids("train")
    assert (record.read_bytes(), picture.read_bytes()) == kept


def test_two_at_once_build_one_world(tmp_path, monkeypatch):
    drawn = []
    original = pocket.draw_scene
    monkeypatch.setattr(pocket, "draw_scene", lambda *how: drawn.append(how) or original(*how))
    folder = tmp_path / "shared"
    jobs = [threading.Thread(target=PocketVOC, args=(20,), kwargs={"folder": folder})
            for _ in range(2)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    assert len(drawn) == CHUNK
    assert not list(tmp_path.glob("*.lock"))


def test_the_world_lives_in_the_cache(tmp_path, monkeypatch, root, world):
    monkeypatch.setenv("WSSS_LITE_CACHE", str(tmp_path))
    monkeypatch.setattr(pocket, "build_chunk", lambda *how: pytest.fail("drawn again"))
    home = tmp_path / f"pocket-{pocket.WORLD_VERSION}-{world.fingerprint()[:8]}"
    home.symlink_to(root)
    assert PocketVOC(limit=20).image("train_0000").shape == (128, 128, 3)


def test_verify_notices_a_changed_file(root, world):
    assert world.verify(redraw=1) == []
    mask = root / "SegmentationClass" / "train_0002.png"
    kept = mask.read_bytes()
    mask.write_bytes((root / "SegmentationClass" / "train_0003.png").read_bytes())
    try:
        assert "0 to 19 of train" in world.verify()[0]
    finally:
        mask.write_bytes(kept)


def test_the_fingerprint_follows_knobs_and_code_not_comments(tmp_path):
    assert world_hash(Knobs()) == world_hash(Knobs())
    assert world_hash(Knobs()) != world_hash(Knobs(camera=Camera.off()))
    texts = ('"""One."""\n# note\nx = 1\n', '"""Two."""\n\nx = 1\n', '"""One."""\nx = 2\n')
    codes = []
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.py").write_text(text)
        codes.append(code_of(tmp_path / f"{number}.py"))
    assert codes[0] == codes[1] != codes[2]


# Subsets


def test_cooccurrence_turns_the_scenes_and_keeps_the_casts(pool):
    ids = pool.ids("sweep")
    assert len(ids) == 1200
    for seed in (0, 1):
        chosen = {r: pool.subset(ids, 300, cooccurrence=r, seed=seed) for r in (0., .5, 1.)}
        for r, names in chosen.items():
            assert len(set(names)) == 300
            assert np.mean([pool.coupled(id) for id in names]) == r
            assert np.array_equal(frequency(pool, names), frequency(pool, chosen[0.]))
    assert chosen[0.] != pool.subset(ids, 300, cooccurrence=0., seed=0)


def test_pairing_turns_persons_with_horses_and_keeps_the_horses(pool):
    ids = pool.ids("sweep")[:HALF]
    horse, person = CLASSES.index("horse"), CLASSES.index("person")
    found = {}
    for p in (0., .5, 1.):
        chosen = pool.subset(ids, 200, pairing=p)
        tags = np.array([pool.tags(id) for id in chosen])
        found[p] = tags[:, horse].sum()
        assert tags[tags[:, horse], person].mean() == pytest.approx(p, abs=.03)
    assert found[0.] == found[.5] == found[1.] > 5


def test_size_turns_the_area_and_keeps_the_classes(pool):
    ids = pool.ids("sweep")[:HALF]

    def area(names):
        return np.mean([max(thing["area"] for thing in pool.objects(id)) for id in names])

    small, middle, large = (pool.subset(ids, 150, size=s) for s in ("small", .5, "large"))
    assert 1.3 * area(small) < area(middle) < area(large) / 1.2
    assert np.abs(frequency(pool, small) - frequency(pool, large)).max() < .15


def test_impossible_subsets_are_refused(pool):
    ids = pool.ids("sweep")
    with pytest.raises(InputError, match="Only 600 scenes"):
        pool.subset(ids, 700, cooccurrence=.5)
    with pytest.raises(InputError, match="from ids\\('sweep'\\)"):
        pool.subset(pool.ids("train"), 5, cooccurrence=.5)
    with pytest.raises(InputError, match="size is 'huge'"):
        pool.subset(ids, 5, size="huge")
