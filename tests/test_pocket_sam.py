"""Pocket SAM: prompts as maps, lessons, clicks, losses, net and file, without trained weights."""

import json

import numpy as np
import pytest
import torch
from stand_in import change

from wsss_lite.assist import clicks, lessons, oddities, pocket_sam, sam_score, shipped, train_sam
from wsss_lite.assist.lessons import HELD_OUT, KINDS, PART, PARTS, SEEN, THINGS, UNSEEN, VOID
from wsss_lite.assist.pocket_sam import PocketSam, in_shares, load, save, small
from wsss_lite.assist.sam import Prompts
from wsss_lite.data.casting import CLASSES, plan
from wsss_lite.data.contexts import STUFF_ID
from wsss_lite.data.drawing import PART as LABEL
from wsss_lite.data.pocket import SPLITS
from wsss_lite.errors import InputError
from wsss_lite.losses.masks import mask_losses, nearest_of, overlaps
from wsss_lite.nets import prompted
from wsss_lite.nets.prompted import CELLS, SIDE, Prompted, ambiguous, drawn, promised

NOWHERE = torch.full((1, 4), torch.nan)
CHANNELS, WIDTHS = [24, 40, 112, 320], (16, 16, 32, 32)


def one_click(x, y, label=1):
    return torch.tensor([[[x, y]]]), torch.tensor([[label]])


# ------------------------------------------------------------------ prompts as maps
def test_click_is_a_gaussian_at_two_widths():
    x = y = (20 + 0.5) / CELLS  # the middle of a cell
    maps = drawn(NOWHERE, *one_click(x, y))[0]
    for number, width in enumerate((prompted.NARROW, prompted.WIDE)):
        assert maps[number, 20, 20] == 1
        away = np.exp(-((3**2 + 4**2) / CELLS**2) / (2 * width**2))
        assert maps[number, 20 + 4, 20 + 3] == pytest.approx(away, abs=1e-6)
    assert not maps[2:].any()


def test_negative_click_fills_its_own_maps():
    points, _ = one_click(0.4, 0.6)
    yes, no = (drawn(NOWHERE, points, torch.tensor([[label]]))[0] for label in (1, 0))
    assert torch.equal(yes[:2], no[2:4]) and not no[:2].any()


def test_padding_is_no_click():
    points = torch.tensor([[[0.3, 0.3], [0.7, 0.7]]])
    alone = drawn(NOWHERE, points[:, :1], torch.tensor([[1]]))
    assert torch.equal(drawn(NOWHERE, points, torch.tensor([[1, -10]])), alone)


