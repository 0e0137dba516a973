"""The pocket grounder: what it is taught, how maps become boxes, training, files, scores.

Nothing here needs trained weights; texts are those of a stand-in.
"""

import itertools
import json

import numpy as np
import pytest
import torch
from stand_in import DAMAGE, Words

from wsss_lite.assist import pocket_grounder, prompts, shipped, train_grounder
from wsss_lite.assist.box_score import area, box_scores, hits
from wsss_lite.assist.load import load_grounder
from wsss_lite.assist.pocket_grounder import PocketGrounder, grounded, joint
from wsss_lite.assist.train_grounder import Lessons, Training, lessons, measure
from wsss_lite.data.folder import open_world
from wsss_lite.errors import InputError
from wsss_lite.losses.centres import (
    NEAR,
    REACH,
    SPREAD,
    bump,
    centre_loss,
    side_loss,
    targets,
)
from wsss_lite.nets.centres import (
    OTHER,
    RARE,
    SAME,
    SCALE,
    Centres,
    Look,
    decode,
    distinct,
    heat,
    overlaps,
)
from wsss_lite.nets.features import FeatureBank
from wsss_lite.nets.trunk import Trunk

GRID = (28, 28)
SIZES = ((97, 131), (128, 128), (211, 60))


@pytest.fixture(scope="module")
def words():
    return Words()


@pytest.fixture(scope="module")
def taught(tiny, trunk, tmp_path_factory):
    """`Lessons` of three scenes, which must hold several things of several classes."""
    world = open_world(str(tiny))
    bank = FeatureBank(world, trunk, tmp_path_factory.mktemp("bank"))
    found = lessons(world, world.ids("train")[:3], bank)
    assert len({name for some in found.boxes for name, *_ in some}) >= 3
    return found


@pytest.fixture(scope="module")
def fitted(taught, trunk, words):
    """A `Training` that has seen three scenes often."""
    training = Training(words, trunk, taught, epochs=70, batch=3, peak=1e-2, width=32)
    while training.epoch < training.epochs:
        training.advance()
    return training


@pytest.fixture
def grounder(fitted, trunk, words):
    return PocketGrounder(fitted.net, words, trunk)


@pytest.fixture
def folder(fitted, trunk, tmp_path):
    """A folder as it is shipped."""
    facts = fitted.facts | {"clip": "0" * 64, "ap_val": 0.5}
    return shipped.write(tmp_path / "net", fitted.net.state_dict(), trunk, facts, "remake")


def image_of(tiny, number=0):
    world = open_world(str(tiny))
    return world.image(world.ids("train")[number])


# ------------------------------------------------------------------ targets and losses


def test_a_bump_has_the_width_of_its_box():
    box = (0.2, 0.4, 0.8, 0.7)
    heat_map, sides, weight = targets([(1, *box)], 3, GRID)
    row, column = int(0.55 * 28), int(0.5 * 28)
    assert heat_map.shape == (3, *GRID) and not heat_map[[0, 2]].any()
    assert np.argwhere(heat_map == 1).tolist() == [[1, row, column]]
    spread = SPREAD * 0.6 * 28
    assert heat_map[1, row, column + 2] == pytest.approx(np.exp(-((2 / spread) ** 2) / 2))
    spread = SPREAD * 0.3 * 28
    assert heat_map[1, row - 1, column] == pytest.approx(np.exp(-((1 / spread) ** 2) / 2))
    x, y = (column + 0.5) / 28, (row + 0.5) / 28
    expected = [x - 0.2, y - 0.4, 0.8 - x, 0.7 - y]
    assert sides[:, row, column] == pytest.approx(expected, abs=1e-6)
    assert weight.sum() == pytest.approx(1) and weight.argmax() == row * 28 + column
    assert np.array_equal(weight > 0, heat_map[1] > REACH)


def test_every_cell_teaches_the_box_whose_bump_is_the_highest():
    boxes = [(0, 0.1, 0.1, 0.9, 0.9), (1, 0.4, 0.2, 0.6, 0.6)]
    _, sides, weight = targets(boxes, 2, GRID)
    high = [bump(box, GRID) for _, *box in boxes]
    assert weight.sum() == pytest.approx(2, abs=1e-5)
    for row, column in np.argwhere(weight > 0):
        owner = int(high[1][row, column] > high[0][row, column])
        _, x0, _, x1, _ = boxes[owner]
        x = (column + 0.5) / 28
        assert sides[[0, 2], row, column] == pytest.approx([x - x0, x1 - x], abs=1e-6)


