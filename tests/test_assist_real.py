"""The adapters to the real large models: tiny ones of each architecture, saved and read back.

What the adapters say has to be what the libraries' own models and processors say.
"""

import json
import pickle
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file, save_file
from tiny_models import (
    SIZES,
    clip_config,
    clip_folder,
    dino_folder,
    in_cache,
    pictures,
    sam_folder,
)  # fmt: skip

from wsss_lite.assist import real
from wsss_lite.assist.clip import Clip, cosines
from wsss_lite.assist.grounding import GroundingDino, cleaned, pixel_box
from wsss_lite.assist.load import load_clip, load_grounder, load_sam, load_tagger
from wsss_lite.assist.sam import Sam, distinct, prompts
from wsss_lite.assist.tagging import (
    GROUPS,
    SAME,
    ClipTagger,
    key,
    spoken,
    to_classes,
    views,
)  # fmt: skip
from wsss_lite.cli import main
from wsss_lite.data.casting import CLASSES
from wsss_lite.data.voc import VOC_CLASSES
from wsss_lite.data.world import Box
from wsss_lite.errors import InputError

open_clip = real.library("open_clip")
transformers = real.library("transformers")
BOX = [3, 4, 30, 29]
SAM, DINO = "facebook/sam-vit-base", "IDEA-Research/grounding-dino-tiny"


class Folders(dict):
    """{kind: folder} of the tiny models, each made when it is first asked for."""

    def __init__(self, root):
        self.root = root

    def __missing__(self, kind):
        makers = {"sam": sam_folder, "dino": dino_folder}
        make = makers.get(kind) or (lambda folder: clip_folder(folder, kind))
        self[kind] = make(self.root / kind)
        return self[kind]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return Folders(tmp_path_factory.mktemp("tiny-models"))


@pytest.fixture(scope="module")
def clip(folders):
    return load_clip(f"local-dir:{folders['vit']}", device="cpu")


@pytest.fixture(scope="module")
def sam(folders):
    return load_sam(str(folders["sam"]), device="cpu")


@pytest.fixture(scope="module")
def grounder(folders):
    return load_grounder(str(folders["dino"]), device="cpu")


@pytest.fixture(scope="module")
def images():
    return pictures()


@pytest.fixture
def no_sockets(monkeypatch, tmp_path):
    """An empty hub cache, the hub not switched off by hand, and no way to open a socket."""
    from huggingface_hub import constants

    def refuse(*args, **kwargs):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / "hub"


def one_sentence(error, *words):
    """The message of an InputError, checked: one line, one sentence, with these words in it."""
    said = str(error.value)
    assert "\n" not in said and said.endswith(".") and len(said) < 500, said
    for word in words:
        assert str(word) in said, (word, said)
    return said


def no_grad_rows(rows):
    return F.normalize(rows, dim=-1).detach().numpy()


# CLIP


@pytest.mark.parametrize("kind", ["vit", "resnet", "timm", "timm-vit"])
def test_clip_is_the_library_s_own_model(folders, images, kind):
    ours = load_clip(f"local-dir:{folders[kind]}", device="cpu")
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folders[kind]}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folders[kind]}")
    texts = ["a photo of a cat", "rails"]
    batch = torch.stack([transform(Image.fromarray(image)) for image in images])
    with torch.no_grad():
        rows = model.eval().encode_image(batch)
        words = model.encode_text(tokens(texts))
    assert torch.equal(ours.batch(images), batch)
    np.testing.assert_allclose(ours.pictures(images), no_grad_rows(rows), atol=1e-5)
    np.testing.assert_allclose(ours.texts(texts), no_grad_rows(words), atol=1e-5)
    assert ours.pictures(images).dtype == ours.texts(texts).dtype == np.float32
    assert ours.scale == pytest.approx(float(model.logit_scale.detach().exp()))


def test_dense_sees_the_whole_picture_squashed(clip, images):
    """As open_clip's own transform in its mode "squash", and sides are rounded up to patches."""
    config = open_clip.transform.PreprocessCfg(
        size=(40, 96), mean=(0.4, 0.5, 0.6), std=(0.2, 0.25, 0.3), resize_mode="squash"
    )
    transform = open_clip.transform.image_transform_v2(config, is_train=False)
    for image in images:
        assert torch.equal(clip.batch([image], (37, 91))[0], transform(Image.fromarray(image)))
    assert clip.dense(images).shape == (3, 16, 4, 4)
    assert clip.dense(images, (37, 91)).shape == (3, 16, 5, 12)


