"""The pocket CLIP: vocabulary, captions, loss, loading by open_clip itself, prompts and maps."""

import json
import shutil

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from stand_in import change

from wsss_lite.assist import captions, pocket_clip, prompts, train_clip, vocabulary
from wsss_lite.assist import clip as clip_file
from wsss_lite.data.folder import open_world
from wsss_lite.data.pocket import CLASSES
from wsss_lite.data.weak import WeakView
from wsss_lite.errors import InputError
from wsss_lite.maps import text as text_maps
from wsss_lite.nets.features import FeatureBank
from wsss_lite.nets.trunk import Trunk

open_clip = pytest.importorskip("open_clip")

PARTY = captions.Facts("lake", (("boat", "", "trailer"), ("person", "sit", ""), ("bird", "fly", ""),
                                ("bird", "perch", "")), ("sky", "water"))  # fmt: skip
LONELY = captions.Facts("room", (("cat", "sit", ""),), ())


@pytest.fixture(scope="module")
def wide_trunk():
    return Trunk("lite0", size=train_clip.SIZE)


@pytest.fixture(scope="module")
def clip(wide_trunk):
    return pocket_clip.load(trunk=wide_trunk)


@pytest.fixture(scope="module")
def seen(tiny, wide_trunk):
    """(world, ids, final features) of the sixteen scenes of the tiny world."""
    world = open_world(str(tiny))
    ids = [*world.ids("train"), *world.ids("val")]
    return world, ids, wide_trunk([world.image(id) for id in ids])["final"]


@pytest.fixture(scope="module")
def blank(wide_trunk, tmp_path_factory):
    return train_clip.blank(tmp_path_factory.mktemp("blank"), wide_trunk, seed=0)


@pytest.fixture
def weights(tmp_path):
    """A copy of the shipped files, to be spoilt."""
    source = pocket_clip.weights_folder("pocket")
    return shutil.copytree(source, tmp_path / "weights")


def many(facts, count=1500, **how):
    rng = np.random.default_rng(3)
    return [captions.caption(facts, rng, **how) for _ in range(count)]


# ------------------------------------------------------------------ vocabulary


def test_known_words_are_cut_as_by_the_whole_vocabulary(blank):
    _, small = blank
    whole = open_clip.get_tokenizer("ViT-B-32")
    assert small.vocab_size < 2000 < whole.vocab_size
    for word in captions.every_word():
        pieces = [small.decoder[k] for k in small.encode(word)]
        assert pieces == [whole.decoder[k] for k in whole.encode(word)], word


def test_unknown_words_fall_into_pieces_and_come_back(blank):
    _, tokenizer = blank
    for text in ("a zebra in mississippi", "aaaa bananas", "ein zug über die brücke"):
        tokens = tokenizer.encode(text)
        assert tokenizer.decode(tokens).strip() == text
    assert len(tokenizer.encode("hippopotamus")) > len(tokenizer.encode("horse")) == 1


def test_used_merges_are_those_of_open_clip(blank):
    _, tokenizer = blank
    ranks = tokenizer.bpe_ranks
    for word in ("banana", "aaaaa", "locomotive", "railway", "x"):
        parts = [*word[:-1], word[-1] + "</w>"]
        for pair in vocabulary.used_merges(word, ranks):
            parts = vocabulary.merged(parts, pair)
        assert " ".join(parts) == tokenizer.bpe(word)


def test_the_vocabulary_file_is_the_same_every_time(tmp_path):
    merges = vocabulary.cut(["boat", "cat"], first=20)
    for name in "ab":
        vocabulary.write(tmp_path / name, merges)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert len(merges) < len(vocabulary.cut(["boat", "locomotive"], first=20)) < 40


# ------------------------------------------------------------------ captions


def says(sentence, cls):
    words = set(sentence.replace(",", "").split())
    names = prompts.SYNONYMS[cls]
    forms = {*names, *(n + "s" for n in names), *(p for n in names for p in
             captions.PLURAL.get(n, ()))}  # fmt: skip
    return any(set(form.split()) <= words for form in forms)


def test_each_object_is_left_out_three_times_in_ten():
    said = many(PARTY)
    for cls, expected in (("boat", 0.7), ("person", 0.7), ("bird", 1 - 0.3**2)):
        assert np.mean([says(s, cls) for s in said]) == pytest.approx(expected, abs=0.04), cls
    assert np.mean([says(s, "cat") for s in said]) == 0
    assert all(says(s, "boat") for s in many(PARTY, 50, omit=0))


