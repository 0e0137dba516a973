"""The blocks behind the annotator: GrabCut, random walk, graph cut, extreme points."""

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage.segmentation import random_walker as skimage_walker

from wsss_lite.data import annotation as drawing
from wsss_lite.data import weak
from wsss_lite.data.annotation import Annotation
from wsss_lite.data.scenes import CLASSES, draw
from wsss_lite.data.world import Box, Extreme
from wsss_lite.errors import InputError
from wsss_lite.refine import drawn, extreme, grabcut, graphcut, nearest, reduce, walker
from wsss_lite.score import Scores, confusion

COLOURS = np.array([(90, 120, 60), (220, 130, 40), (40, 60, 200), (230, 230, 230)])


def painted(mask, noise=12, seed=0):
    """A picture whose classes have a colour each, with noise."""
    rng = np.random.default_rng(seed)
    picture = COLOURS[mask] + rng.normal(0, noise, (*mask.shape, 3))
    return picture.clip(0, 255).astype(np.uint8)


def discs(size=(96, 128)):
    """(H, W) mask: a large disc of class 1, a small one of class 2 in it, one of class 3 beside."""
    y, x = np.indices(size)
    mask = np.zeros(size, np.uint8)
    mask[(y - 48) ** 2 + (x - 45) ** 2 < 35**2] = 1
    mask[(y - 48) ** 2 + (x - 40) ** 2 < 12**2] = 2
    mask[(y - 60) ** 2 + (x - 105) ** 2 < 14**2] = 3
    return mask


def miou(truth, pred, classes=4):
    return Scores(confusion(truth, pred, classes)).miou


def tight(mask, cls):
    y, x = np.nonzero(mask == cls)
    return Box(cls, int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1)


# GrabCut


def test_small_boxes_lie_in_front_of_large_ones():
    boxes = [Box(2, 10, 10, 20, 20), Box(1, 0, 0, 40, 30), Box(3, 15, 15, 45, 25)]
    filled = grabcut.fill(boxes, (50, 60))
    assert filled[12, 12] == 2 and filled[18, 30] == 3 and filled[29, 39] == 1
    assert filled[18, 18] == 2 and filled[40, 50] == 0
    assert not grabcut.fill([], (50, 60)).any()


@pytest.mark.parametrize("factor", [1, 4])
def test_grabcut_finds_objects_in_nested_boxes_of_several_classes(factor):
    mask = discs().repeat(factor, 0).repeat(factor, 1)  # the large one is cut at reduced size
    boxes = [tight(mask, cls) for cls in (3, 2, 1)]
    found = grabcut.grabcut(painted(mask), boxes)
    assert found.shape == mask.shape and found.dtype == np.uint8
    assert miou(mask, found) > 0.93
    assert miou(mask, found) > miou(mask, grabcut.fill(boxes, mask.shape)) + 0.1


def test_grabcut_stays_in_its_box_and_is_the_same_every_time():
    mask = discs()
    box = Box(1, 40, 20, 70, 60)  # on part of the disc only
    found = grabcut.grabcut_box(painted(mask), box)
    outside = np.ones(mask.shape, bool)
    outside[20:60, 40:70] = False
    assert found.any() and not found[outside].any()
    cv2.setRNGSeed(7)
    assert np.array_equal(found, grabcut.grabcut_box(painted(mask), box))


@pytest.mark.parametrize("box", [
    Box(1, 0, 0, 128, 96), Box(1, 5, 5, 7, 7), Box(1, 5, 5, 100, 7), Box(1, 127, 95, 128, 96),
])  # fmt: skip
@pytest.mark.parametrize("image", [painted(discs()), np.full((96, 128, 3), 77, np.uint8)])
def test_grabcut_survives_odd_boxes_and_flat_pictures(box, image):
    found = grabcut.grabcut(image, [box])
    inside = found[box.y0 : box.y1, box.x0 : box.x1]
    assert (inside == 1).any() and (found == 1).sum() == (inside == 1).sum()


def test_a_box_as_large_as_the_picture_is_cut_too():
    mask = discs()
    mask[mask > 1] = 1
    found = grabcut.grabcut(painted(mask), [Box(1, 0, 0, 128, 96)])
    assert miou(mask, found, 2) > 0.9


def test_with_nothing_outside_the_guess_stays():
    start = np.full((20, 20), cv2.GC_PR_FGD, np.uint8)
    assert grabcut.cut(painted(np.zeros((20, 20), int)), start).all()


# Random walk


def seeds_in(mask, radius=3):
    """A dab well inside each class."""
    seeds = np.full(mask.shape, 255, np.uint8)
    for cls in np.unique(mask):
        depth = ndimage.distance_transform_edt(np.pad(mask == cls, 1))[1:-1, 1:-1]
        y, x = np.unravel_index(depth.argmax(), mask.shape)
        dab = drawing.brush([(y, x)], radius, mask.shape)
        seeds[dab & (mask == cls)] = cls
    return seeds