def test_dense_features_of_a_vit_are_the_value_path(clip, images):
    """The library's own last block, with each token kept from looking at any other one."""
    model, batch = clip.model.visual, clip.batch(images, 32)
    alone = torch.full((17, 17), -torch.inf).fill_diagonal_(0)
    with torch.no_grad():
        x = model.transformer.forward_intermediates(model._embeds(batch), indices=[1])[1][0]
        x = model.ln_post(model.transformer.resblocks[-1](x, attn_mask=alone))[:, 1:] @ model.proj
    ours = clip.dense(images)
    np.testing.assert_allclose(ours, x.transpose(1, 2).reshape(3, 16, 4, 4), atol=1e-5)
    assert abs(ours.std((2, 3))).mean() > 1e-3  # positions differ


def test_dense_features_of_convolutions_pool_to_the_embedding(folders, images):
    ours = load_clip(f"local-dir:{folders['timm']}", device="cpu")
    dense = ours.dense(images)
    with torch.no_grad():
        rows = ours.model.encode_image(ours.batch(images, 64))
    assert dense.shape[2:] == (2, 2)
    np.testing.assert_allclose(dense.mean((2, 3)), rows.numpy(), atol=1e-5)
    tokens = load_clip(f"local-dir:{folders['timm-vit']}", device="cpu")
    with torch.no_grad():
        rows = tokens.model.encode_image(tokens.batch(images, 160))
    np.testing.assert_allclose(tokens.dense(images).mean((2, 3)), rows.numpy(), atol=1e-4)


def test_dense_features_of_clip_s_resnet_are_two_convolutions(folders, images):
    ours = load_clip(f"local-dir:{folders['resnet']}", device="cpu")
    visual, batch = ours.model.visual, ours.batch(images, 96)
    value, out = visual.attnpool.v_proj, visual.attnpool.c_proj
    with torch.no_grad():
        x = visual.layer4(visual.layer3(visual.layer2(visual.layer1(visual.stem(batch)))))
        x = F.conv2d(x, value.weight[..., None, None], value.bias)
        x = F.conv2d(x, out.weight[..., None, None], out.bias)
    np.testing.assert_allclose(ours.dense(images, 96), x.numpy(), rtol=1e-4, atol=1e-5)


def test_positions_are_resized_as_open_clip_resizes_them(folders, clip, images):
    name = f"local-dir:{folders['vit']}"
    larger = open_clip.create_model(name, force_image_size=(40, 96)).eval()
    with torch.no_grad():
        rows = larger.encode_image(clip.batch(images, (40, 96)))
    last = clip.last_block(images, (40, 96))
    np.testing.assert_allclose(
        last.embed(last.activations).detach(), no_grad_rows(rows), atol=1e-5
    )


def hooked_gradient(clip, batch, module, text, before=False):
    """(activation, gradient, embedding) by a hook in the library's own forward pass."""
    kept = []

    def keep(_, inputs, output=None):
        kept.append((inputs[0] if before else output).detach().clone().requires_grad_(True))
        return (kept[0], *inputs[1:]) if before else kept[0]

    with (module.register_forward_pre_hook if before else module.register_forward_hook)(keep):
        row = F.normalize(clip.model.visual(batch), dim=-1)
    (gradient,) = torch.autograd.grad((row @ text).sum(), kept[0])
    return kept[0], gradient, row