def test_box_map_is_the_distance_to_its_edge():
    box = torch.tensor([[0.25, 0.125, 0.75, 0.875]])
    soft, far = drawn(box, torch.zeros(1, 0, 2), torch.zeros(1, 0))[0, 4:]
    middle = CELLS // 2
    at = (middle + 0.5) / CELLS
    assert far[middle, middle] == pytest.approx(np.tanh((0.75 - at) / prompted.REACH), abs=1e-6)
    corner = np.hypot(0.25 - 0.5 / CELLS, 0.125 - 0.5 / CELLS)
    assert far[0, 0] == pytest.approx(np.tanh(-corner / prompted.REACH), abs=1e-6)
    inside = torch.zeros(CELLS, CELLS, dtype=torch.bool)
    inside[CELLS // 8 : CELLS * 7 // 8, CELLS // 4 : CELLS * 3 // 4] = True
    assert torch.equal(soft > 0.5, inside) and torch.equal(far > 0, inside)


def test_without_a_box_its_maps_are_empty():
    assert not drawn(NOWHERE, *one_click(0.5, 0.5))[0, 4:].any()


def test_mirroring_prompts_mirrors_the_drawing():
    rng = np.random.default_rng(0)
    batch = batch_of_one(rng, boxes=torch.tensor([[0.1, 0.2, 0.45, 0.9]]))
    there = drawn(batch.boxes, batch.points, batch.labels)
    other = train_sam.mirrored(batch)
    back = drawn(other.boxes, other.points, other.labels)
    torch.testing.assert_close(back, there.flip(-1), atol=1e-5, rtol=0)
    assert torch.equal(other.target, batch.target.flip(-1))
    twice = train_sam.mirrored(other)
    torch.testing.assert_close(twice.points, batch.points)


def batch_of_one(rng, boxes):
    mask = torch.from_numpy(rng.random((1, SIDE, SIDE)) > 0.5)
    points = torch.tensor([[[0.2, 0.7], [0.55, 0.3]]])
    return train_sam.Batch(np.array([0]), torch.tensor([0]), boxes, points, torch.tensor([[1, 0]]),
                           mask, torch.ones_like(mask), torch.tensor([True]), np.array([0]))


def test_only_a_single_positive_click_is_ambiguous():
    box = torch.tensor([[0.1, 0.1, 0.9, 0.9]])
    boxes = torch.cat([NOWHERE, NOWHERE, NOWHERE, NOWHERE, box])
    labels = torch.tensor([[1, -10], [1, 1], [1, 0], [0, -1], [1, -1]])
    assert ambiguous(boxes, labels).tolist() == [True, False, False, False, False]


# ------------------------------------------------------------------ losses and the estimate
def test_promised_iou_is_that_of_sure_masks_and_of_a_coin():
    sure = torch.zeros(1, 2, 8, 8)
    sure[0, 0, :4] = 1
    assert promised(sure).tolist() == [[1, 0]]
    half = torch.full((1, 1, 4, 4), 0.75)
    half[..., 2:] = 0.25  # inside: 8 pixels with .75; beside: 8 with .25
    assert promised(half).item() == pytest.approx(8 * 0.75 / (8 + 8 * 0.25))


def test_mask_loss_of_a_coin_and_of_the_truth():
    target, valid = torch.zeros(1, 4, 4), torch.ones(1, 4, 4)
    target[0, :2] = 1
    coin = mask_losses(torch.zeros(1, 1, 4, 4), target, valid).item()
    dice = 1 - (2 * 8 * 0.5 + 1) / (16 * 0.5 + 8 + 1)
    assert coin == pytest.approx(3 * np.log(2) + dice, abs=1e-5)
    right = mask_losses(40 * (target[:, None] - 0.5), target, valid).item()
    assert right == pytest.approx(0, abs=1e-4)


def test_void_pixels_do_not_count():
    target, valid = torch.zeros(1, 4, 4), torch.ones(1, 4, 4)
    target[0, :2], valid[0, 1:3] = 1, 0
    logits = 40 * (target[:, None] - 0.5)
    wrong = logits.clone()
    wrong[..., 1:3, :] *= -1
    loss = [mask_losses(x, target, valid).item() for x in (logits, wrong)]
    assert loss[0] == loss[1]
    assert overlaps(wrong > 0, target.bool(), valid.bool()).item() == 1


def test_nearest_of_teaches_one_mask():
    losses = torch.tensor([[0.9, 0.3, 0.6]], requires_grad=True)
    nearest_of(losses).sum().backward()
    assert losses.grad.argmax() == 1
    assert losses.grad[0].tolist() == pytest.approx([0.05 / 3, 1 + 0.05 / 3, 0.05 / 3])


def test_estimates_are_compared_with_the_iou_of_the_masks_that_were_asked_for():
    rng = np.random.default_rng(1)
    batch = batch_of_one(rng, NOWHERE)
    batch.labels = torch.tensor([[1, -1]])
    logits = torch.zeros(1, 4, SIDE, SIDE) - 1
    logits[0, 2] = torch.where(batch.target[0], 5.0, -5.0)
    right = torch.tensor([[0.5, 0.0, 1.0, 0.0]])  # of the first nobody asked
    assert train_sam.loss_of(logits, right, batch)[1] == 0
    wrong = torch.tensor([[0.0, 0.0, 0.4, 0.0]])
    assert train_sam.loss_of(logits, wrong, batch)[1].item() == pytest.approx(0.36 / 3)


def test_a_click_on_nothing_teaches_the_estimate_only():
    batch = batch_of_one(np.random.default_rng(2), NOWHERE)
    batch.labels, batch.known = torch.tensor([[1, -1]]), torch.tensor([False])
    batch.target = torch.zeros_like(batch.target)
    logits = torch.randn(1, 4, SIDE, SIDE)
    masks, estimates = train_sam.loss_of(logits, torch.full((1, 4), 0.5), batch)
    assert masks == 0 and estimates.item() == pytest.approx(0.25)


# ------------------------------------------------------------------ somebody who clicks
def test_a_correcting_click_lies_in_the_largest_error():
    target, predicted = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    target[5:20, 5:20], predicted[5:20, 5:12] = True, True  # lacks 15 x 8
    predicted[30:34, 30:34] = True  # and 16 pixels too much
    valid = np.ones_like(target)
    (x, y), label = clicks.correcting(np.random.default_rng(0), predicted, target, valid)
    assert label == 1 and 12 <= x < 20 and 5 <= y < 20
    predicted[:], predicted[target] = True, True
    (x, y), label = clicks.correcting(np.random.default_rng(0), predicted, target, valid)
    assert label == 0 and not target[y, x]


def test_a_click_well_inside_keeps_off_the_edge():
    mask = np.zeros((30, 30), bool)
    mask[:, :21] = True  # the picture's edge counts as an edge
    for seed in range(20):
        x, y = clicks.well_inside(np.random.default_rng(seed), mask)
        assert 4 <= x <= 16 and 4 <= y <= 25
    assert clicks.well_inside(np.random.default_rng(0), np.zeros((3, 3), bool)) is None


def test_shaken_boxes_stay_in_the_picture():
    rng = np.random.default_rng(0)
    assert clicks.shaken(rng, (2, 3, 20, 30), 0, (32, 40)) == (2, 3, 20, 30)
    boxes = np.array([clicks.shaken(rng, (0, 3, 40, 30), 0.3, (32, 40)) for _ in range(200)])
    assert (boxes[:, :2] >= 0).all() and (boxes[:, 2:] <= (40, 32)).all()
    assert (boxes[:, 2:] - boxes[:, :2] >= 1).all() and boxes[:, 1].std() > 3


# ------------------------------------------------------------------ lessons
def test_things_of_a_scene_made_by_hand():
    instances, parts = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    stuff = np.full((64, 64), STUFF_ID["sky"], np.uint8)
    instances[10:40, 10:40], parts[10:40, 10:40] = 1, LABEL["body"]
    parts[10:20, 10:20] = LABEL["head"]
    instances[40, 10:40] = VOID
    stuff[50:60, 5:15] = stuff[50:60, 30:40] = STUFF_ID["trees"]
    stuff[instances > 0] = 0
    stuff[:2, :2] = STUFF_ID["building"]  # too small
    layers, rows = lessons.things_of(instances, parts, stuff, [SEEN])
    kinds = [KINDS[row[2]] for row in rows]
    assert kinds.count(SEEN) == 1 and kinds.count(PART) == 1 and kinds.count("clutter") == 2
    head = next(row for row in rows if KINDS[row[2]] == PART)  # the body is nearly all of it
    assert head.tolist() == [PARTS, head[1], KINDS.index(PART), 10, 10, 20, 20]
    assert (layers[PARTS] == head[1]).sum() == 100
    for row in rows:
        own = layers[row[0]] == row[1]
        assert lessons.corners(own) == tuple(row[3:])
    assert (layers[THINGS] == VOID).sum() == 30
    assert (layers[PARTS] == VOID).sum() == 4  # clutter that is no thing, and not nothing either


def test_held_out_classes_are_in_no_lesson(corpus):
    world, ids, kept = corpus
    assert len(kept) < len(ids), "this piece of the corpus holds none of them: a test of nothing"
    forbidden = [CLASSES.index(name) + 1 for name in HELD_OUT]
    for id in kept:
        assert not np.isin(world.mask(id), forbidden).any()
        assert UNSEEN not in [KINDS[k] for k in lessons.of_world(world, id)[2][:, 2]]
    first = SPLITS["corpus"][1]
    for id in set(ids) - set(kept):
        cast = plan(first + int(id.split("_")[1])).cast
        assert {actor.cls for actor in cast} & set(HELD_OUT)


def test_odd_scenes_hold_things_and_repeat_themselves():
    numbers = set()
    for number in range(6):
        picture, things, pieces = oddities.odd_scene(oddities.FIRST_SEED + number)
        again = oddities.odd_scene(oddities.FIRST_SEED + number)
        assert all(map(np.array_equal, (picture, things, pieces), again))
        assert picture.shape == (SIDE, SIDE, 3) and picture.dtype == np.uint8
        assert (pieces[(things > 0) & (things != VOID)] > 0).all()
        numbers |= set(np.unique(things)) - {0, VOID}
    assert len(numbers) > 2


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """(world, its names, the names of scenes for lessons) of a small corpus."""
    from wsss_lite.data.corpus import Corpus

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(tmp_path_factory.mktemp("corpus")))
        world = Corpus(20)
        ids = world.ids("corpus")
        yield world, ids, lessons.allowed(world, ids)


