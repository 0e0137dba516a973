"""Weak annotations keep to their objects, and a view keeps to its supervision."""

import os
import shutil
from pathlib import Path, PurePath

import numpy as np
import pytest

from wsss_lite.data import voc, weak
from wsss_lite.data.images import write_mask
from wsss_lite.data.voc import Sample, VOCFolder, write_voc
from wsss_lite.data.weak import WeakView, extreme_points, points, rng_for, scribbles
from wsss_lite.data.world import Box, World
from wsss_lite.errors import InputError, PeekError

CLASSES = ("cat", "dog")


@pytest.fixture
def drawn():
    """Mask and instances (40, 60): a cat, a dog with a hole, a dog of one pixel."""
    mask = np.zeros((40, 60), np.uint8)
    instances = np.zeros((40, 60), np.uint8)
    for number, cls, window in ((1, 1, np.s_[5:20, 4:30]), (2, 2, np.s_[10:35, 30:55])):
        mask[window], instances[window] = cls, number
    mask[20:25, 40:45], instances[20:25, 40:45] = 0, 0
    mask[38, 3], instances[38, 3] = 2, 3
    mask[4, 4:30], instances[4, 4:30] = 255, 255
    return mask, instances


@pytest.fixture
def world(tmp_path, drawn):
    mask, instances = drawn
    picture = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    samples = [Sample("a", picture, mask, instances), Sample("b", picture, mask.T[:40], None)]
    samples[1].mask = np.ascontiguousarray(np.flip(mask, 1))
    write_voc(tmp_path / "set", samples, {"val": ["a", "b"], "ood": ["b"]}, CLASSES)
    return VOCFolder(tmp_path / "set")


def rng(seed=0):
    return np.random.default_rng(seed)


# Simulators


def test_scribbles_stay_on_their_object(drawn):
    mask, instances = drawn
    for seed in range(5):
        strokes = scribbles(mask, instances, rng(seed))
        labelled = strokes != 255
        assert (strokes == mask)[labelled].all()
        for number in (1, 2, 3):
            assert labelled[instances == number].any()
        assert (strokes == 0).any() and labelled.mean() < 0.2
    assert strokes.dtype == np.uint8 and strokes.shape == mask.shape


def test_a_scribble_runs_along_the_object():
    mask = np.zeros((40, 60), np.uint8)
    mask[15:25, 5:55] = 1
    strokes = scribbles(mask, mask, rng())
    y, x = np.nonzero(strokes == 1)
    assert 30 <= np.ptp(x) <= 50 and np.ptp(y) <= 9
    assert np.abs(np.median(y) - 19.5) <= 1.5
    one_wide, four_wide = (
        (scribbles(mask, mask, rng(), width=w) == 1).sum() for w in (1, 4)
    )  # fmt: skip
    assert 3 * one_wide < four_wide < 5 * one_wide
    short = scribbles(mask, mask, rng(), length=0.25)
    assert (short == 1).sum() < 0.4 * (strokes == 1).sum()


def test_points_lie_well_inside(drawn):
    mask, instances = drawn
    for seed in range(5):
        clicks = points(mask, instances, rng(seed), background=3)
        assert [cls for *_, cls in clicks] == [1, 2, 2, 0, 0, 0]
        assert all(mask[y, x] == cls for y, x, cls in clicks)
        y, x, _ = clicks[0]
        assert 8 <= y <= 16 and 7 <= x <= 26  # at least half the depth away from each side
    assert points(mask, instances, rng(), background=0)[-1][2] == 2


def test_extreme_points_touch_the_box(drawn):
    found = extreme_points(*drawn)
    for ends, box in zip(found, voc.tight_boxes(*drawn), strict=True):
        assert ends.cls == box.cls
        assert (ends.top[0], ends.bottom[0]) == (box.y0, box.y1 - 1)
        assert (ends.left[1], ends.right[1]) == (box.x0, box.x1 - 1)
        assert all(drawn[0][point] == ends.cls for point in ends[1:])
    assert found[0].top == (5, 17)  # the middle of a flat end


def test_box_jitter_has_the_stated_size(drawn):
    assert weak.boxes(*drawn, rng()) == voc.tight_boxes(*drawn)
    box = Box(1, 100, 100, 200, 150, difficult=True)
    moved = weak.jitter_boxes([box] * 500, (300, 300), rng(), 0.1)
    assert np.std([b.x0 for b in moved]) == pytest.approx(10, rel=0.15)
    assert np.std([b.y1 for b in moved]) == pytest.approx(5, rel=0.15)
    assert all(b.cls == 1 and b.difficult for b in moved)
    wild = weak.jitter_boxes(voc.tight_boxes(*drawn) * 50, (40, 60), rng(), 3.0)
    assert all(0 <= b.x0 < b.x1 <= 60 and 0 <= b.y0 < b.y1 <= 40 for b in wild)