def test_the_walk_is_scikit_images():
    mask = discs()[20:80, 20:120]
    image, seeds = painted(mask, noise=25), seeds_in(mask)
    ours, classes = walker.random_walker(image, seeds, sharpness=130)
    labels = np.where(seeds == 255, 0, seeds.astype(int) + 1)
    theirs = skimage_walker(
        image / 255, labels, beta=130, mode="bf", channel_axis=-1, return_full_prob=True
    )
    assert classes.tolist() == [0, 1, 2, 3]
    # Our floor of the weights is 1e-6, theirs 1e-10: this changes pixels cut off by noise only.
    assert np.quantile(np.abs(ours - theirs), 0.99) < 2e-3
    assert (ours.argmax(0) == theirs.argmax(0)).mean() > 0.998


def test_the_walk_is_a_gamblers_ruin_on_a_line():
    """On one row of equal weights the chance to hit the right end first grows linearly."""
    seeds = np.full((1, 11), 255, np.uint8)
    seeds[0, 0], seeds[0, -1] = 4, 7
    found, classes = walker.random_walker(np.full((1, 11, 3), 90, np.uint8), seeds)
    assert classes.tolist() == [4, 7]
    np.testing.assert_allclose(found[1, 0], np.arange(11) / 10, atol=1e-6)
    np.testing.assert_allclose(found.sum(0), 1, atol=1e-6)


def test_hitting_probabilities_are_what_walking_gives():
    """A thousand walks from one pixel, on a grid with one hard border."""
    rng = np.random.default_rng(0)
    seeds = np.full((5, 6), 255, np.uint8)
    seeds[0, 0], seeds[4, 5] = 0, 1
    image = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
    (first, second), weight = walker.weights(image, sharpness=5)
    step = np.zeros((30, 30))
    step[first, second] = step[second, first] = weight
    step /= step.sum(1, keepdims=True)
    hits = 0
    for _ in range(1000):
        at = 14
        while at not in (0, 29):
            at = rng.choice(30, p=step[at])
        hits += at == 29
    found = walker.hitting(((first, second), weight), seeds, np.array([0, 1]))
    assert abs(hits / 1000 - found[1].ravel()[14]) < 0.05


@pytest.mark.parametrize("factor", [1, 4])
def test_the_walk_follows_colour_and_keeps_its_seeds(factor):
    mask = discs().repeat(factor, 0).repeat(factor, 1)
    seeds = seeds_in(mask, 3 * factor)
    image = painted(mask)
    found = walker.walk_labels(image, seeds)
    assert miou(mask, found) > 0.93 > miou(mask, nearest.nearest_labels(seeds)) + 0.1
    assert (found == seeds)[seeds != 255].all()


@pytest.mark.parametrize("block", [walker.walk_labels, graphcut.graph_cut])
def test_odd_seeds(block):
    image = painted(discs())
    one = np.full(image.shape[:2], 255, np.uint8)
    one[30, 40] = 3
    assert (block(image, one) == 3).all(), "one class takes everything"
    with pytest.raises(ValueError, match="needs a seed"):
        block(image, np.full_like(one, 255))
    full = discs()
    assert np.array_equal(block(image, full), full), "nothing is left to decide"
    flat = np.full((96, 128, 3), 60, np.uint8)
    one[30, 100] = 0
    found = block(flat, one)
    assert set(np.unique(found)) == {0, 3} and found[30, 40] == 3
    thin = np.full((1, 9), 255, np.uint8)
    thin[0, 0], thin[0, 8] = 1, 2
    assert block(np.full((1, 9, 3), 60, np.uint8), thin)[0, [0, 8]].tolist() == [1, 2]


# Graph cut


def brute_force(unary, edges, weight):
    """The cheapest of all labellings."""
    count, kinds = unary.shape
    every = np.indices((kinds,) * count).reshape(count, -1).T
    return min(graphcut.energy(labels, unary, edges, weight) for labels in every)


def problem(rng, count, kinds):
    pairs = np.array([(i, j) for i in range(count) for j in range(i + 1, count)]).T
    keep = rng.random(pairs.shape[1]) < 0.5
    return rng.random((count, kinds)), pairs[:, keep], rng.random(keep.sum()) * 0.6


def test_the_cut_is_the_cheapest_of_all_labellings():
    rng = np.random.default_rng(0)
    for _ in range(20):
        given = problem(rng, 7, 2)
        found = graphcut.expand(*given)
        assert graphcut.energy(found, *given) == pytest.approx(brute_force(*given))


def test_an_expansion_is_the_cheapest_of_all_expansions():
    rng = np.random.default_rng(1)
    for _ in range(10):
        unary, edges, weight = problem(rng, 6, 3)
        labels = rng.integers(0, 3, 6)
        found = graphcut.expansion(labels, 2, unary, edges, weight)
        choices = np.indices((2,) * 6).reshape(6, -1).T
        costs = [
            graphcut.energy(np.where(take, 2, labels), unary, edges, weight) for take in choices
        ]
        assert graphcut.energy(found, unary, edges, weight) == pytest.approx(min(costs))