@pytest.fixture(scope="module")
def pair(trunk, tmp_path_factory):
    """`Lessons` of two odd scenes."""
    sources = [(lessons.of_oddity, (k,)) for k in range(2)]
    return lessons.build(tmp_path_factory.mktemp("lessons"), sources, trunk)


def test_lessons_are_kept_and_go_on(pair, trunk, tmp_path, monkeypatch):
    sources = [(lessons.of_oddity, (k,)) for k in range(2)]

    def fails(number):
        raise KeyboardInterrupt

    monkeypatch.setattr(lessons, "CHUNK", 1)
    with pytest.raises(KeyboardInterrupt):
        lessons.build(tmp_path, [sources[0], (fails, (1,))], trunk)
    assert json.loads((tmp_path / "table.json").read_text())["done"] == 1
    found = lessons.build(tmp_path, [(fails, (0,)), sources[1]], trunk)  # the first is there
    assert np.array_equal(found.pictures, pair.pictures)
    assert np.array_equal(found.table, pair.table)
    for mine, other in zip(found.features, pair.features):
        np.testing.assert_allclose(mine, other, atol=2e-2)  # batches of one and of two


def test_lessons_without_room_say_so(trunk, tmp_path, monkeypatch):
    monkeypatch.setattr(lessons.shutil, "disk_usage", lambda _: type("Disk", (), {"free": 1000}))
    with pytest.raises(InputError, match="free some space or give --work"):
        lessons.build(tmp_path, [(lessons.of_oddity, (0,))], trunk)