def test_no_box_and_a_box_at_the_edge():
    for found in targets([], 2, GRID):
        assert not found.any()
    heat_map, sides, weight = targets([(0, 0.96, 0.97, 1.0, 1.0)], 1, GRID)
    assert heat_map[0, 27, 27] == 1 and weight.sum() == pytest.approx(1) and sides.min() >= 0


def test_the_centre_loss_is_the_focal_loss():
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(1, 2, 3, 3, generator=draw)
    target = torch.rand(1, 2, 3, 3, generator=draw) * 0.9
    target[0, 0, 1, 1] = target[0, 1, 0, 2] = 1
    total = 0.0
    for logit, y in zip(logits.flatten().tolist(), target.flatten().tolist()):
        p = 1 / (1 + np.exp(-logit))
        total -= (1 - p) ** 2 * np.log(p) if y == 1 else (1 - y) ** NEAR * p**2 * np.log(1 - p)
    assert centre_loss(logits, target).item() == pytest.approx(total / 2, rel=1e-4)
    sure = torch.where(target == 1, 20.0, -20.0)
    assert centre_loss(sure, target).item() < 1e-6
    assert torch.isfinite(centre_loss(logits, target * 0.5))  # no centre at all


def test_the_side_loss_is_one_minus_giou_of_the_corners():
    draw = torch.Generator().manual_seed(1)
    sides, target = (torch.rand(1, 4, 5, 5, generator=draw) + 0.01 for _ in range(2))
    weight, total = torch.rand(1, 5, 5, generator=draw), 0.0
    for i, j in itertools.product(range(5), range(5)):
        a, b = ([-s[0], -s[1], s[2], s[3]] for s in (sides[0, :, i, j], target[0, :, i, j]))
        size = lambda c: max(c[2] - c[0], 0) * max(c[3] - c[1], 0)  # noqa: E731
        both = size([*map(max, a[:2], b[:2]), *map(min, a[2:], b[2:])])
        hull = size([*map(min, a[:2], b[:2]), *map(max, a[2:], b[2:])])
        union = size(a) + size(b) - both
        total += float(weight[0, i, j] * (1 - both / union + (hull - union) / hull))
    found = side_loss(sides, target, weight)
    assert found.item() == pytest.approx(total / weight.sum().item(), rel=1e-4)
    assert side_loss(target, target, weight).item() == pytest.approx(0, abs=1e-6)
    assert side_loss(sides, target, weight * 0).item() == 0


# ------------------------------------------------------------------ from maps to boxes


def slow_iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    size = lambda c: (c[2] - c[0]) * (c[3] - c[1])  # noqa: E731
    return both / (size(a) + size(b) - both)


def slow_decode(prob, sides, least):
    """Every cell of every text, looked at one by one."""
    texts, height, width = prob.shape
    found = []
    for k, i, j in itertools.product(range(texts), range(height), range(width)):
        around = prob[k, max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2]
        if prob[k, i, j] > least and prob[k, i, j] >= around.max():
            x, y, (left, top, right, bottom) = (j + 0.5) / width, (i + 0.5) / height, sides[:, i, j]
            box = [x - left, y - top, x + right, y + bottom]
            found.append((prob[k, i, j], k, [min(max(v, 0.0), 1.0) for v in box]))
    kept = []
    for score, k, box in sorted(found, key=lambda row: -row[0]):
        if all(slow_iou(box, other) <= (SAME if k == name else OTHER) for _, name, other in kept):
            kept.append((score, k, box))
    return kept