@pytest.mark.parametrize("mask", [
    np.zeros((5, 7), np.uint8), np.ones((5, 7), np.uint8), np.full((5, 7), 255, np.uint8),
    np.ones((1, 1), np.uint8), np.zeros((1, 40), np.uint8), np.eye(6, dtype=np.uint8),
])  # fmt: skip
def test_extremes_of_masks(mask):
    instances = voc.pieces(mask)
    strokes = scribbles(mask, instances, rng())
    assert (strokes == mask)[strokes != 255].all()
    assert set(np.unique(strokes)) - {255} == set(np.unique(mask)) - {255}
    assert {cls for *_, cls in points(mask, instances, rng())} == set(np.unique(mask)) - {255}
    assert len(extreme_points(mask, instances)) == (1 in mask)


def test_random_numbers_depend_on_seed_kind_and_picture_only():
    def first(*key):
        return rng_for(*key).integers(1 << 60)

    assert first(0, "points", "a") == first(0, "points", "a")
    others = {first(0, "points", "a"), first(1, "points", "a"), first(0, "boxes", "a"),
              first(0, "points", "b")}  # fmt: skip
    assert len(others) == 4
    assert first(0, "points", "a") == 1004434026514738445  # the same on every machine


def test_costs_are_in_order_and_have_sources():
    seconds = weak.ANNOTATION_SECONDS
    assert {"none", *seconds} == set(weak.OPENS) and set(seconds) == set(weak.ANNOTATION_SOURCES)
    assert list(seconds.values()) == sorted(seconds.values())
    sums = {"tags": 20, "points": 18.5 + 1.5 * 2.4, "scribbles": 18.5 + 1.5 * 10.9,
            "boxes": 18.5 + 2.8 * 7, "full": 18.5 + 2.8 * 79}  # fmt: skip
    assert {kind: round(value) for kind, value in sums.items()} == seconds
    assert weak.SURVEY_RATIOS == {"tags": 60, "boxes": 15}


# The view

CLOSED = ("points", "scribbles", "boxes", "extreme", "caption", "mask", "instances")


@pytest.mark.parametrize("supervision", weak.OPENS)
def test_a_view_opens_its_supervision_and_nothing_else(world, supervision):
    view = WeakView(world, ["a", "b"], supervision)
    for kind in CLOSED:
        if kind in weak.OPENS[supervision]:
            getattr(view, kind)("a")
        else:
            words = f"supervision '{supervision}' may not look at .*; ask for .*="
            with pytest.raises(PeekError, match=words):
                getattr(view, kind)("a")
    with pytest.raises(PeekError, match=r"needs=\('ood',\)"):
        view.ood
    if supervision == "none":
        with pytest.raises(PeekError, match="may not look at tags; ask for supervision='tags'"):
            view.tags
    else:
        assert view.tags.tolist() == [[True, True]] * 2
    assert view.classes == CLASSES
    assert view.image("a").shape == (40, 60, 3) and len(view) == 2


def test_what_is_open_is_right(world, drawn):
    full = WeakView(world, ["a"], "full")
    np.testing.assert_array_equal(full.mask("a"), drawn[0])
    np.testing.assert_array_equal(full.instances("a"), drawn[1])
    full.mask("a")[:] = 7  # a copy
    np.testing.assert_array_equal(full.mask("a"), drawn[0])
    strokes = WeakView(world, ["a"], "scribbles").scribbles("a")
    np.testing.assert_array_equal(strokes, scribbles(*drawn, rng_for(0, "scribbles", "a")))
    assert WeakView(world, ["a"], "boxes").boxes("a") == world.boxes("a")
    assert WeakView(world, ["a"], "tags", ("extreme",)).extreme("a") == extreme_points(*drawn)
    assert WeakView(world, ["a"], "tags", ("ood",)).ood == ("b",)


def test_captions_come_from_the_world(world):
    world.caption = lambda id: f"a cat, {id}"
    assert WeakView(world, ["a"], "tags", ("captions",)).caption("a") == "a cat, a"


def test_seed_changes_the_drawings_and_the_company_does_not(world):
    def view(ids=("a", "b"), seed=0, **knobs):
        return WeakView(world, ids, "points", seed=seed, **knobs).points("b")

    assert view() == view(ids=("b",)) == view(ids=("b", "a"))
    assert any(view() != view(seed=seed) for seed in (1, 2))
    assert len(view(background=4)) == len(view()) + 3
    jittered = WeakView(world, ["a"], "boxes", jitter=0.3)
    assert jittered.boxes("a") != world.boxes("a")