def test_batches_hold_what_they_say(pair):
    rng = np.random.default_rng(0)
    for _ in range(10):
        batch = train_sam.draw(pair, rng, scenes=2, prompts=3)
        boxed = ~batch.boxes.isnan().any(1)
        assert torch.equal(boxed, batch.labels[:, 0] == -1)
        for k in range(len(batch.of)):
            target = batch.target[k]
            assert target.any() == batch.known[k]
            if not boxed[k]:
                x, y = (batch.points[k, 0] * SIDE).long()
                assert target[y, x] == batch.known[k]
            else:
                rows, columns = torch.nonzero(target).float().T
                middle = (batch.boxes[k, 1] + batch.boxes[k, 3]) / 2 * SIDE
                assert rows.min() < middle < rows.max() + 1


def test_further_clicks_are_added_for_those_who_wait(pair):
    torch.manual_seed(0)
    net = Prompted([f.shape[1] for f in pair.features], WIDTHS).eval()
    rng = np.random.default_rng(3)
    batch = train_sam.draw(pair, rng, scenes=2, prompts=6)
    batch.further[:] = np.where(batch.known.numpy() & (np.arange(12) % 2 == 0), 2, 0)
    with torch.no_grad():
        scene = net.look(*train_sam.inputs(pair, batch.scenes, False))
    before = (batch.labels != -1).sum(1)
    batch = train_sam.corrected(net, scene, batch, rng)
    added = (batch.labels != -1).sum(1) - before
    assert added.tolist() == batch.further.tolist()
    for k, (points, labels) in enumerate(zip(batch.points, batch.labels)):
        for (x, y), label in zip((points * SIDE).long(), labels):
            assert label == -1 or batch.target[k, y, x] == label or not batch.known[k]