@pytest.mark.parametrize("seed", range(4))
def test_decoding_equals_looking_at_every_cell(seed):
    draw = torch.Generator().manual_seed(seed)
    prob = torch.rand(3, 7, 9, generator=draw) ** 3
    sides = torch.rand(4, 7, 9, generator=draw) * 0.4 + 0.05
    which, corners, scores = decode(prob, sides, 0.3)
    expected = slow_decode(prob.numpy(), sides.numpy(), 0.3)
    assert len(expected) == len(which) > 3
    assert which.tolist() == [k for _, k, _ in expected]
    assert np.allclose(scores, [score for score, _, _ in expected])
    assert np.allclose(corners, [box for *_, box in expected], atol=1e-6)


def test_overlaps_are_those_of_the_definition():
    boxes = torch.tensor([[0, 0, 0.5, 0.5], [0.25, 0, 0.75, 0.5], [0.6, 0.6, 0.9, 1.0]])
    found = overlaps(boxes, boxes[:2])
    assert found.shape == (3, 2) and found[0, 1].item() == pytest.approx(1 / 3)
    for a, b in itertools.product(range(3), range(2)):
        expected = slow_iou(boxes[a].tolist(), boxes[b].tolist())
        assert found[a, b].item() == pytest.approx(expected, abs=1e-6)


def test_one_thing_keeps_one_box_and_one_name():
    box = torch.tensor([[0.0, 0, 1, 1], [0.0, 0, 1, 0.95], [0.0, 0, 1, 0.6], [0.0, 0, 0.4, 0.4]])
    assert distinct(box, torch.tensor([0, 0, 0, 0])) == [0, 3]
    assert distinct(box, torch.tensor([0, 1, 1, 0])) == [0, 2, 3]  # .95 is one thing, .6 is not
    assert distinct(box[:0], torch.tensor([], dtype=torch.long)) == []


def test_what_was_taken_away_takes_nothing_away():
    boxes = torch.tensor([[0.0, 0, 0.6, 1], [0.2, 0, 0.8, 1], [0.4, 0, 1.0, 1]])
    assert distinct(boxes, torch.tensor([0, 0, 0]), same=0.45) == [0, 2]


@pytest.mark.parametrize("size", SIZES)
def test_boxes_lie_in_the_picture_in_whole_pixels(size):
    look = Look(torch.zeros(1, 4, 6, 6), torch.full((1, 1, 6, 6), -9.0), torch.ones(1, 4, 6, 6))
    look.centre[0, 0, 0, 5] = look.centre[0, 0, 4, 1] = 3.0
    look.sides[0, :, 4, 1] = 0.001  # smaller than a pixel
    found = grounded(look, 0, torch.zeros(1, 4), ["cat"], size, 0.25)
    assert len(found) == 2 and {g.box.cls for g in found} == {1}
    for box, text, score in found:
        assert 0 <= box.x0 < box.x1 <= size[1] and 0 <= box.y0 < box.y1 <= size[0]
        assert text == "cat" and score == pytest.approx(1 / (1 + np.exp(-3.0)))
    whole = max(found, key=lambda g: g.box.x1 - g.box.x0).box
    assert (whole.x0, whole.y0, whole.x1, whole.y1) == (0, 0, size[1], size[0])


# ------------------------------------------------------------------ the net and its training


def test_an_untrained_net_says_what_clip_says(taught, trunk, words):
    net = Centres([f.shape[1] for f in taught.features], words.space, width=8).eval()
    stages = [torch.from_numpy(f[[0]]) for f in taught.features]
    torch.nn.init.zeros_(net.centre.weight)
    with torch.no_grad():
        dense = joint(words, trunk, stages[-1])
        look = net(stages, dense)
        texts = torch.from_numpy(words.texts(["a cat", "a boat"]))
        found = heat(look, texts)
    cosines = torch.einsum("kd,bdhw->bkhw", texts, dense)
    expected = torch.nn.functional.interpolate(cosines, found.shape[-2:], mode="bilinear")
    assert torch.allclose(found, RARE + SCALE * expected, atol=1e-4)
    assert torch.allclose(dense.norm(dim=1), torch.ones(1, *dense.shape[-2:]))


def test_the_joint_map_is_the_last_layer_at_every_position(tiny, trunk, words):
    found = trunk([image_of(tiny)], ("c5", "final"))
    weight, bias = words.layer
    slow = torch.einsum("df,fhw->dhw", weight, found["final"][0]) + bias[:, None, None]
    slow = slow / slow.norm(dim=0)
    assert torch.allclose(joint(words, trunk, found["c5"])[0], slow, atol=1e-4)