def test_last_block_gives_the_gradients_of_the_library_s_own_pass(folders, clip, images):
    text = torch.from_numpy(clip.texts(["a cat"])[0])
    resnet = load_clip(f"local-dir:{folders['resnet']}", device="cpu")
    conv = load_clip(f"local-dir:{folders['timm']}", device="cpu")
    norm = clip.model.visual.transformer.resblocks[-1].ln_1
    pool = conv.model.visual.trunk.global_pool
    for ours, size, module, before, shape in (
        (clip, 32, norm, False, (3, 32, 4, 4)),
        (resnet, 64, resnet.model.visual.attnpool, True, (3, 256, 2, 2)),
        (conv, 64, pool, True, (3, conv.model.visual.trunk.num_features, 2, 2)),
    ):
        batch = ours.batch(images, size)
        activation, gradient, row = hooked_gradient(ours, batch, module, text, before)
        last = ours.last_block(images)
        found = last.embed(last.activations)
        (climbed,) = torch.autograd.grad((found @ text).sum(), last.activations)
        torch.testing.assert_close(last.activations, activation, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(found, row, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(climbed, gradient, atol=1e-5, rtol=1e-3)
        assert last.maps(climbed).shape == shape and climbed.abs().max() > 0
    tokens = clip.last_block(images)
    assert torch.equal(
        tokens.maps(tokens.activations)[1, :, 2, 3], tokens.activations[1, 1 + 2 * 4 + 3]
    )


def test_attention_of_each_block_is_softmax_of_queries_and_keys(clip, images):
    found = clip.attention(images)
    visual, batch = clip.model.visual, clip.batch(images, 32)
    with torch.no_grad():
        x = visual._embeds(batch)
        _, after = visual.transformer.forward_intermediates(x)
        for number, (block, x) in enumerate(zip(visual.transformer.resblocks, [x, *after])):
            q, k, _ = F.linear(
                block.ln_1(x), block.attn.in_proj_weight, block.attn.in_proj_bias
            ).unflatten(2, (3, 2, 16)).permute(2, 0, 3, 1, 4)  # each (N, heads, L, 16)
            weights = (q @ k.transpose(-1, -2) / 4).softmax(-1).mean(1)
            np.testing.assert_allclose(found[number], weights, atol=1e-5)
    assert found.shape == (3, 3, 17, 17)
    np.testing.assert_allclose(found.sum(-1), 1, atol=1e-5)


def test_cosines_compare_positions_with_texts(clip, images):
    dense, texts = clip.dense(images), clip.texts(["a cat", "the sea"])
    found = cosines(dense, 3 * texts)
    here = dense[1, :, 2, 3]
    assert found.shape == (3, 2, 4, 4)
    assert found[1, 1, 2, 3] == pytest.approx(here @ texts[1] / np.linalg.norm(here), abs=1e-5)


def test_rows_of_a_view_stand_in_its_order(clip, images):
    class View:
        ids = ("c", "a")

        @staticmethod
        def image(id):
            return images["abc".index(id)]

    rows = clip.pictures(images)
    np.testing.assert_allclose(clip.trunk_rows(View), rows[[2, 0]], atol=1e-6)


def test_dense_rows_of_a_view_come_in_pieces(clip, images):
    class View:
        ids = ("c", "a", "b")

        @staticmethod
        def image(id):
            return images["abc".index(id)]

    parts = list(clip.dense_rows(View, size=2))
    assert [(piece.start, piece.stop) for piece, _ in parts] == [(0, 2), (2, 3)]
    together = np.concatenate([rows for _, rows in parts])
    np.testing.assert_allclose(together, clip.dense(images)[[2, 0, 1]], atol=1e-5)


def test_a_tower_says_what_it_cannot_do(folders, images, clip):
    with pytest.raises(InputError, match="no attention"):
        load_clip(f"local-dir:{folders['timm']}", device="cpu").attention(images)
    tokens = load_clip(f"local-dir:{folders['timm-vit']}", device="cpu")
    assert tokens.dense(images, (90, 160)).shape == (3, 16, 6, 10)
    last = tokens.last_block(images, (90, 160))
    assert last.maps(last.activations).shape == (3, 64, 6, 10)
    tokens.model.visual.trunk.patch_embed.strict_img_size = True  # as most of timm's ViTs
    with pytest.raises(InputError, match="no 96 x 96 pixels.*leave out the size"):
        tokens.dense(images, 96)
    with pytest.raises(InputError, match="give at least one"):
        clip.texts([])


@pytest.fixture
def published(monkeypatch):
    """open_clip knows a tiny ViT and weights of it that were trained with QuickGELU."""
    config = open_clip.pretrained._pcfg(hf_hub="someone/tiny/", quick_gelu=True)
    old = open_clip.pretrained._pcfg(url="https://example.org/tiny-old.pt")
    monkeypatch.setitem(open_clip.factory._MODEL_CONFIGS, "tiny-ViT", clip_config())
    tags = {"mine": config, "old": old}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-ViT", tags)


def test_clip_by_architecture_and_tag(folders, images, no_sockets, published):
    """From the cache, with the tag's own preprocessing and activation."""
    in_cache(no_sockets, "someone/tiny", folders["vit"])
    ours = load_clip("tiny-ViT", "mine", device="cpu")
    path = str(folders["vit"] / "open_clip_model.safetensors")
    right = open_clip.create_model("tiny-ViT", path, force_quick_gelu=True).eval()
    wrong = open_clip.create_model("tiny-ViT", path).eval()
    batch = ours.batch(images)
    np.testing.assert_allclose(
        ours.pictures(images), no_grad_rows(right.encode_image(batch)), atol=1e-5
    )
    assert np.abs(ours.pictures(images) - no_grad_rows(wrong.encode_image(batch))).max() > 1e-4
    assert tuple(ours.model.visual.preprocess_cfg["mean"]) == open_clip.OPENAI_DATASET_MEAN
    again = load_clip("tiny-ViT/mine", device="cpu")
    np.testing.assert_array_equal(again.pictures(images), ours.pictures(images))


def test_clip_from_the_cache_by_its_repository(folders, images, clip, no_sockets):
    in_cache(no_sockets, "someone/tiny", folders["vit"])
    ours = load_clip("hf-hub:someone/tiny", device="cpu")
    np.testing.assert_array_equal(ours.pictures(images), clip.pictures(images))


def test_a_relative_vocabulary_lies_beside_the_config(folders, tmp_path, monkeypatch):
    """open_clip itself would look for it below the current folder."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for file in folders["vit"].iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "few.txt.gz").write_bytes(Path(open_clip.tokenizer.default_bpe()).read_bytes())
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"bpe_path": "few.txt.gz"}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    monkeypatch.chdir(tmp_path)
    assert load_clip(f"local-dir:{folder}").texts(["a cat"]).shape == (1, 16)
    (folder / "few.txt.gz").unlink()
    with pytest.raises(InputError) as error:
        load_clip(f"local-dir:{folder}")
    one_sentence(error, folder, "few.txt.gz")


# SAM


def sam_by_hand(folder, image, **given):
    """(masks, IoU, inputs) through transformers alone, from the picture on."""
    processor = transformers.SamProcessor.from_pretrained(folder)
    model = transformers.SamModel.from_pretrained(folder).eval()
    inputs = processor(images=Image.fromarray(image), return_tensors="pt", **given)
    with torch.no_grad():
        output = model(**inputs)
    masks = processor.post_process_masks(
        output.pred_masks, inputs["original_sizes"], inputs["reshaped_input_sizes"]
    )
    return masks[0].numpy(), output.iou_scores[0].numpy(), inputs


@pytest.mark.parametrize("number", range(3))
def test_sam_is_the_library_s_own_model(folders, sam, images, number):
    image = images[number]
    embedding = sam.encode(image)
    height, width = SIZES[number]
    boxes = [BOX, [width - 20, 0, width, height]]
    points = [[[5, 6], [20, 30]], [[30, 11], [width - 1, 9]]]
    labels = [[1, 0], [1, 1]]
    for ours, theirs in (
        ({"boxes": boxes}, {"input_boxes": [boxes]}),
        ({"points": points, "labels": labels},
         {"input_points": [points], "input_labels": [labels]}),
        ({"boxes": boxes, "points": points},
         {"input_boxes": [boxes], "input_points": [points], "input_labels": [[[1, 1], [1, 1]]]}),
    ):  # fmt: skip
        masks, iou, inputs = sam_by_hand(folders["sam"], image, **theirs)
        scaled = sam.scaled(prompts(SIZES[number], **ours), SIZES[number], embedding.features[1])
        for name, value in scaled.items():
            np.testing.assert_allclose(value, inputs[name], rtol=1e-5, atol=1e-4)
        found, scores = sam.masks(embedding, **ours)
        assert found.dtype == bool and found.shape == (2, 3, height, width)
        assert (found == masks).mean() > 0.999  # a pixel at the threshold may fall either way
        np.testing.assert_allclose(scores, iou, atol=1e-4)
        assert 0.02 < found.mean() < 0.98
    best, score = sam.best(embedding, boxes=boxes)
    found, scores = sam.masks(embedding, boxes=boxes)
    assert np.array_equal(best[1], found[1, scores[1].argmax()])
    np.testing.assert_array_equal(score, scores.max(1))


def test_sam_takes_boxes_of_a_world_and_lists_of_different_length(sam, images):
    embedding = sam.encode(images[0])
    numbers, _ = sam.masks(embedding, boxes=[BOX])
    assert np.array_equal(sam.masks(embedding, boxes=[Box(3, *BOX)])[0], numbers)
    short, long = [[5, 6]], [[5, 6], [60, 30]]
    together, _ = sam.logits(embedding, points=[short, long])
    for k, points in enumerate((short, long)):
        alone, _ = sam.logits(embedding, points=[points])
        if k == 1:
            np.testing.assert_allclose(together[k], alone[0], atol=1e-2)
    assert not np.allclose(together[0], together[1], atol=1e-2)


def test_sam_s_everything_keeps_what_the_library_s_filter_keeps(sam, images):
    image, (height, width) = images[0], SIZES[0]
    least = {"least_iou": 0.9, "least_stability": 0.3, "most_overlap": 1.0}
    one = Sam(sam.model, sam.processor, sam.name, sam.source, "cpu")
    for name, value in least.items():
        setattr(one, name, value)
    found = one.everything(image, grid=4)
    x, y = np.meshgrid((np.arange(4) + 0.5) / 4 * width, (np.arange(4) + 0.5) / 4 * height)
    clicks = np.stack((x.ravel(), y.ravel()), 1)[:, None]
    logits, iou = sam.logits(sam.encode(image), points=clicks)
    _, kept, boxes = sam.processor.image_processor.filter_masks(
        torch.from_numpy(logits), torch.from_numpy(iou), (height, width), [0, 0, width, height],
        pred_iou_thresh=0.9, stability_score_thresh=0.3,
    )  # fmt: skip
    assert 0 < len(found) == len(kept) < iou.size
    np.testing.assert_allclose([f.iou for f in found], sorted(kept.tolist())[::-1], atol=1e-6)
    assert {f.point for f in found} <= {tuple(map(float, click)) for click in clicks[:, 0]}
    fewer = distinct(found, 0.3)
    assert 0 < len(fewer) < len(found) and fewer[0] is found[0]


def test_sam_refuses_prompts_it_cannot_use(sam, images):
    embedding = sam.encode(images[0])
    for given, word in (
        ({}, "without a prompt"),
        ({"boxes": []}, "empty"),
        ({"boxes": [[30, 4, 3, 29]]}, "empty or leaves"),
        ({"boxes": [[0, 0, 92, 37]]}, "91 x 37"),
        ({"boxes": [[1, 2, 3]]}, "four numbers"),
        ({"points": [[[91.5, 3]]]}, "outside the picture"),
        ({"points": [[[1, 2, 3]]]}, "two numbers"),
        ({"points": [[]]}, "at least one point"),
        ({"points": [[[1, 2]]], "labels": [[1, 0]]}, "a label"),
        ({"points": [[[1, 2]]], "labels": [[2]]}, "1 or 0"),
        ({"boxes": [BOX, BOX], "points": [[[1, 2]]]}, "2 boxes but 1"),
        ({"boxes": [[0, 0, float("nan"), 3]]}, "empty or leaves"),
    ):
        with pytest.raises(InputError, match=word) as error:
            sam.masks(embedding, **given)
        one_sentence(error)


# Grounding DINO


@pytest.mark.parametrize("number", range(3))
def test_grounder_is_the_library_s_own_model(folders, grounder, images, number):
    image, size = images[number], SIZES[number]
    processor = transformers.GroundingDinoProcessor.from_pretrained(folders["dino"])
    model = transformers.GroundingDinoForObjectDetection.from_pretrained(folders["dino"]).eval()
    inputs = processor(
        images=Image.fromarray(image), text="a cat. red car. dog.", return_tensors="pt"
    )
    with torch.no_grad():
        output = model(**inputs)
    scores = output.logits.sigmoid().amax(-1)[0]
    least = float(scores.median())  # random weights: about half of the queries pass
    theirs = processor.post_process_grounded_object_detection(
        output, inputs["input_ids"], least, 0.0, [size]
    )[0]
    ours = grounder.boxes(image, ["A cat.", "red car", "dog"], least, 0.0)
    order = theirs["scores"].argsort(descending=True)
    assert 0 < len(ours) == len(order) < len(scores)
    np.testing.assert_allclose([g.score for g in ours], theirs["scores"][order], atol=1e-5)
    names = {"A cat.": 1, "red car": 2, "dog": 3}
    for found, place in zip(ours, order):
        box, corners = found.box, theirs["boxes"][place].numpy().clip(0, [size[1], size[0]] * 2)
        assert np.abs(np.array([box.x0, box.y0, box.x1, box.y1]) - corners).max() <= 1.01
        assert 0 <= box.x0 < box.x1 <= size[1] and 0 <= box.y0 < box.y1 <= size[0]
        assert box.cls == names[found.text]


def test_grounder_names_the_text_with_the_best_token(grounder, images, monkeypatch):
    """Token by token: [CLS] a cat . red car . dog . [SEP]."""
    forward = grounder.model.forward

    def planted(*args, **kwargs):
        output = forward(*args, **kwargs)
        logits = torch.full_like(output.logits, -9.0)
        logits[0, 0, 5] = 2.0  # car
        logits[0, 1, 2], logits[0, 1, 7] = 0.5, 1.0  # cat, dog
        logits[0, 2, 3] = 3.0  # only the full stop: nobody knows what it is
        output.logits = logits
        return output

    monkeypatch.setattr(grounder.model, "forward", planted)
    found = grounder.boxes(images[0], ["a cat", "red car", "dog"])
    assert [(g.text, g.box.cls) for g in found] == [("red car", 2), ("dog", 3)]
    assert found[0].score == pytest.approx(1 / (1 + np.exp(-2.0)), abs=1e-5)
    assert [g.text for g in grounder.boxes(images[0], ["a cat", "red car", "dog"], 0.8)] == [
        "red car"
    ]


def test_pixel_boxes_are_rounded_and_stay_inside():
    assert pixel_box(2, (1.4, 2.6, 9.5001, 7.2), (10, 12)) == Box(2, 1, 3, 10, 7)
    assert pixel_box(1, (-3, -2, 40, 50), (10, 12)) == Box(1, 0, 0, 12, 10)
    assert pixel_box(1, (11.9, 9.9, 11.9, 9.9), (10, 12)) == Box(1, 11, 9, 12, 10)


def test_grounder_refuses_texts_it_cannot_use(grounder, images):
    assert cleaned(["A Cat. "]) == ["a cat"]
    for texts, word in (
        ([], "nothing"), (["cat", " "], "' '"), (["a cat. a dog"], "a dog"),
        (["cat"] * 40, "ask for fewer"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=word) as error:
            grounder.boxes(images[0], texts)
        one_sentence(error)


# Tagging


def test_words_become_classes():
    tags = [("couch", 0.9), ("Bike", 0.8), ("tv", 0.7), ("human", 0.6), ("puppies", 0.5),
            ("dining-table", 0.4), ("spoon", 0.99), ("people", 0.65)]  # fmt: skip
    assert to_classes(tags, VOC_CLASSES) == [
        ("sofa", 0.9), ("bicycle", 0.8), ("tvmonitor", 0.7), ("person", 0.65), ("dog", 0.5),
        ("diningtable", 0.4),
    ]  # fmt: skip
    found = to_classes([("ship", 0.3), ("a kitten", 0.2), ("sofa", 0.9), ("bus", 0.1)], CLASSES)
    assert found == [("boat", 0.3), ("cat", 0.2)]
    assert to_classes([("sofa", 0.9), ("lakes", 0.4)], ("couch", "lake")) == [
        ("couch", 0.9), ("lake", 0.4),
    ]  # fmt: skip


@pytest.mark.parametrize("classes", [VOC_CLASSES, CLASSES])
def test_every_class_is_its_own_word(classes):
    for name in classes:
        assert to_classes([(name, 1), (spoken(name) + "s", 1)], classes) == [(name, 1.0)]


def test_no_word_stands_for_two_things():
    assert len(GROUPS) == sum(len(line) for line in SAME)
    named = {GROUPS[key(name)] for name in VOC_CLASSES}
    assert len(named) == len(VOC_CLASSES) == len(SAME)


def test_zero_shot_tagger_is_a_softmax_over_words_and_background(clip, images):
    tagger = ClipTagger(clip, ["cat", "red car"], background=("sky",), windows=0, threshold=0)
    texts = clip.texts([f"a photo of a {word}." for word in ("cat", "red car", "sky")])
    logits = torch.from_numpy(clip.scale * clip.pictures(images[:1]) @ texts.T)
    expected = logits.softmax(1)[0, :2].numpy()
    np.testing.assert_allclose(tagger.probabilities(images[0]), expected, atol=1e-5)
    assert dict(tagger.tags(images[0])) == pytest.approx(
        {"cat": expected[0], "red car": expected[1]}, abs=1e-5
    )
    tagger.windows = 3
    assert (tagger.probabilities(images[0]) >= expected - 1e-6).all()
    tagger.threshold = 1.1
    assert tagger.tags(images[0]) == []


def test_windows_cover_the_picture():
    image = np.arange(37 * 91).reshape(37, 91)
    whole, *crops = views(image, 3)
    assert whole is image and {crop.shape for crop in crops} == {(19, 46)}
    assert len(np.unique(np.concatenate([crop.ravel() for crop in crops]))) == image.size


def test_load_tagger_looks_for_the_classes_of_voc(folders):
    tagger = load_tagger(f"local-dir:{folders['vit']}")
    assert len(tagger.words) == 20 and "tv monitor" in tagger.words


# Names without weights


@pytest.mark.parametrize(
    "load, name, command",
    [
        (load_sam, SAM, f"`hf download {SAM}`"),
        (load_grounder, DINO, f"`hf download {DINO}`"),
        (load_sam, "someone/else", "`hf download someone/else`"),
        (load_clip, "ViT-B-16/openai",
         "`hf download timm/vit_base_patch16_clip_224.openai open_clip_model.safetensors`"),
        (load_clip, "hf-hub:someone/clip", "`hf download someone/clip`"),
        (load_tagger, "ViT-B-16/openai", "`wsss-lite fetch clip` (600 MB)"),
        (load_sam, "no/such/folder", "There is no folder"),
        (load_clip, "local-dir:/no/such", "open_clip_config.json"),
    ],
)  # fmt: skip
def test_a_name_without_weights_is_one_sentence_at_once(no_sockets, load, name, command):
    start = time.process_time()
    with pytest.raises(InputError) as error:
        load(name)
    one_sentence(error, command)
    assert time.process_time() - start < 5


def test_real_names_load_from_the_cache_without_a_socket(folders, images, no_sockets, sam):
    in_cache(no_sockets, SAM, folders["sam"])
    in_cache(no_sockets, DINO, folders["dino"])
    ours = load_sam(SAM, device="cpu")
    assert ours.name == SAM and str(no_sockets) in ours.source
    embedding = ours.encode(images[0])
    assert np.array_equal(ours.masks(embedding, [BOX])[0], sam.masks(embedding, [BOX])[0])
    assert load_grounder(DINO, device="cpu").boxes(images[0], ["a cat"], 0.0, 0.0)


def test_an_old_tag_is_read_from_open_clip_s_own_cache(folders, no_sockets, published):
    path = Path("~/.cache/clip/tiny-old.pt").expanduser()
    with pytest.raises(InputError) as error:
        load_clip("tiny-ViT", "old")
    one_sentence(error, "curl -L --create-dirs -o ~/.cache/clip/tiny-old.pt https://example.org")
    path.parent.mkdir(parents=True)
    torch.save(load_file(folders["vit"] / "open_clip_model.safetensors"), path)
    assert load_clip("tiny-ViT", "old").source == str(path)


def test_clip_without_a_tag_is_not_loaded_at_random(no_sockets):
    for name, tag, word in (
        ("ViT-B-16", None, "openai"), ("ViT-B-16", "opanai", "there is no 'opanai'"),
        ("ViT-B-17", "openai", "no model 'ViT-B-17'"),
    ):  # fmt: skip
        with pytest.raises(InputError) as error:
            load_clip(name, tag)
        assert word in str(error.value) and "\n" not in str(error.value)


def test_without_the_package_the_sentence_names_it(monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(real.importlib, "import_module", absent)
    with pytest.raises(InputError) as error:
        real.library("open_clip")
    one_sentence(error, "pip install open-clip-torch")


# Random weights, damaged folders


def test_a_model_with_random_weights_answers_nothing(clip, sam, grounder, images):
    blind = Clip(clip.model, clip.tokenizer, clip.transform, "blind", device="cpu")
    blind_sam = Sam(sam.model, sam.processor, "blind", device="cpu")
    blind_dino = GroundingDino(grounder.model, grounder.processor, "blind", device="cpu")
    embedding = sam.encode(images[0])
    for ask in (
        lambda: blind.texts(["a cat"]), lambda: blind.pictures(images), lambda: blind.scale,
        lambda: blind.dense(images), lambda: blind.last_block(images),
        lambda: blind.attention(images), lambda: ClipTagger(blind, ["cat"]),
        lambda: blind_sam.encode(images[0]), lambda: blind_sam.masks(embedding, boxes=[BOX]),
        lambda: blind_sam.best(embedding, boxes=[BOX]), lambda: blind_sam.everything(images[0]),
        lambda: blind_dino.boxes(images[0], ["cat"], 0.0, 0.0),
    ):  # fmt: skip
        with pytest.raises(InputError) as error:
            ask()
        one_sentence(error, "random weights")


class Harmful:
    """Pickled, it would write a file when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (Path(self.path),))


def truncate(weights):
    weights.write_bytes(weights.read_bytes()[:-5000])


def scramble(weights):
    weights.write_bytes(b"\xff" * 64 + weights.read_bytes()[64:])


def lose_a_tensor(weights):
    tensors = load_file(weights)
    tensors.pop(max(tensors, key=lambda name: tensors[name].numel()))
    save_file(tensors, weights, {"format": "pt"})


def change_a_shape(weights):
    tensors = load_file(weights)
    name = max(tensors, key=lambda name: tensors[name].numel())
    save_file({**tensors, name: tensors[name][:-1].clone()}, weights, {"format": "pt"})


def only_a_pickle(weights):
    name = {"model.safetensors": "pytorch_model.bin"}.get(weights.name, "open_clip_model.bin")
    weights.unlink()
    (weights.parent / name).write_bytes(
        pickle.dumps({"x": Harmful(weights.parent / "ran")}, protocol=2)
    )


def break_the_config(weights):
    for config in weights.parent.glob("*config.json"):
        config.write_text(config.read_text()[:40])


@pytest.mark.parametrize("kind, load", [
    ("vit", load_clip), ("sam", load_sam), ("dino", load_grounder)])  # fmt: skip
@pytest.mark.parametrize("damage", [
    truncate, scramble, lose_a_tensor, change_a_shape, only_a_pickle, break_the_config,
    Path.unlink])  # fmt: skip
def test_a_damaged_folder_is_one_sentence(folders, tmp_path, no_sockets, kind, load, damage):
    for file in folders[kind].iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    damage(next(tmp_path.glob("*.safetensors")))
    with pytest.raises(InputError) as error:
        load(str(tmp_path))
    one_sentence(error, tmp_path)
    assert not (tmp_path / "ran").exists()


def test_damaged_weights_in_the_cache_are_to_be_deleted(folders, no_sockets, published):
    """The hub's own commands would keep them."""
    snapshot = in_cache(no_sockets, "someone/tiny", folders["vit"])
    truncate(snapshot / "open_clip_model.safetensors")
    for name, place in (
        ("tiny-ViT/mine", snapshot / "open_clip_model.safetensors"),
        ("hf-hub:someone/tiny", snapshot),
    ):  # fmt: skip
        with pytest.raises(InputError) as error:
            load_clip(name)
        one_sentence(error, f"{place} does not", "; delete it, run `hf download someone/tiny")
    old = Path("~/.cache/clip/tiny-old.pt").expanduser()
    old.parent.mkdir(parents=True)
    old.write_bytes(b"no checkpoint")
    with pytest.raises(InputError) as error:
        load_clip("tiny-ViT/old")
    one_sentence(error, f"{old} does not", "; run `curl -L")


def test_a_folder_here_is_no_name_of_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert real.is_repository("models/sam") and "hf download" in real.missing("models/sam")
    (tmp_path / "models" / "sam").mkdir(parents=True)
    with pytest.raises(InputError) as error:
        load_sam("models/sam")
    one_sentence(error, "models/sam has no config.json; copy it again")


def test_a_folder_of_another_model_is_one_sentence(folders):
    for load, kind in ((load_sam, "dino"), (load_grounder, "sam"), (load_sam, "vit")):
        with pytest.raises(InputError) as error:
            load(str(folders[kind]))
        one_sentence(error, folders[kind])


# Fetching


def test_fetch_asks_the_hub_for_one_copy_of_the_weights(monkeypatch, capsys, tmp_path):
    import huggingface_hub

    asked = []

    def download(repository, **options):
        asked.append((repository, options, huggingface_hub.constants.HF_HUB_OFFLINE))
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert main(["fetch", "sam"]) == 0 and capsys.readouterr().out.strip() == str(tmp_path)
    (repository, options, offline), = asked
    assert repository == SAM and not offline and huggingface_hub.constants.HF_HUB_OFFLINE
    assert "*.safetensors" in options["allow_patterns"] and "*.bin" not in options["allow_patterns"]


def test_fetch_without_a_network_is_one_sentence(monkeypatch, capsys, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert main(["fetch", "grounding-dino"]) == 2
    said = capsys.readouterr().err.strip()
    assert said.count("\n") == 0 and DINO in said and "check the network" in said