# ------------------------------------------------------------------ net and training
def quickly(patch):
    """A training that fits two scenes in seconds."""
    draw_all = train_sam.draw
    patch.setattr(train_sam, "WARM", 5)
    patch.setattr(train_sam, "PEAK", 8e-3)
    patch.setattr(train_sam, "AVERAGE", 0.9)
    patch.setattr(train_sam, "draw", lambda f, rng: draw_all(f, rng, scenes=2, prompts=3))


def beginning(pair, steps):
    return train_sam.Training([f.shape[1] for f in pair.features], WIDTHS, steps=steps)


@pytest.fixture(scope="module")
def taught(pair, trunk, tmp_path_factory):
    """(`PocketSam`, lines of its log) after some steps on two scenes."""
    lines = []
    with pytest.MonkeyPatch.context() as patch:
        quickly(patch)
        training = beginning(pair, 90)
        folder = tmp_path_factory.mktemp("taught")
        assert train_sam.run(training, pair, trunk, folder, held_out=of_pair()[:1],
                             log=lines.append)  # fmt: skip
    return PocketSam(training.mean, trunk), lines


def of_pair():
    return [lessons.of_oddity(k) for k in range(2)]


def test_two_scenes_are_learnt_by_heart(taught):
    sam, lines = taught
    found = sam_score.scores(sam, of_pair(), ("odd",))["odd"]
    assert found["box"] > 0.75 and found["box"] > found["fill"] + 0.1
    assert found["1 click"] > 0.5
    assert lines[-1].startswith("step    90")


def test_everything_finds_the_things_of_a_learnt_scene(taught, monkeypatch):
    sam, _ = taught
    # After so few steps it is sure of nothing, and how sure depends on the machine's sums.
    monkeypatch.setattr(sam, "least_iou", 0.35)
    monkeypatch.setattr(sam, "least_stability", 0.5)
    picture, layers, rows = of_pair()[0]
    found = sam.everything(picture)
    assert found
    masks = np.array([one.mask for one in found])
    valid = layers[THINGS] != VOID
    best = [max(sam_score.iou(m, layers[r[0]] == r[1], valid) for m in masks) for r in rows]
    assert max(best) > 0.6
    for k, mask in enumerate(masks):
        for other in masks[:k]:
            assert (mask & other).sum() / (mask | other).sum() <= sam.most_overlap


def test_training_goes_on_where_it_stopped(pair, trunk, tmp_path, monkeypatch):
    quickly(monkeypatch)
    whole, parts = beginning(pair, 4), beginning(pair, 4)
    assert train_sam.run(whole, pair, trunk, tmp_path / "a", log=print)
    assert not train_sam.run(parts, pair, trunk, tmp_path / "b", minutes=0, log=print)
    assert 0 < parts.step < 4
    later, lines = beginning(pair, 4), []
    assert train_sam.run(later, pair, trunk, tmp_path / "b", log=lines.append)
    assert lines[0] == f"goes on at step {parts.step} of 4"
    for one, other in zip(whole.mean.parameters(), later.mean.parameters()):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)
    (tmp_path / "b" / train_sam.CHECKPOINT).write_bytes(b"broken")
    with pytest.raises(InputError, match="delete it to start"):
        train_sam.run(beginning(pair, 4), pair, trunk, tmp_path / "b", log=print)