def test_three_scenes_are_learnt_by_heart(taught, grounder):
    precision, recall = measure(grounder, taught)
    present = {name for some in taught.boxes for name, *_ in some}
    assert np.mean([precision[name] for name in present]) > 0.95
    assert np.mean([recall[name] for name in present]) > 0.95
    assert all(np.isnan(precision[name]) for name in set(taught.classes) - present)


def test_training_repeats_itself_and_goes_on_where_it_stopped(taught, trunk, words, tmp_path):
    def fresh(epochs=3):
        return Training(words, trunk, taught, epochs=epochs, batch=2, width=8)

    whole, halves = fresh(), fresh()
    train_grounder.run(whole, tmp_path / "a.pt", log=lambda line: None)
    halves.advance()
    halves.write(tmp_path / "b.pt")
    said = []
    second = train_grounder.run(fresh(), tmp_path / "b.pt", log=said.append)
    assert said[0] == "goes on after epoch 1 of 3" and second.curve == whole.curve
    for name, value in whole.net.state_dict().items():
        assert torch.equal(value, second.net.state_dict()[name]), name
    (tmp_path / "b.pt").write_bytes(b"torn")
    with pytest.raises(InputError, match="b.pt is no checkpoint.*delete it"):
        fresh().read(tmp_path / "b.pt")


def test_a_scene_with_a_class_held_out_teaches_nothing(tiny, trunk, taught, tmp_path):
    world = open_world(str(tiny))
    ids = world.ids("train")
    name = taught.boxes[0][0][0]
    found = lessons(world, ids, FeatureBank(world, trunk, tmp_path), without=(name,))
    column = world.classes.index(name)
    assert 0 < len(found) == sum(not world.tags(id)[column] for id in ids) < len(ids)
    assert name not in found.classes and all(n != name for some in found.boxes for n, *_ in some)


def test_the_names_left_for_the_test_are_never_said(fitted, words):
    asked = Words()
    vectors = train_grounder.spoken(asked, ("cat", "person"))
    kept = len(prompts.SYNONYMS["cat"]) - 1
    assert vectors.shape == (2, kept * (len(prompts.TEMPLATES) + 1), asked.space)
    for name in ("cat", "person"):
        for number, synonym in enumerate(prompts.SYNONYMS[name]):
            said = any(synonym in text.split() for text in asked.asked)
            assert said == (number != pocket_grounder.UNSAID), synonym


def test_shares_of_a_box(tiny):
    world = open_world(str(tiny))
    id = world.ids("train")[0]
    height, width = world.image(id).shape[:2]
    for (name, *box), true in zip(train_grounder.shares(world, id), world.boxes(id), strict=True):
        assert name == world.classes[true.cls - 1]
        pixels = np.multiply(box, (width, height, width, height))
        assert pixels == pytest.approx([true.x0, true.y0, true.x1, true.y1])


# ------------------------------------------------------------------ asking it


def test_thresholds_only_take_boxes_away(grounder, tiny, taught):
    picture, texts = image_of(tiny), [name for name, *_ in taught.boxes[0]] + ["grass"]
    most = grounder.boxes(picture, texts, 0.01, 0.01)
    assert most == sorted(most, key=lambda g: -g.score) and len(most) > 1
    middle = most[len(most) // 2].score
    for thresholds in ((middle, 0), (0, middle)):
        few = grounder.boxes(picture, texts, *thresholds)
        assert few == [g for g in grounder.boxes(picture, texts, 0, 0) if g.score > middle]
    assert grounder.boxes(picture, texts, 1.0, 0) == []


def test_the_same_question_has_the_same_answer(grounder, tiny, taught):
    picture, name = image_of(tiny), taught.boxes[0][0][0]
    one = grounder.boxes(picture, [name])
    assert one and one == grounder.boxes(picture, name)
    article = grounder.boxes(picture, [f"A {name}."])
    assert [g._replace(text=name) for g in article] == one
    swapped = grounder.boxes(picture, ["zeppelin", name], 0.25)
    assert [g.box.cls for g in swapped if g.text == name] == [2] * len(one)


def test_any_word_may_be_asked(grounder, tiny):
    for text in ("zxqv", "the second zeppelin from the left", "ein Zug über die Brücke"):
        assert isinstance(grounder.boxes(image_of(tiny), [text]), list)
    assert len(grounder.known) == 3


@pytest.mark.parametrize("texts", [[], [""], ["cat", "  "], "", ["cat. dog"]])
def test_an_empty_question_is_refused(grounder, tiny, texts):
    with pytest.raises(InputError, match="give words such as 'cat'"):
        grounder.boxes(image_of(tiny), texts)


@pytest.mark.parametrize("picture", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)),
                                     np.zeros((0, 4, 3), np.uint8)])  # fmt: skip