def test_features_are_handed_to_the_trunk(world):
    class Trunk:
        def features(self, view, stage, **options):
            return view.ids, stage, options

    view = WeakView(world, ["b"], "tags", trunk=Trunk())
    assert view.features("final", flip=True) == (("b",), "final", {"flip": True})


def test_strangers_and_unknown_words(world):
    view = WeakView(world, ["a"], "points")
    for look in (view.image, view.points):
        with pytest.raises(InputError, match="b is not in this view of 1"):
            look("b")
    with pytest.raises(InputError, match="Unknown supervision 'tag'; choose from none, tags"):
        WeakView(world, ["a"], "tag")
    with pytest.raises(InputError, match="Unknown need 'masks'; choose from"):
        WeakView(world, ["a"], "tags", ("masks",))
    with pytest.raises(ValueError, match="read-only"):
        view.tags[0, 0] = False
    assert repr(view) == "<WeakView of 1 pictures: points>"


def everything_behind(thing, seen):
    """`thing` and all that can be reached from it: attributes, items, closures, owners."""
    if id(thing) in seen or isinstance(thing, (type, np.generic)):
        return
    seen[id(thing)] = thing
    behind = list(getattr(thing, "__dict__", {}).values())
    behind += [getattr(thing, "__self__", None), getattr(thing, "__func__", None)]
    behind += [cell.cell_contents for cell in getattr(thing, "__closure__", None) or ()]
    if isinstance(thing, dict):
        behind += [*thing, *thing.values()]
    elif isinstance(thing, (list, tuple, set, frozenset)):
        behind += thing
    for other in behind:
        everything_behind(other, seen)


SECRETS = (voc.MASKS, voc.INSTANCES, voc.BOXES, voc.MAIN, "Parts", "Stuff")


@pytest.mark.parametrize("supervision", weak.OPENS)
@pytest.mark.parametrize("needs", [(), ("extreme", "captions", "ood")])
def test_a_view_leads_neither_to_masks_nor_to_the_world(world, supervision, needs):
    world.caption = lambda id: "a cat"
    view = WeakView(world, ["a", "b"], supervision, needs)
    seen = {}
    everything_behind(view, seen)
    assert len(seen) > 10
    for thing in seen.values():
        assert not isinstance(thing, World)
        if isinstance(thing, (str, PurePath)):
            assert not set(SECRETS) & set(Path(thing).parts)
        if isinstance(thing, np.ndarray):
            assert thing is view.tags


def test_the_walk_finds_what_is_hidden(world):
    view = WeakView(world, ["a"], "tags")
    view.helper = lambda: world
    seen = {}
    everything_behind(view, seen)
    assert any(isinstance(thing, World) for thing in seen.values())


def test_tags_and_boxes_need_no_mask_folder(world):
    before = WeakView(world, ["a", "b"], "boxes", jitter=0.1)
    shutil.rmtree(world.root / voc.MASKS)
    shutil.rmtree(world.root / voc.INSTANCES)
    after = WeakView(VOCFolder(world.root), ["a", "b"], "boxes", jitter=0.1)
    assert (before.tags == after.tags).all() and before.boxes("a") == after.boxes("a")
    with pytest.raises(InputError, match="no mask"):
        WeakView(VOCFolder(world.root), ["a"], "points")


@pytest.mark.skipif(
    "WSSS_LITE_COCO_MINI" not in os.environ,
    reason="set WSSS_LITE_COCO_MINI to a copy of coco-mini to read real photographs",
)
def test_coco_mini():
    world = VOCFolder(os.environ["WSSS_LITE_COCO_MINI"])
    ids = world.ids("val")
    view = WeakView(world, ids, "scribbles", ("extreme",))
    share = []
    for id in ids:
        strokes, mask = view.scribbles(id), world.mask(id)
        assert (strokes == mask)[strokes != 255].all()
        share.append((strokes != 255).mean())
        assert len(view.extreme(id)) == len(voc.tight_boxes(mask, world.instances(id)))
    assert 0.005 < np.mean(share) < 0.05


def test_strokes_and_clicks_of_a_person_take_the_place_of_simulated_ones(world):
    mask = world.mask("a")
    strokes, clicks = np.full_like(mask, 255), np.full_like(mask, 255)
    strokes[1, 2:5], clicks[3, 4] = 1, 2
    for kind, values in (("scribbles", strokes), ("points", clicks)):
        folder = world.root / voc.DRAWN[kind]
        folder.mkdir()
        write_mask(folder / "a.png", values)
    shutil.rmtree(world.root / voc.MASKS)
    assert (WeakView(world, ["a"], "scribbles").scribbles("a") == strokes).all()
    assert WeakView(world, ["a"], "points").points("a") == [(3, 4, 2)]
    with pytest.raises(InputError, match="no mask"):
        WeakView(world, ["a", "b"], "points")  # nobody clicked into b