def test_rate_rises_and_falls():
    steps = 1000
    rates = [train_sam.rate(k, steps) for k in range(steps + 1)]
    top = int(np.argmax(rates))
    assert 0 < top <= train_sam.WARM and rates[top] < train_sam.PEAK
    assert (np.diff(rates[: top + 1]) > 0).all() and (np.diff(rates[top:]) < 0).all()
    assert rates[-1] == pytest.approx(train_sam.PEAK * train_sam.LOWEST)


# ------------------------------------------------------------------ asking it
@pytest.fixture(scope="module")
def sam(trunk):
    torch.manual_seed(0)
    return PocketSam(Prompted(CHANNELS, WIDTHS), trunk)


@pytest.fixture(scope="module")
def embedding(sam):
    image = np.random.default_rng(0).integers(0, 256, (70, 101, 3), dtype=np.uint8)
    return sam.encode(image)


def test_a_click_has_three_answers_and_a_box_one(sam, embedding):
    masks, iou = sam.masks(embedding, points=[[(5, 6)], [(50, 60)]])
    assert masks.shape == (2, 3, 70, 101) and masks.dtype == bool and iou.shape == (2, 3)
    masks, iou = sam.masks(embedding, boxes=[[0, 0, 50, 60]])
    assert masks.shape == (1, 1, 70, 101) and iou.shape == (1, 1)
    assert ((iou > 0) & (iou < 1)).all()


def test_prompts_together_are_answered_as_apart(sam, embedding):
    boxes = [[k, 2 * k, 50 + k, 60] for k in range(pocket_sam.AT_ONCE + 3)]
    together = sam.logits(embedding, boxes=boxes)[0]
    apart = sam.logits(embedding, boxes=boxes[-1:])[0]
    np.testing.assert_allclose(together[-1:], apart, atol=1e-4)


def test_a_single_click_among_others_gives_its_best(sam, embedding):
    mixed = sam.logits(embedding, points=[[(5, 6)], [(5, 6), (50, 60)]], labels=[[1], [1, 0]])
    alone = sam.logits(embedding, points=[[(5, 6)]])
    best = alone[1][0].argmax()
    assert mixed[0].shape[1] == 1
    np.testing.assert_allclose(mixed[0][0, 0], alone[0][0, best], atol=1e-4)


def test_prompts_in_pixels_become_shares():
    given = Prompts(np.float32([[0, 7, 101, 70]]), np.float32([[[100, 34.5]]]), np.int64([[1]]))
    boxes, points, labels = in_shares(given, (70, 101))
    np.testing.assert_allclose(boxes[0], [0, 0.1, 1, 1])
    np.testing.assert_allclose(points[0, 0], [100.5 / 101, 0.5])
    assert labels.tolist() == [[1]]


@pytest.mark.parametrize(
    "prompt, sentence",
    [
        ({"points": [[(101.5, 3)]]}, "outside the picture of 101 x 70"),
        ({"boxes": [[40, 2, 20, 30]]}, "40, 2, 20, 30 is empty or leaves"),
        ({"boxes": [[40, 2, 120, 30]]}, "leaves the picture of 101 x 70"),
        ({}, "give boxes or points"),
    ],
)
def test_a_bad_prompt_gets_one_sentence(sam, embedding, prompt, sentence):
    with pytest.raises(InputError, match=sentence):
        sam.best(embedding, **prompt)


def test_a_picture_of_floats_gets_one_sentence(sam):
    with pytest.raises(InputError, match="uint8"):
        sam.encode(np.zeros((8, 8, 3)))


def test_small_pictures_are_means(trunk):
    picture = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    np.testing.assert_allclose(small([picture])[0], picture.transpose(2, 0, 1) / 255, atol=1e-6)
    large = picture.repeat(3, 0).repeat(3, 1)
    assert small([large]).shape == (1, 3, SIDE, SIDE)
    assert small([large]).mean() == pytest.approx(picture.mean() / 255, abs=1e-2)