def test_captions_name_places_and_use_every_synonym():
    said = many(PARTY)
    assert 0.4 < np.mean(["lake" in s or "water" in s for s in said]) < 0.95
    for name in prompts.SYNONYMS["boat"]:
        assert any(name in s.split() for s in said)
    assert all(s and "{}" not in s for s in said)
    assert len(set(many(LONELY, 300))) > 40


def test_no_held_out_template_is_ever_used():
    said = many(PARTY) + many(LONELY)
    starts = [t.split("{}")[0] for t in prompts.HELD_OUT_TEMPLATES]
    assert all(starts) and not set(prompts.TEMPLATES) & set(prompts.HELD_OUT_TEMPLATES)
    assert not any(start in s for s in said for start in starts)
    for template in prompts.TEMPLATES[1:]:
        assert any(s.startswith(template.split("{}")[0]) for s in said)


def test_a_class_left_out_of_all_captions_is_never_named():
    assert not any(says(s, "bird") for s in many(PARTY, without=("bird",)))
    assert all(many(LONELY, 50, without=("cat",)))  # the room is still worth a sentence


def test_captions_fit_into_the_context(blank):
    _, tokenizer = blank
    tokens = tokenizer(many(PARTY, 400))
    end = tokenizer.eot_token_id
    assert tokens.shape == (400, train_clip.CONTEXT)
    assert np.mean([len(tokenizer.encode(s)) + 2 <= train_clip.CONTEXT
                    for s in many(PARTY, 400)]) > 0.97  # fmt: skip
    assert ((tokens == end).sum(1) == 1).all()


# ------------------------------------------------------------------ loss and training


def test_info_nce_is_open_clips_loss():
    draw = torch.Generator().manual_seed(0)
    a, b = (F.normalize(torch.randn(12, 8, generator=draw), dim=1) for _ in range(2))
    scale = torch.tensor(14.0)
    mine = train_clip.info_nce(a, b, scale)
    assert mine.item() == pytest.approx(open_clip.ClipLoss()(a, b, scale).item(), rel=1e-6)
    assert train_clip.info_nce(a, a, scale) < mine


def test_short_texts_are_embedded_as_by_the_whole_tower(blank):
    model, tokenizer = blank
    tokens = tokenizer(["a boat", "a photo of a cat and two dogs in a meadow", "x", "grass"])
    with torch.no_grad():
        whole = model.encode_text(tokens, normalize=True)
        assert torch.allclose(train_clip.embed_in_pieces(model, tokens, 3), whole, atol=1e-6)
    assert model.text.attn_mask.shape == (train_clip.CONTEXT, train_clip.CONTEXT)


def test_folding_the_standardisation_changes_nothing():
    layer, x = torch.nn.Linear(6, 3), torch.rand(5, 6)
    mean, std = x.mean(0), x.std(0)
    before = layer((x - mean) / std)
    train_clip.fold(layer, mean, std)
    assert torch.allclose(layer(x), before, atol=1e-5)


def test_a_batch_of_one_context_holds_no_other():
    facts, rng = [PARTY, LONELY] * 50, np.random.default_rng(0)
    rows = train_clip.batch_rows(facts, rng, 40, together=1)
    assert len(set(rows)) == 40 and len({facts[k].context for k in rows}) == 1
    assert len({facts[k].context for k in train_clip.batch_rows(facts, rng, 40, 0)}) == 2


def trained(wide_trunk, folder, steps):
    model, tokenizer = train_clip.blank(folder, wide_trunk, seed=1)
    pooled = torch.rand(40, 1280, generator=torch.Generator().manual_seed(0))
    pooled[::2, :40] += 2  # the scenes with a party
    return model, train_clip.train(model, tokenizer, pooled, [PARTY, LONELY] * 20, seed=1,
                                   steps=steps, batch=16, together=0)  # fmt: skip


def test_training_learns_and_repeats_itself(wide_trunk, tmp_path):
    _, losses = trained(wide_trunk, tmp_path / "a", 6)
    _, again = trained(wide_trunk, tmp_path / "b", 6)
    assert losses == again
    model, losses = trained(wide_trunk, tmp_path / "c", 60)
    assert np.mean(losses[-10:]) < np.log(16) - 0.3  # of guessing; half of a batch is alike: log 8
    assert not any(p.requires_grad for p in model.visual.trunk.parameters())