def test_what_is_no_picture_is_refused(grounder, picture):
    with pytest.raises(InputError, match="read_image"):
        grounder.boxes(picture, ["cat"])


# ------------------------------------------------------------------ files


def test_what_is_written_can_be_read(folder, grounder, trunk, words, taught):
    read = pocket_grounder.load(clip=words, trunk=trunk, folder=folder)
    stages = [f[[0]] for f in taught.features]
    for ours, theirs in zip(grounder.look(stages), read.look(stages)):
        assert torch.allclose(ours, theirs, atol=0.05)  # float16
    assert read.facts["ap_val"] == 0.5
    assert sum(f.stat().st_size for f in folder.iterdir()) < 1e6


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_weights_are_named(folder, trunk, words, damage):
    DAMAGE[damage](folder / shipped.NET)
    with pytest.raises(InputError, match=f"net.safetensors .*{damage}.*train_grounder"):
        pocket_grounder.load(clip=words, trunk=trunk, folder=folder)


def test_another_trunk_or_clip_is_refused(folder, trunk, words, monkeypatch):
    with pytest.raises(InputError, match="another trunk than .* 64 pixels.*train_grounder"):
        pocket_grounder.load(clip=words, trunk=Trunk("lite0", size=64), folder=folder)
    monkeypatch.setattr(pocket_grounder, "clip_hash", lambda: "1" * 64)
    with pytest.raises(InputError, match="another pocket CLIP.*train_grounder"):
        pocket_grounder.load(trunk=trunk, folder=folder)


def test_the_command_makes_both_and_goes_on(tiny, trunk, taught, words, quick, tmp_path,
                                            monkeypatch, capsys):  # fmt: skip
    def small_corpus(count):
        world = open_world(str(tiny))
        names = world.ids("train")[:count]
        world.ids, world.splits = lambda split: names, ("corpus",)
        return world

    for name, value in {"Corpus": small_corpus, "Trunk": lambda *a, **k: trunk,
                        "clip_hash": lambda: "1" * 64, "val_lessons": lambda t: taught}.items():
        monkeypatch.setattr(train_grounder, name, value)  # fmt: skip
    monkeypatch.setattr(pocket_grounder.pocket_clip, "load", lambda **how: words)
    monkeypatch.setattr(pocket_grounder, "clip_hash", lambda: "1" * 64)
    command = ["--epochs", "1", "--scenes", "8", "--work", str(tmp_path), "--out", str(tmp_path)]
    command += ["--force"]  # eight scenes are not enough to be as good as the shipped one
    train_grounder.main(command)
    assert "epoch 1/1" in capsys.readouterr().out
    for name, held_out in (("pocket", []), ("pocket-held-out", list(pocket_grounder.HELD_OUT))):
        folder = tmp_path / pocket_grounder.WEIGHTS[name]
        read = pocket_grounder.load(name, trunk=trunk, folder=folder)
        assert read.facts["held_out"] == held_out and read.facts["epochs"] == 1
        assert 0 <= read.facts["ap_val"] <= 1
        assert ("ap_val_held_out" in read.facts) == bool(held_out)
    train_grounder.main(["pocket", *command])
    assert "goes on after epoch 1 of 1" in capsys.readouterr().out
    monkeypatch.setattr(train_grounder, "load", lambda name, *rest: read)
    train_grounder.main(["pocket", "--evaluate"])
    assert capsys.readouterr().out.startswith('pocket: {"ap_val": ')