def test_expansion_comes_close_with_more_classes():
    rng = np.random.default_rng(2)
    for _ in range(10):
        given = problem(rng, 6, 3)
        found = graphcut.expand(*given)
        assert graphcut.energy(found, *given) <= 1.05 * brute_force(*given)


@pytest.mark.parametrize("factor", [1, 4])
def test_the_graph_cut_follows_colour_and_keeps_its_seeds(factor):
    mask = discs().repeat(factor, 0).repeat(factor, 1)
    seeds = weak.scribbles(mask, mask, np.random.default_rng(0), width=2 * factor)
    found = graphcut.graph_cut(painted(mask), seeds)
    assert miou(mask, found) > 0.88
    assert (found == seeds)[seeds != 255].all()
    loose = graphcut.graph_cut(painted(mask, 60), seeds, smoothness=0)
    smooth = graphcut.graph_cut(painted(mask, 60), seeds, smoothness=20)
    borders = [(x[:, 1:] != x[:, :-1]).sum() for x in (loose, smooth)]
    assert borders[1] < borders[0], "smoothness makes borders shorter"


# Extreme points


def ends(mask, cls):
    here = np.where(mask == cls, cls, 0).astype(np.uint8)
    (found,) = weak.extreme_points(here, (here > 0).astype(np.uint8))
    return found


def test_extreme_points_to_a_mask():
    mask = discs()
    found = extreme.extreme_cut(painted(mask), [ends(mask, 2), ends(mask, 1), ends(mask, 3)])
    assert miou(mask, found) > 0.93
    guess = extreme.first_guess(ends(mask, 3), mask.shape)
    assert guess[0, 0] == cv2.GC_BGD and guess[60, 105] == cv2.GC_FGD
    assert guess[47, 92] == cv2.GC_PR_BGD, "a corner of the box is rarely object"
    flat = Extreme(1, (10, 10), (10, 10), (10, 10), (10, 10))
    assert extreme.extreme_cut(painted(mask), [flat])[10, 10] == 1


# By name, and how long they take


def scribbled(kind="scribbles"):
    """A scene and what the simulators draw on it."""
    scene = draw(14)
    rng = np.random.default_rng(0)
    given = {"scribbles": weak.scribbles(scene.mask, scene.instances, rng)}
    given["points"] = weak.points(scene.mask, scene.instances, rng, background=3)
    given["points"] = [p for p in given["points"] if given["scribbles"][p[:2]] in (255, p[2])]
    given["boxes"] = weak.boxes(scene.mask, scene.instances, rng)
    given["extreme"] = weak.extreme_points(scene.mask, scene.instances)
    return scene, Annotation(scene.mask.shape, **given)


@pytest.mark.parametrize("kind", list(drawn.ENGINES))
def test_every_engine_makes_a_mask_of_its_kind_alone(kind):
    scene, full = scribbled()
    assert drawing.problems(full, CLASSES) == []
    only = Annotation(full.size, **{kind: getattr(full, kind)})
    for engine in drawn.ENGINES[kind]:
        mask = drawn.run(kind, engine, scene.image, full)
        assert mask.shape == full.size and mask.dtype == np.uint8
        assert set(np.unique(mask)) <= full.tags | {0} and mask.any()
        assert np.array_equal(mask, drawn.run(kind, engine, scene.image, only))
        assert not drawn.run(kind, engine, scene.image, Annotation(full.size)).any()
    with pytest.raises(InputError, match="There is no engine .*: magic; choose from boxes: fill"):
        drawn.run(kind, "magic", scene.image, full)


def test_the_frame_stands_for_a_background_that_nobody_drew():
    seeds = np.full((40, 60), 255, np.uint8)
    assert drawn.with_frame(seeds)[1] is False
    seeds[20, 30] = 2
    with_frame, added = drawn.with_frame(seeds)
    assert added and (with_frame[0] == 0).all() and with_frame[20, 30] == 2
    seeds[0, 10] = 1
    with_frame, _ = drawn.with_frame(seeds)
    assert with_frame[0, 10] == 1 and with_frame[0, 12] == 255 and with_frame[0, 30] == 0
    seeds[5, 5] = 0
    assert drawn.with_frame(seeds)[1] is False


def test_reducing_keeps_single_seeds_and_the_size():
    seeds = np.full((375, 500), 255, np.uint8)
    seeds[374, 499], seeds[0, 0], seeds[100, 3] = 1, 2, 0
    small = reduce.reduced_seeds(seeds, reduce.reduction(seeds.shape, 160))
    assert small.shape == (120, 160)
    assert sorted(small[small != 255].tolist()) == [0, 1, 2] and small[-1, -1] == 1
    assert reduce.reduction((40, 60), 160) == 1 and reduce.reduced(seeds, 1) is seeds
    labels = reduce.enlarged_labels(np.array([[3, 7], [3, 7]], np.uint8), (10, 10))
    assert labels[:, :5].tolist() == [[3] * 5] * 10 and (labels[:, 5:] == 7).all()