def test_what_is_written_can_be_read(wide_trunk, tmp_path):
    model, _ = train_clip.blank(tmp_path / "made", wide_trunk, seed=0)
    train_clip.write(tmp_path / "new", model, tmp_path / "made", wide_trunk, {"map_val": 0.5})
    whole = pocket_clip.export(tmp_path / "whole", tmp_path / "new", wide_trunk)
    read = clip_file.load(f"local-dir:{whole}").model
    assert torch.allclose(read.visual.head.proj.weight, model.visual.head.proj.weight, atol=1e-3)
    assert pocket_clip.checked(tmp_path / "new")["map_val"] == 0.5


# ------------------------------------------------------------------ the shipped model


def test_load_is_what_open_clip_reads_from_the_exported_folder(clip, wide_trunk, tmp_path):
    folder = pocket_clip.export(tmp_path, trunk=wide_trunk)
    theirs, preprocess = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    ours = clip.model.state_dict()
    assert all(torch.equal(ours[k], v) for k, v in theirs.state_dict().items())
    assert torch.equal(tokenizer("a boat"), clip.tokenizer("a boat"))
    assert repr(preprocess) == repr(clip.transform)


def test_the_image_tower_is_the_projects_trunk(clip, seen, wide_trunk):
    from PIL import Image

    world, ids, final = seen
    picture = world.image(ids[0])
    with torch.no_grad():
        direct = clip.model.visual(wide_trunk.tensor([picture]))
        head = clip.model.visual.head(final[:1].mean((2, 3)))
        theirs = clip.model.visual(clip.transform(Image.fromarray(picture))[None])
    assert torch.allclose(direct, head, atol=1e-3)  # stride and size are the same
    assert F.cosine_similarity(direct, theirs).item() > 0.999  # PIL rounds to whole grey values
    assert not any(p.requires_grad for p in clip.model.visual.parameters())


def test_cached_features_give_what_the_pictures_give(clip, seen, wide_trunk, tmp_path):
    world, ids, _ = seen
    view = WeakView(world, ids[:3], "tags", trunk=FeatureBank(world, wide_trunk, tmp_path))
    rows = clip.pictures([view.image(i) for i in ids[:3]])
    assert (clip.trunk_rows(view) * rows).sum(1).min() > 0.99
    (_, cached), *more = clip.dense_rows(view)
    dense = torch.as_tensor(clip.dense([view.image(i) for i in ids[:3]]))
    assert not more and F.cosine_similarity(torch.as_tensor(cached), dense).mean() > 0.99
    other = WeakView(world, ids[:1], "tags")  # no trunk: straight from the pictures
    assert np.allclose(clip.trunk_rows(other), clip.pictures([view.image(ids[0])]))
    assert next(clip.dense_rows(other))[1].shape == cached[:1].shape


@pytest.mark.parametrize("file", pocket_clip.SHIPPED)
def test_a_changed_file_is_named(weights, file, wide_trunk):
    change(weights / file)
    with pytest.raises(InputError, match=f"{file} was changed.*train_clip"):
        pocket_clip.export(weights / "out", weights, wide_trunk)


def test_a_missing_file_and_a_wrong_name_are_named(weights):
    (weights / pocket_clip.TOWERS).unlink()
    with pytest.raises(InputError, match="without_trunk.safetensors is missing.*train_clip"):
        pocket_clip.checked(weights)
    with pytest.raises(InputError, match="pocket-held-out"):
        pocket_clip.load("pocketful")


def test_another_trunk_is_refused(weights, wide_trunk):
    facts = json.loads((weights / pocket_clip.FACTS).read_text())
    (weights / pocket_clip.FACTS).write_text(json.dumps(facts | {"trunk": "0" * 64}))
    with pytest.raises(InputError, match="not those that the pocket CLIP was trained on"):
        pocket_clip.export(weights / "out", weights, wide_trunk)


def test_all_that_is_shipped_is_small():
    folders = [pocket_clip.weights_folder(name) for name in pocket_clip.WEIGHTS]
    assert sum(f.stat().st_size for folder in folders for f in folder.iterdir()) < 6e6
    assert pocket_clip.facts("pocket-held-out")["held_out"] == list(pocket_clip.HELD_OUT)


def test_zero_shot_is_far_better_than_chance(clip, seen):
    world, ids, final = seen
    tags = np.array([world.tags(id) for id in ids])
    present = tags.any(0)
    found = train_clip.average_precisions(clip, final.mean((2, 3)), tags, CLASSES)[present]
    assert found.mean() > tags.mean(0)[present].mean() + 0.3
    assert pocket_clip.facts()["map_val"] > pocket_clip.facts("pocket-held-out")["map_val"]


