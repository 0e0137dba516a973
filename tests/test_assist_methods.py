"""Methods that large models assist, with assistants that need no weights (`fake_assistants`)."""

import cv2
import numpy as np
import pytest
import torch
from fake_assistants import FakeClip, FakeGrounder, FakeSam, FakeTagger, TrueSam

from wsss_lite import results
from wsss_lite.assist import choose, oracles, pipeline, prompts
from wsss_lite.assist.masked import OnFeatures, OnPictures, sight
from wsss_lite.data.world import Box
from wsss_lite.errors import InputError, PeekError
from wsss_lite.lab import Lab
from wsss_lite.maps import class_aware
from wsss_lite.methods.assist import clims, clip_es, sam_wsss
from wsss_lite.refine.crf import CRF
from wsss_lite.refine.pairs import crf_label
from wsss_lite.refine.threshold import upsample
from wsss_lite.registry import find, methods
from wsss_lite.score import Scores, confusion

NAMES = ("clims", "clip-es", "sepl", "sam-wsss", "sam-text", "sam-zero-shot")
PLAIN = {"background": (), "compete": False, "power": 0, "sure": 0, "template": "{}"}


@pytest.fixture(scope="module")
def lab(tiny, session_cache, trunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        one = Lab(str(tiny), trunk)
        assert one.bank.folder  # fixed here, while the variable is set
        yield one


@pytest.fixture(scope="module")
def view(lab):
    return lab.view_of(find("clip-es"))


@pytest.fixture(scope="module")
def clip():
    return FakeClip()


@pytest.fixture
def everyone(lab):
    """ids of every picture of the tiny world."""
    return (*lab.train, *lab.tune, *lab.test)


@pytest.fixture(scope="module")
def small_vit(tmp_path_factory):
    """A real open_clip ViT with random weights in a folder."""
    pytest.importorskip("open_clip")
    from tiny_models import clip_folder

    from wsss_lite.assist.load import load_clip

    return load_clip(str(clip_folder(tmp_path_factory.mktemp("vit") / "vit")))


def run(name, view, seed=0, **knobs):
    return find(name)(view, seed, **knobs)


def same_maps(a, b):
    return np.array_equal(np.asarray(a, np.float16), np.asarray(b, np.float16))


def same_labels(a, b):
    return set(a) == set(b) and all(np.array_equal(a[id], b[id]) for id in a)


def agreement(lab, labels):
    """mIoU of {picture: labels}."""
    pairs = [confusion(lab.world.mask(id), one, lab.classes) for id, one in labels.items()]
    return Scores(sum(pairs)).miou


# ------------------------------------------------------------------------------ the register


@pytest.mark.parametrize("name", NAMES)
def test_assisted_methods_are_starred_and_never_tags_only(name):
    method = find(name)
    assert method.starred and "corpus" in method.needs and method.category[:11] == "Large model"
    assert method.supervision == ("none" if name == "sam-zero-shot" else "tags")
    assert not find("cam").starred and not find("best-boxes").starred


def test_no_weak_method_can_reach_an_oracle():
    """Nothing that the register loads leads to `oracles.py`, and an oracle asks for everything."""
    start = [results.PACKAGE.parent.joinpath(*m.function.__module__.split(".")).with_suffix(".py")
             for m in methods().values()]  # fmt: skip
    seen, waiting = set(), start + [results.PACKAGE / "lab.py"]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting.extend(results.source(path)[0])
    names = {path.name for path in seen if path.parent.name == "assist"}
    assert {"pipeline.py", "choose.py", "sam.py"} <= names and "oracles.py" not in names


def test_only_a_full_view_makes_an_oracle(view):
    for oracle in (oracles.true_tags, oracles.true_boxes, oracles.true_masks):
        with pytest.raises(PeekError, match="supervision 'tags' does not open it"):
            oracle(view)
    with pytest.raises(PeekError, match="outside of any method"):
        oracles.failures(None, view)


# ------------------------------------------------------------------------------------- clims


@pytest.mark.parametrize("off", [{"weight": 0}, {"epochs": 0}])
def test_clims_switched_off_is_cam_and_asks_no_clip(lab, view, off):
    assert same_maps(run("clims", view, clip=None, **off), lab.maps("cam"))


def test_clims_changes_the_maps_and_repeats_itself(lab, view, clip):
    one, again = (run("clims", view, clip=clip, epochs=20) for _ in range(2))
    assert np.array_equal(one, again)
    assert np.abs(one - np.float32(lab.maps("cam"))).mean() > 1e-3
    assert one.min() >= 0 and one.max() <= 1 and not one.max((2, 3))[~view.tags].any()


@pytest.mark.parametrize("term", ["match", "rest", "around", "area"])
def test_every_term_of_clims_acts(view, clip, term):
    off = dict.fromkeys(("match", "rest", "around", "area"), 0.0)
    none = run("clims", view, clip=clip, epochs=10, **off)
    one = run("clims", view, clip=clip, epochs=10, least=0.0, **off | {term: 20.0})
    assert np.abs(one - none).mean() > 1e-4


def test_clims_in_a_world_without_tags(view, clip, lab):
    blank = lab.view_of(find("clims"))
    blank.tags = np.zeros_like(blank.tags)
    assert not run("clims", blank, clip=clip, epochs=1).any()


def test_clims_without_background_texts_has_nothing_around(view, clip):
    off = {"match": 0.0, "rest": 0.0, "area": 0.0, "least": 0.0, "epochs": 10}
    none = run("clims", view, clip=clip, background=(), **off)
    assert np.array_equal(none, run("clims", view, clip=clip, around=0.0, **off))


def test_the_losses_of_clims_by_hand():
    s = torch.tensor([0.5, 0.9])
    assert clims.matched(s).item() == pytest.approx(-np.log([0.5, 0.9]).mean())
    assert clims.unmatched(s).tolist() == pytest.approx((-np.log([0.5, 0.1])).tolist(), rel=1e-5)
    around = torch.tensor([[0.5, 0.2], [0.1, 0.3]])
    wanted = -(np.log(0.5) + np.log(0.7)) / 2  # two of four lie above .26
    assert clims.suppressed(around, 0.26).item() == pytest.approx(wanted, rel=1e-5)
    out = torch.tensor([-1.0, 1.0], requires_grad=True)
    assert clims.matched(out).isfinite() and clims.unmatched(out).isfinite().all()


def test_behind_an_open_mask_clip_sees_the_picture_and_behind_a_closed_one_nothing(view, clip):
    seen, rows = sight(view, clip), np.arange(4)
    assert isinstance(seen, OnFeatures)
    wide = seen(rows, torch.ones(4, 6, 6))
    assert torch.allclose(wide, torch.from_numpy(clip.trunk_rows(view)[:4]), atol=5e-3)
    none = seen(rows, torch.zeros(4, 6, 6))
    assert torch.allclose(none, none[:1].expand(4, -1), atol=1e-5)
    half = torch.full((4, 6, 6), 0.5, requires_grad=True)
    seen(rows, half)[:, 0].sum().backward()
    assert (half.grad.abs().amax((1, 2)) > 0).all()


def test_another_clip_sees_masked_pictures(view, small_vit):
    seen = sight(view, small_vit)
    assert isinstance(seen, OnPictures)
    pictures = [view.image(id) for id in view.ids[:2]]
    wide = seen([0, 1], torch.ones(2, 3, 3))
    assert torch.allclose(wide, torch.from_numpy(small_vit.pictures(pictures)), atol=1e-5)
    mask = torch.full((2, 3, 3), 0.5, requires_grad=True)
    seen([0, 1], mask)[:, 0].sum().backward()
    assert (mask.grad.abs() > 0).any()


# ----------------------------------------------------------------------------------- clip-es


def by_autograd(view, clip, row, texts, every=None):
    """(C, h, w) Grad-CAM by the definition: of cosines, or of a softmax over the rows `every`."""
    acts = torch.from_numpy(view.features("final")[row])[None].requires_grad_()
    unit = torch.nn.functional.normalize(
        torch.nn.functional.linear(acts.mean((2, 3)), *clip.layer), dim=1
    )
    out = np.zeros((len(view.classes), *acts.shape[2:]), np.float32)
    for c in np.flatnonzero(view.tags[row]):
        score = unit[0] @ torch.from_numpy(texts[c])
        if every is not None:
            own = (clip.scale * score).exp()
            score = own / (clip.scale * unit[0] @ torch.from_numpy(every).T).exp().sum()
        (grads,) = torch.autograd.grad(score, acts, retain_graph=True)
        one = (grads.mean((2, 3), keepdim=True) * acts).sum(1).relu()[0].detach().numpy()
        out[c] = one / one.max() if one.max() > 0 else one
    return out


def test_clip_es_switched_off_is_plain_grad_cam(view, clip):
    made = run("clip-es", view, clip=clip, **PLAIN)
    texts = prompts.class_texts(clip, view.classes, ("{}",))
    for row in range(len(view)):
        assert np.allclose(made.maps[row], by_autograd(view, clip, row, texts), atol=1e-4)
    assert made.weights is None and made.labels is None


def test_classes_and_background_compete_in_a_softmax(view, clip):
    made = run("clip-es", view, clip=clip, **PLAIN | {"compete": True, "background": ("water",)})
    texts = prompts.class_texts(clip, view.classes, ("{}",))
    ground = prompts.background_texts(clip, ("water",), ("{}",))
    for row in range(len(view)):
        every = np.concatenate([texts[view.tags[row]], ground])
        wanted = by_autograd(view, clip, row, texts, every)
        assert np.allclose(made.maps[row], wanted, atol=1e-3)


def test_a_single_class_without_a_rival_keeps_its_map(view, clip):
    alone = run("clip-es", view, clip=clip, **PLAIN | {"compete": True}).maps
    plain = run("clip-es", view, clip=clip, **PLAIN).maps
    single = view.tags.sum(1) == 1
    assert single.any() and not single.all()
    assert np.allclose(alone[single], plain[single], atol=1e-5)
    assert np.abs(alone[~single] - plain[~single]).mean() > 1e-3


CHANGES = ({"compete": True}, {"compete": True, "background": ("water", "sky")}, {"power": 2},
           {"synonyms": False}, {"template": "a photo of {}"})  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_every_part_of_clip_es_changes_the_maps(view, clip, change):
    plain = run("clip-es", view, clip=clip, **PLAIN).maps
    changed = run("clip-es", view, clip=clip, **PLAIN | change).maps
    assert np.abs(changed - plain).mean() > 1e-3
    assert changed.min() >= 0 and changed.max() <= 1 and not changed.max((2, 3))[~view.tags].any()


def test_clip_es_as_it_is_comes_out_the_same_twice(view, clip):
    one, other = (run("clip-es", view, seed=s, clip=clip) for s in (0, 1))
    assert np.array_equal(one.maps, other.maps)  # no random number: trains=False
    assert same_labels(one.weights, other.weights) and not find("clip-es").trains


def test_another_tower_uses_its_own_gradient_and_attention(view, small_vit):
    texts, ground = clip_es.embeddings(view, small_vit, ("water",), "a photo of {}")
    made = run("clip-es", view, clip=small_vit, **PLAIN | {"template": "a photo of {}"})
    row = int(np.argmax(view.tags.sum(1)))
    last = small_vit.last_block([view.image(view.ids[row])])
    c = int(np.flatnonzero(view.tags[row])[0])
    score = (last.embed(last.activations) @ torch.from_numpy(texts).T)[0, c]
    (grads,) = torch.autograd.grad(score, last.activations)
    grads, acts = last.maps(grads), last.maps(last.activations.detach())
    one = (grads.mean((2, 3), keepdim=True) * acts).sum(1).relu()[0].numpy()
    assert made.maps.shape[2:] == one.shape == (4, 4)
    assert np.allclose(made.maps[row, c], one / max(one.max(), 1e-12), atol=1e-4)
    look = clip_es.affinities(view, small_vit, (4, 4))
    attention = small_vit.attention([view.image(view.ids[row])])
    assert np.allclose(look(row), attention.mean(0)[0, 1:, 1:], atol=1e-6)
    spread = clip_es.refined(view, small_vit, made.maps)
    assert spread.shape == made.maps.shape and np.abs(spread - made.maps).mean() > 1e-3


def test_the_least_sharp_template_is_taken(view, clip):
    templates, found = prompts.TEMPLATES, {}
    for template in templates:
        texts = prompts.class_texts(clip, view.classes, (template,))
        logits = torch.from_numpy(clip.scale * clip.trunk_rows(view) @ texts.T)
        found[template] = prompts.sharpness(logits.softmax(1).numpy())
    assert len(set(found.values())) == len(templates)
    assert clip_es.least_sharp(view, clip) == min(found, key=found.get)


def test_a_template_without_a_place_for_the_name_is_one_sentence(view, clip):
    with pytest.raises(InputError, match=r"'a photo of' has no \{\}"):
        run("clip-es", view, clip=clip, template="a photo of")


def test_confidence_weighs_the_pixels_that_the_crf_is_sure_of(lab, view):
    maps = np.float32(lab.maps("cam"))
    loose, tight = (clip_es.confidence(view, maps, sure) for sure in (0.6, 0.99))
    for id in view.ids:
        assert loose[id].shape == view.image(id).shape[:2] and loose[id].dtype == np.float32
        assert set(np.unique(loose[id])) <= {0, 1} and (tight[id] <= loose[id]).all()
    share = [np.mean([w.mean() for w in found.values()]) for found in (tight, loose)]
    assert 0.02 < share[0] < share[1] <= 1


def test_the_weights_of_clip_es_reach_the_segmenter(tiny, quick, trunk, clip, monkeypatch):
    lab, heard = Lab(str(tiny), trunk), []
    fit = lab.fit
    monkeypatch.setattr(lab, "fit", lambda labels, weights: heard.append(weights) or fit(labels))
    row = lab.run("clip-es", clip=clip)
    assert set(lab.train) <= set(heard[0]) and 0 <= row["miou_test"] <= 1
    assert 0 <= row["miou_maps"] <= 1 and row["needs"] == ["corpus", "text"]


# ------------------------------------------------------------------- class-aware spreading


def test_a_walk_matrix_is_doubly_stochastic_and_symmetric():
    rough = np.random.default_rng(0).random((12, 12)) + 0.05
    matrix = class_aware.walk_matrix(rough, rounds=50, power=1)
    assert np.allclose(matrix.sum(0), 1, atol=1e-4) and np.allclose(matrix.sum(1), 1, atol=1e-4)
    assert np.allclose(matrix, matrix.T, atol=1e-6) and matrix.dtype == np.float32
    squared = class_aware.walk_matrix(rough, rounds=50, power=2)
    assert np.allclose(squared, matrix @ matrix, atol=1e-6)


def test_boxes_lie_round_the_connected_parts():
    one = np.zeros((6, 8), np.float32)
    one[1, 1] = one[2, 2] = 1  # diagonal neighbours are one part
    one[5, 7], one[0, 5] = 0.9, 0.3
    box = class_aware.boxed(one, 0.4)
    assert box[1:3, 1:3].all() and box[5, 7] and box.sum() == 5


def test_a_map_spreads_only_from_inside_its_boxes():
    maps = np.zeros((2, 1, 5), np.float32)
    maps[0, 0] = [1, 0.8, 0, 0, 0.3]
    look = np.eye(5, dtype=np.float32)
    look[2, 0], look[3, 4] = 0.5, 1  # position 2 looks at the object, 3 at what is below 0.4
    out = class_aware.spread(maps, look, 0.4)
    assert np.allclose(out[0, 0], [1, 0.8, 0.5, 0, 0]) and not out[1].any()


# -------------------------------------------------------------------------------- choosing


def blocks(*windows, size=(8, 8)):
    out = []
    for top, left, bottom, right in windows:
        mask = np.zeros(size, bool)
        mask[top:bottom, left:right] = True
        out.append(mask)
    return out


def test_masks_are_chosen_by_their_share_or_by_what_they_cover():
    labels = np.zeros((8, 8), np.uint8)
    labels[:4, :4], labels[6, 6] = 1, 2
    mostly, wide, beside, tiny = blocks((0, 0, 4, 6), (0, 0, 8, 8), (0, 4, 4, 8), (6, 6, 7, 7))
    taken = choose.chosen(labels, [mostly, wide, beside, tiny])
    assert [cls for cls, _ in taken] == [1, 1, 2]  # 2/3 of it is 1; all of 1 is in it; all of 2
    assert taken[0][1] is wide and taken[1][1] is mostly and taken[2][1] is tiny
    assert [m is mostly for _, m in choose.chosen(labels, [mostly, wide], cover=1.1)] == [True]
    assert choose.chosen(labels, [mostly, wide], ratio=1.1, cover=1.1) == []
    labels[:] = 255
    assert choose.chosen(labels, [mostly, wide]) == []


def test_labels_are_put_together_from_masks():
    labels = np.zeros((8, 8), np.uint8)
    labels[:4, :4] = 1  # a mask has its left part and more; another one has found nothing
    labels[4, 0] = 1  # nothing was seen there
    labels[6:, 6:] = 2  # no mask for it
    masks = blocks((0, 0, 6, 3), (0, 3, 8, 4))
    masks[0][4, 0] = False
    out = choose.by_masks(labels, masks)
    wanted = np.zeros((8, 8), np.uint8)
    wanted[:6, :3], wanted[6:, 6:] = 1, 2  # (4, 0), which no mask has, keeps its label
    assert np.array_equal(out, wanted)  # of the other only half is labelled, so its column is lost


def test_small_masks_lie_in_front():
    labels = np.ones((8, 8), np.uint8)
    labels[2:4, 2:4] = 2
    for order in (1, -1):
        out = choose.by_masks(labels, blocks((0, 0, 8, 8), (2, 2, 4, 4))[::order])
        assert np.array_equal(out, labels)


# ------------------------------------------------------------------------------------- sepl


def labels_of(view, maps, threshold=0.3, crf=CRF()):
    out = {}
    for id, one in zip(view.ids, maps):
        image = view.image(id)
        out[id] = crf_label(image, upsample(one, image.shape[:2]), threshold, crf)
    return out


def test_sepl_switched_off_is_the_labels_of_cam(lab, view):
    off, maps = run("sepl", view, sam=FakeSam(), ratio=2, cover=2), find("cam")(view)
    assert same_labels(off, labels_of(view, maps))
    rough = run("sepl", view, sam=FakeSam(), ratio=2, cover=2, crf=None)
    assert same_labels(rough, labels_of(view, maps, crf=CRF(steps=0)))
    assert not same_labels(off, rough)


def test_sepl_sharpens_coarse_maps_with_the_masks_of_objects(lab, view, everyone):
    maps = np.zeros((*view.tags.shape, 8, 8), np.float32)
    for row, id in enumerate(view.ids):
        for c in np.flatnonzero(view.tags[row]):
            true = (lab.world.mask(id) == c + 1).astype(np.float32)
            maps[row, c] = cv2.resize(true, (8, 8), interpolation=cv2.INTER_AREA)
    labels = run("sepl", view, sam=TrueSam(lab.world, everyone), maps=maps)
    assert agreement(lab, labels) > agreement(lab, labels_of(view, maps)) + 0.05
    for id, tags in zip(view.ids, view.tags):
        assert labels[id].dtype == np.uint8
        assert set(np.unique(labels[id])) <= {0, *(1 + np.flatnonzero(tags))}


def test_sepl_takes_the_maps_of_any_method(view):
    maps = np.zeros((*view.tags.shape, 4, 4), np.float32)
    assert not any(one.any() for one in run("sepl", view, sam=FakeSam(), maps=maps).values())
    with pytest.raises(InputError, match="There are 9 maps for 10 pictures"):
        run("sepl", view, sam=FakeSam(), maps=maps[1:])


# -------------------------------------------------------------------------------- pipeline


def stages(lab, everyone, view=None, tagger=None, **knobs):
    grounder = FakeGrounder(lab.world, everyone)
    tags = pipeline.given_tags(view) if view else pipeline.tags_by(tagger, lab.world.classes)
    boxes = pipeline.boxes_by(grounder, lab.world.classes, **knobs)
    return grounder, pipeline.Stages(tags, boxes, pipeline.masks_by(FakeSam()))


def test_each_mask_gets_the_class_of_its_box_and_small_ones_lie_in_front():
    boxes = [Box(3, 0, 0, 2, 2), Box(5, 0, 0, 8, 8)]
    masks = blocks((0, 0, 3, 3), (0, 0, 8, 8))  # the first leaves its box
    for order in (1, -1):
        labels = pipeline.painted(boxes[::order], masks[::order], (8, 8))
        assert (labels[:3, :3] == 3).all() and (labels == 5).sum() == 55
    with pytest.raises(ValueError):
        pipeline.painted(boxes, masks[:1], (8, 8))


def test_a_picture_without_tags_asks_nobody(lab, view, everyone):
    grounder, steps = stages(lab, everyone, view)
    steps = steps._replace(tags=lambda id, image: [])
    image = view.image(view.ids[0])
    assert not steps.label(None, image).any() and grounder.heard == []


def test_names_are_asked_for_together_or_one_by_one(lab, view, everyone):
    row = int(np.argmax(view.tags.sum(1)))
    id, numbers = view.ids[row], [int(c) + 1 for c in np.flatnonzero(view.tags[row])]
    assert len(numbers) > 1
    answers = []
    for together in (True, False):
        grounder, steps = stages(lab, everyone, view, together=together, box_threshold=0.4)
        boxes = steps.boxes(id, view.image(id), steps.tags(id, None))
        answers.append(sorted((b.cls, b.x0, b.y0, b.x1, b.y1) for b in boxes))
        assert len(grounder.heard) == (1 if together else len(numbers))
        assert all(heard[1:] == (0.4, 0.25) for heard in grounder.heard)
    assert answers[0] == answers[1]
    true = [b for b in lab.world.boxes(id) if b.cls in numbers]
    assert {a[0] for a in answers[0]} == {b.cls for b in true} == set(numbers)


def test_further_words_count_as_their_class(lab, view, everyone):
    grounder, _ = stages(lab, everyone, view)
    classes = ("horse", "tvmonitor")
    boxes = pipeline.boxes_by(grounder, classes, together=True, words=sam_wsss.VOC_PARTS)
    image = view.image(view.ids[0])
    boxes(None, image, [1, 2])
    (heard,) = grounder.heard
    assert heard[0] == ["horse", "halter", "saddle", "tv monitor", "tv", "monitor"]

    class Saddles(FakeGrounder):
        def boxes(self, image, texts, *thresholds):
            found = [Box(texts.index("saddle") + 1, 1, 1, 5, 5)]
            return [type("G", (), {"box": box}) for box in found]

    other = pipeline.boxes_by(Saddles(lab.world, ()), classes, together=True,
                              words=sam_wsss.VOC_PARTS)  # fmt: skip
    assert [box.cls for box in other(None, image, [2, 1])] == [1]


def test_insisting_brings_the_best_box_of_a_class_that_was_missed(lab, view, everyone):
    name = view.classes[int(np.flatnonzero(view.tags[0])[0])]
    number = view.classes.index(name) + 1
    for insist in (False, True):
        grounder, steps = stages(lab, everyone, view, insist=insist)
        grounder.misses = name
        found = steps.boxes(None, view.image(view.ids[0]), [number])
        assert len(found) == insist and all(box.cls == number for box in found)


def test_tags_are_those_of_classes_and_above_the_threshold(lab, everyone, view):
    tagger = FakeTagger(lab.world, everyone)
    image = view.image(view.ids[0])
    wanted = [int(c) + 1 for c in np.flatnonzero(view.tags[0])]
    assert pipeline.tags_by(tagger, view.classes)(None, image) == wanted
    assert pipeline.tags_by(tagger, view.classes, 0.85)(None, image) == []


@pytest.mark.parametrize("name", ["sam-wsss", "sam-text"])
def test_tags_to_boxes_to_masks(lab, view, everyone, name):
    helpers = {"grounder": FakeGrounder(lab.world, everyone), "sam": FakeSam()}
    labels, again = (run(name, view, seed=s, **helpers) for s in (0, 1))
    assert same_labels(labels, again)
    for id, tags in zip(view.ids, view.tags):
        assert set(np.unique(labels[id])) == {0, *(1 + np.flatnonzero(tags))}
        assert labels[id].dtype == np.uint8 and labels[id].shape == view.image(id).shape[:2]
    assert agreement(lab, labels) > 0.5  # ellipses in the true boxes


def test_the_two_differ_in_how_they_ask(lab, view, everyone):
    counts = {}
    for name in ("sam-wsss", "sam-text"):
        grounder = FakeGrounder(lab.world, everyone)
        run(name, view, grounder=grounder, sam=FakeSam())
        counts[name] = len(grounder.heard)
    assert counts == {"sam-wsss": len(view), "sam-text": int(view.tags.sum())}


@pytest.mark.parametrize("name", ["sepl", "sam-wsss", "sam-text"])
def test_labels_become_a_row(tiny, quick, trunk, name):
    lab = Lab(str(tiny), trunk)
    everyone = (*lab.train, *lab.tune)
    helpers = {"sam": FakeSam()}
    if name != "sepl":
        helpers["grounder"] = FakeGrounder(lab.world, everyone)
    row = lab.run(name, **helpers)
    assert row["miou_maps"] is None and row["supervision"] == "tags"
    for key in ("miou_pseudo", "miou_test", "precision", "recall"):
        assert 0 <= row[key] <= 1, key


# ------------------------------------------------------------------------------- zero-shot


def helpers_of(lab, ids):
    return {"tagger": FakeTagger(lab.world, ids), "grounder": FakeGrounder(lab.world, ids),
            "sam": FakeSam()}  # fmt: skip


def test_zero_shot_may_not_even_look_at_tags(lab, everyone):
    view = lab.view_of(find("sam-zero-shot"))
    assert view.supervision == "none" and view.ids == lab.train
    with pytest.raises(PeekError, match="supervision 'none' may not look at tags; ask for"):
        view.tags
    with pytest.raises(PeekError, match="tags"):
        find("cam")(view)
    assert not hasattr(view, "nothing")
    labels = run("sam-zero-shot", view, **helpers_of(lab, everyone)).labels
    given = run("sam-text", lab.view_of(find("sam-text")), **{
        k: v for k, v in helpers_of(lab, everyone).items() if k != "tagger"})  # fmt: skip
    assert all(np.array_equal(labels[id], given[id]) for id in lab.train)  # as tags were right


def test_a_false_tag_and_a_missed_one_change_the_prediction(lab, everyone):
    view, helpers = lab.view_of(find("sam-zero-shot")), helpers_of(lab, everyone)
    right = run("sam-zero-shot", view, **helpers).labels
    helpers["tagger"].misses = "person"
    missed = run("sam-zero-shot", view, **helpers).labels
    number = view.classes.index("person") + 1
    assert any((one == number).any() for one in right.values())
    assert not any((one == number).any() for one in missed.values())


def test_zero_shot_predicts_the_test_pictures_without_a_segmenter(tiny, quick, trunk):
    lab = Lab(str(tiny), trunk)
    helpers = helpers_of(lab, (*lab.train, *lab.test))
    row = lab.run("sam-zero-shot", **helpers)
    assert row["supervision"] == "none" and row["annotation_seconds"] == 0
    assert row["miou_maps"] is None and row["miou_pseudo"] > 0.5
    assert "decoder" not in lab.last and len(lab.last["matrices"]) == len(lab.test)
    steps = pipeline.Stages(
        pipeline.tags_by(helpers["tagger"], lab.world.classes),
        pipeline.boxes_by(helpers["grounder"], lab.world.classes),
        pipeline.masks_by(helpers["sam"]),
    )
    total = sum(confusion(lab.world.mask(id), steps.label(None, lab.world.image(id)), lab.classes)
                for id in lab.test)  # fmt: skip
    assert row["miou_test"] == pytest.approx(Scores(total).miou, abs=1e-4)
    trained = lab.run("sam-zero-shot", segmenter=True, **helpers)
    assert "decoder" in lab.last and trained["miou_test"] != row["miou_test"]
    assert trained["miou_pseudo"] == row["miou_pseudo"]


def test_zero_shot_stops_before_the_test_pictures_if_asked(tiny, quick, trunk):
    lab = Lab(str(tiny), trunk)
    row = lab.run("sam-zero-shot", until="pseudo", **helpers_of(lab, lab.train))
    assert row["miou_pseudo"] > 0.5 and row["miou_test"] is None  # it does not know `test`


# --------------------------------------------------------------------------------- oracles


def test_each_oracle_repairs_its_own_stage(lab, everyone):
    full = lab.view("full", ids=lab.test)
    tagger = FakeTagger(lab.world, everyone)
    tagger.misses = "person"
    grounder, steps = stages(lab, everyone, tagger=tagger)
    grounder.misses = view_class(full, other_than="person")
    found = {name: scores.miou for name, scores in oracles.failures(steps, full).items()}
    assert set(found) == {"nothing", "tags", "boxes", "masks", "tags + boxes",
                          "tags + boxes + masks"}  # fmt: skip
    assert min(found["tags"], found["boxes"], found["masks"]) > found["nothing"]
    assert found["tags + boxes"] > max(found["tags"], found["boxes"])
    assert found["tags + boxes + masks"] > 0.99  # but for void between touching objects


def view_class(view, other_than):
    """The name of the most frequent class of a view but for one."""
    counts = view.tags.sum(0) * [name != other_than for name in view.classes]
    return view.classes[int(counts.argmax())]


def test_true_boxes_know_only_what_they_are_asked_for(lab):
    full = lab.view("full", ids=lab.test)
    id = lab.test[int(np.argmax(full.tags.sum(1)))]
    ask = oracles.true_boxes(full)
    one = sorted(np.unique(full.mask(id)))[1]
    found = ask(id, None, [one])
    assert found and {box.cls for box in found} == {one} and ask(id, None, []) == []


def test_the_true_mask_is_that_of_the_object_that_fits_best(lab):
    full = lab.view("full", ids=lab.test)
    fit = oracles.true_masks(full)
    for id in lab.test[:3]:
        image = full.image(id)
        for box, pixels in oracles.things(full, id):
            wrong = Box(box.cls % len(full.classes) + 1, box.x0, box.y0, box.x1, box.y1)
            (mask,) = fit(id, image, [wrong])  # whatever name the box bears
            same = [p for b, p in oracles.things(full, id) if oracles.box_iou(box, b) == 1]
            assert pixels.any() and any(np.array_equal(mask, p) for p in same)
    assert not oracles.best_fit(Box(1, 0, 0, 2, 2), [(Box(1, 4, 4, 6, 6), mask)], (8, 8)).any()


def test_box_iou_by_hand():
    assert oracles.box_iou(Box(1, 0, 0, 4, 4), Box(2, 2, 0, 6, 4)) == pytest.approx(8 / 24)
    assert oracles.box_iou(Box(1, 0, 0, 4, 4), Box(1, 4, 0, 6, 4)) == 0


# ---------------------------------------------------------------------------------- by name


@pytest.mark.parametrize("name, knobs", [
    ("clims", {"clip": "no-such-model"}), ("clip-es", {"clip": "no-such-model"}),
    ("sepl", {"sam": "owner/no-such-model"}), ("sam-text", {"grounder": "owner/no-such-model"}),
    ("sam-zero-shot", {"tagger": "no-such-model"}),
])  # fmt: skip
def test_an_unknown_name_is_one_sentence(lab, name, knobs):
    pytest.importorskip("open_clip")
    with pytest.raises(InputError, match="no-such-model"):
        run(name, lab.view_of(find(name)), **knobs)