def test_names_lead_to_the_pocket_grounders(monkeypatch):
    monkeypatch.setattr(pocket_grounder, "load", lambda name: name)
    for name in pocket_grounder.WEIGHTS:
        assert load_grounder(name) == name
    with pytest.raises(InputError, match="'tiny': there are pocket, pocket-held-out"):
        pocket_grounder.weights_folder("tiny")


def test_the_net_at_its_full_size_is_small():
    net = Centres((40, 112, 320), 128, train_grounder.WIDTH)
    assert 2 * sum(p.numel() for p in net.parameters()) < 1e6


def test_a_remake_that_scores_differently_is_refused(tmp_path):
    shipped.remade(tmp_path, "ap", {"ap": 0.6}, 0.03, "pocket")  # the first of its kind
    (tmp_path / shipped.FACTS).write_text('{"ap": 0.7}')
    shipped.remade(tmp_path, "ap", {"ap": 0.71}, 0.03, "pocket")
    with pytest.raises(InputError, match="pocket came out at 0.600 on val, 0.700 are recorded"):
        shipped.remade(tmp_path, "ap", {"ap": 0.6}, 0.03, "pocket")


# ------------------------------------------------------------------ scores


def test_a_true_box_is_found_once():
    truth = [[0, 0, 10, 10], [20, 20, 30, 30]]
    found = [[0, 0, 10, 9], [0, 0, 10, 10], [20, 20, 30, 24], [20, 20, 30, 25]]
    assert hits(found, truth).tolist() == [True, False, False, True]
    assert hits([], truth).tolist() == [] and hits(found, []).tolist() == [False] * 4


def test_average_precision_by_hand():
    # right at ranks 1 and 3 of four true boxes: (1/1 + 2/3) / 4
    assert area([True, False, True], [0.9, 0.8, 0.7], 4) == pytest.approx(5 / 12)
    assert area([False], [0.9], 2) == 0 == area([], [], 1) and np.isnan(area([], [], 0))


def test_scores_of_several_pictures():
    truth = [[("cat", (0, 0, 10, 10)), ("dog", (5, 5, 9, 9))], [("cat", (0, 0, 10, 10))]]
    found = [[("cat", (0, 0, 10, 10), 0.6), ("dog", (0, 0, 1, 1), 0.5)],
             [("cat", (0, 0, 3, 3), 0.9), ("cat", (0, 0, 10, 10), 0.1)]]  # fmt: skip
    precision, recall = box_scores(found, truth, ("cat", "dog", "car"), 0.25)
    assert precision["cat"] == pytest.approx((1 / 2 + 2 / 3) / 2) and recall["cat"] == 0.5
    assert precision["dog"] == 0 == recall["dog"]
    assert np.isnan(precision["car"]) and np.isnan(recall["car"])


def test_true_boxes_score_one(taught, trunk, words):
    """A net whose maps are the targets: what is measured is then decoding and scoring alone."""

    class Oracle(PocketGrounder):
        def look(self, stages):
            made = [train_grounder.taught(some, taught.classes, len(taught.classes), (56, 56))
                    for some in taught.boxes]  # fmt: skip
            bumps, sides, _ = (torch.from_numpy(np.stack(x)) for x in zip(*made))
            return Look(bumps.clamp(1e-3, 1 - 1e-3).logit(), torch.zeros(3, 1, 56, 56), sides)

        def vectors(self, texts):
            return torch.eye(len(taught.classes))[[taught.classes.index(t) for t in texts]]

    precision, _ = measure(Oracle(torch.nn.Identity(), words, trunk), taught)
    assert np.nanmin(list(precision.values())) > 0.99


def test_the_summary_keeps_seen_and_held_out_apart(taught, grounder):
    present = list(dict.fromkeys(name for some in taught.boxes for name, *_ in some))
    found = Lessons(taught.features, taught.boxes, tuple(present))
    rows = train_grounder.summary(grounder, found, held_out=present[:1])
    each = rows["ap_and_recall_val"]
    assert rows["ap_val_held_out"] == each[present[0]][0]
    assert rows["ap_val"] == pytest.approx(np.mean([each[n][0] for n in present[1:]]), abs=1e-3)
    assert json.loads(json.dumps(rows)) == rows