def test_a_class_that_is_not_there_scores_lower(clip, seen):
    world, ids, final = seen
    tags = np.array([world.tags(id) for id in ids])
    cosines = clip.pooled(final.mean((2, 3))) @ prompts.class_texts(clip, CLASSES).T
    assert cosines[tags].mean() > cosines[~tags].mean() + 0.1


# ------------------------------------------------------------------ prompts and maps


def test_class_prompts_hold_templates_and_synonyms():
    said = prompts.class_prompts("car", ("{}", "look at {}"))
    assert said[:3] == ["a car", "an automobile", "a motorcar"] and said[-1] == "look at a motorcar"
    assert prompts.class_prompts("zebra", ("{}",)) == ["a zebra"]
    assert prompts.class_prompts("person", ("{}",), synonyms=False) == ["a person"]


def test_fused_texts_are_means_of_unit_length(clip):
    both = prompts.class_texts(clip, ("boat", "cat"))
    parts = clip.texts(prompts.class_prompts("cat")).mean(0)
    assert np.allclose(both[1], parts / np.linalg.norm(parts), atol=1e-6)
    assert np.allclose(np.linalg.norm(prompts.background_texts(clip), axis=1), 1, atol=1e-6)


def test_sharpness_prefers_even_answers():
    assert prompts.sharpness([[0.5, 0.5]]) == 0 < prompts.sharpness([[0.9, 0.1]])


def towers(clip):
    return *clip.layer, clip.scale


def all_maps(clip, final, tags, background=prompts.BACKGROUND):
    weight, bias, scale = towers(clip)
    texts = prompts.class_texts(clip, CLASSES)
    behind = prompts.background_texts(clip, background) if background else texts[:0]
    dense = text_maps.project(final, weight, bias)
    return {"cosine": text_maps.cosine_maps(dense, texts, tags),
            "softmax": text_maps.softmax_maps(dense, texts, behind, scale, tags),
            "gradient": text_maps.softmax_grad_cam(final, weight, bias, texts, behind, scale,
                                                   tags)}  # fmt: skip


def test_maps_have_a_shape_a_range_and_nothing_for_absent_classes(clip, seen):
    world, ids, final = seen
    tags = np.array([world.tags(id) for id in ids])
    for kind, maps in all_maps(clip, final, tags).items():
        assert maps.shape == (len(ids), len(CLASSES), *final.shape[2:]), kind
        assert maps.min() >= 0 and maps.max() == 1, kind
        assert not maps[torch.as_tensor(~tags)].any(), kind
        assert maps[torch.as_tensor(tags)].flatten(1).amax(1).mean() > 0.9, kind


def test_without_any_tag_there_is_no_map_and_no_nan(clip, seen):
    nothing = np.zeros((2, len(CLASSES)), bool)
    for background in (prompts.BACKGROUND, ()):
        for maps in all_maps(clip, seen[2][:2], nothing, background).values():
            assert not maps.any()


def test_softmax_grad_cam_is_the_gradient(clip, seen):
    weight, bias, scale = towers(clip)
    world, ids, final = seen
    texts = torch.as_tensor(prompts.class_texts(clip, CLASSES))
    behind = torch.as_tensor(prompts.background_texts(clip))
    tags = np.array([world.tags(id) for id in ids[:4]])
    got = text_maps.softmax_grad_cam(final[:4], weight, bias, texts, behind, scale, tags)
    for row in range(4):
        names = np.flatnonzero(tags[row])
        x = final[row : row + 1].clone().requires_grad_()
        unit = F.normalize(F.linear(x.mean((2, 3)), weight, bias), dim=1)
        p = (scale * unit @ torch.cat([texts[names], behind]).T).softmax(1)[0]
        for place, name in enumerate(names):
            grad = torch.autograd.grad(p[place], x, retain_graph=True)[0]
            heat = (grad.mean((2, 3), keepdim=True) * x).sum(1).relu()[0].detach()
            expected = heat / heat.max().clamp(min=1e-12)
            assert torch.allclose(got[row, name], expected, atol=1e-3)


def test_background_texts_take_positions_away(clip, seen):
    world, ids, final = seen
    tags = np.array([world.tags(id) for id in ids])
    weight, bias, scale = towers(clip)
    texts = prompts.class_texts(clip, CLASSES)
    dense = text_maps.project(final, weight, bias)
    alone = text_maps.softmax_maps(dense, texts, texts[:0], scale, tags)
    against = text_maps.softmax_maps(dense, texts, prompts.background_texts(clip), scale, tags)
    assert against.sum() < alone.sum()