def test_scores_of_somebody_who_knows(monkeypatch):
    """Filling boxes scores like `fill`; the truth by clicks scores 1."""
    picture, layers, rows = lessons.of_oddity(0)

    class Knows:
        def encode(self, image):
            return None

        def best(self, embedding, boxes=None, points=None, labels=None):
            if boxes is not None:
                return np.array([sam_score.filled(b, layers.shape[1:]) for b in boxes]), None
            out = []
            for row in rows:  # in the order of the prompts
                out.append(layers[row[0]] == row[1])
            return np.array(out), None

    found = sam_score.scores(Knows(), [(picture, layers, rows)])
    assert sum(row["things"] for row in found.values()) == len(rows)
    for row in found.values():
        assert row["box"] == row["fill"] < 1 and row["1 click"] == row["3 clicks"] == 1
    assert len(sam_score.table(found).split("\n")) == 1 + len(found)


# ------------------------------------------------------------------ the file
@pytest.fixture
def stored(sam, tmp_path):
    target = tmp_path / "pocket_sam"
    return save(sam.net, sam.trunk, target, held_out=list(HELD_OUT))


def test_a_stored_net_answers_the_same(sam, embedding, stored, trunk):
    again = load(stored, trunk)
    assert again.facts["held_out"] == list(HELD_OUT)
    image = np.random.default_rng(0).integers(0, 256, (70, 101, 3), dtype=np.uint8)
    logits, iou = again.logits(again.encode(image), boxes=[[3, 4, 80, 60]])
    before, estimate = sam.logits(embedding, boxes=[[3, 4, 80, 60]])
    np.testing.assert_allclose(logits, before, atol=2e-2)  # float16
    np.testing.assert_allclose(iou, estimate, atol=1e-2)


def test_a_changed_file_is_refused(stored, trunk):
    change(stored / shipped.NET)
    with pytest.raises(InputError, match="was changed after it was made.*train_sam"):
        load(stored, trunk)


def test_a_missing_file_says_how_to_make_it(tmp_path, trunk):
    with pytest.raises(InputError, match="is missing.*python -m wsss_lite.assist.train_sam"):
        load(tmp_path / "none", trunk)


def test_scoring_without_weights_says_how_to_make_them(tmp_path):
    with pytest.raises(InputError, match="is missing.*train_sam"):
        train_sam.main(["--evaluate", "--out", str(tmp_path)])


def test_a_remade_net_has_to_be_as_good(monkeypatch, sam, stored, trunk):
    training = train_sam.Training(CHANNELS, WIDTHS, steps=7)
    training.step = 7
    now = {SEEN: {"things": 3, "box": 0.5}}
    monkeypatch.setattr(train_sam.sam_score, "scores", lambda *a, **k: now)
    monkeypatch.setattr(train_sam, "pictures", lambda split: [])
    facts = json.loads((stored / shipped.FACTS).read_text())
    for box, fits in ((0.515, True), (0.7, False)):
        told = facts | {"steps": 7, "val": {SEEN: {"box": box}}}
        (stored / shipped.FACTS).write_text(json.dumps(told))
        if fits:
            train_sam.finish(training, trunk, stored)
        else:
            with pytest.raises(InputError, match="came out at 0.500 on val, 0.700 are recorded"):
                train_sam.finish(training, trunk, stored)
    train_sam.finish(training, trunk, stored, force=True)
    assert json.loads((stored / shipped.FACTS).read_text())["val"] == now


def test_another_trunk_is_refused(stored, monkeypatch, trunk):
    monkeypatch.setattr(type(trunk), "fingerprint", lambda self: "another")
    with pytest.raises(InputError, match="another trunk"):
        load(stored, trunk)


def test_the_shipped_size_is_below_four_megabytes():
    parameters = sum(p.numel() for p in Prompted(CHANNELS).parameters())
    assert 2 * parameters < 4e6
