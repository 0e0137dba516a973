"""CLIP-ES: maps of texts without any training; classes and surroundings compete for the picture."""

import cv2
import numpy as np

from wsss_lite.assist import prompts, ready
from wsss_lite.assist.load import load_clip
from wsss_lite.assist.grad_cam import grad_cam_rows
from wsss_lite.assist.ground import ground_texts
from wsss_lite.errors import InputError
from wsss_lite.maps import class_aware
from wsss_lite.maps.similar import similarity
from wsss_lite.progress import progress
from wsss_lite.refine.crf import dense_crf
from wsss_lite.refine.pairs import SMALL
from wsss_lite.refine.threshold import upsample, with_background
from wsss_lite.registry import Made, register

BLOCKS = 8  # of a ViT, the last ones, whose attention is averaged


@register(
    "clip-es",
    category="Large model: CLIP",
    supervision="tags",
    needs=("corpus", "text"),
    paper="CLIP is Also an Efficient Segmenter: A Text-Driven Approach for Weakly Supervised "
    "Semantic Segmentation",
    venue="CVPR",
    year=2023,
    cite="lin2023clip",
    survey="S0 S1 S2: large model, CLIP",
    quoted={"VOC train, pseudo masks (S1)": 75.0, "VOC val (S1)": 71.1, "VOC test (S1)": 71.4,
            "VOC val (S2)": 73.8, "VOC test (S2)": 73.9, "COCO val (S1)": 45.4},
    trains=False,
)  # fmt: skip
def clip_es(
    view, seed=0, clip="pocket", background=None, template=None, synonyms=True, compete=True,
    power=2, box=class_aware.BOX, stage="c4", sharp=4.0, sure=0.95, threshold=0.3,
):  # fmt: skip
    """Softmax Grad-CAM of class texts against background texts, spread along affinities.

    1. template: with "{}" for a name; None takes the one of `prompts.TEMPLATES` that is least sharp
       on the view's pictures, as a sharp one sees a single class in each. synonyms: the text of a
       class is the mean over its names.
    2. Grad-CAM of the probability of a class among the picture's classes and the background texts
       (names in `background`; None: those that suit the model). compete=False: of the cosine.
    3. power: of the affinities along which maps spread from inside their boxes, cut at `box`; 0
       leaves it out. They are the attention of the last blocks of a ViT; where there is none,
       cosines of features to the power `sharp`: of the trunk's `stage` for the pocket model. (Both
       chosen with maps of CAM on 80 scenes of val: 44.1 mIoU without, 48.0 with; c5 gave nothing.)
    4. sure: the confidence-guided loss. Pixels that a CRF, on maps against a constant background of
       `threshold`, gives less than this probability do not train the segmenter; 0: all do.

    clip: "pocket", a name or a `Clip`. background=(), compete=False, power=0 and sure=0 leave plain
    Grad-CAM of the cosine between picture and text.

    Deviations: pictures are seen as squares; the confidence is that of a CRF on a small picture
    with fixed settings, while the labels are the maps after the course's threshold and CRF; the
    pocket model knows the words of the corpus only.
    """
    clip = ready(clip, load_clip)
    texts, ground = embeddings(view, clip, background, template, synonyms)
    maps = grad_cam_rows(view, clip, texts, ground, compete)
    if power:
        maps = refined(view, clip, maps, power, box, stage, sharp)
    return Made(maps=maps, weights=confidence(view, maps, sure, threshold) if sure else None)


def embeddings(view, clip, background=None, template=None, synonyms=True):
    """(texts (C, D), background (B, D)) in one template, see `clip_es`."""
    if template is not None and "{}" not in template:
        raise InputError(f"The template {template!r} has no {{}} where the name of a class goes.")
    template = template or least_sharp(view, clip, synonyms)
    texts = prompts.class_texts(clip, view.classes, (template,), synonyms)
    return texts, ground_texts(clip, background, templates=(template,))


def least_sharp(view, clip, synonyms=True, templates=prompts.TEMPLATES):
    """The template whose probabilities over the classes vary least, see `prompts.sharpness`."""
    rows, found = clip.trunk_rows(view), {}
    for template in templates:
        texts = prompts.class_texts(clip, view.classes, (template,), synonyms)
        logits = clip.scale * rows @ texts.T
        odds = np.exp(logits - logits.max(1, keepdims=True))
        found[template] = prompts.sharpness(odds / odds.sum(1, keepdims=True))
    return min(found, key=found.get)


def refined(view, clip, maps, power=2, box=class_aware.BOX, stage="c4", sharp=4.0):
    """(N, C, h, w) maps after class-aware spreading along affinities."""
    out, rows = np.empty_like(maps), enumerate(progress(maps, "affinities"))
    look = affinities(view, clip, maps.shape[2:], stage, sharp)
    for row, one in rows:
        out[row] = class_aware.spread(one, class_aware.walk_matrix(look(row), power=power), box)
    return out


def affinities(view, clip, size, stage="c4", sharp=4.0):
    """A function of a row number: (n, n) affinities of the n positions of a grid of `size`."""
    from wsss_lite.assist.pocket_clip import on_its_trunk

    if hasattr(clip, "layer") and on_its_trunk(view):
        features = view.features(stage)
        return lambda row: alike(features[row], size, sharp)

    def look(row):
        image = view.image(view.ids[row])
        try:
            return clip.attention([image])[-BLOCKS:].mean(0)[0, 1:, 1:]
        except InputError:  # a tower without attention
            return alike(clip.dense([image])[0], size, sharp)

    return look


def alike(features, size, sharp):
    """(n, n): cosines of (F, h, w) features, brought to a size, to a power; 0 where negative."""
    import torch

    from wsss_lite.maps.cam import resize

    x = torch.as_tensor(features)[None]
    x = x if x.shape[2:] == tuple(size) else resize(x, size)
    return (similarity(x)[0] ** sharp).numpy()


def confidence(view, maps, sure=0.95, threshold=0.3, times=4):
    """{picture: (H, W) float32}: 1 where a small CRF is sure of some label, else 0.

    times: how much larger than the maps the CRF sees the picture.
    """
    size, found = [times * n for n in maps.shape[2:]], {}
    for id, one in zip(view.ids, progress(maps, "confidence")):
        picture = view.image(id)
        small = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
        p = with_background(upsample(one, size), np.float32(threshold))
        p[1:][p[1:].max((1, 2)) <= 0] = 0
        trust = (dense_crf(small, p, SMALL).max(0) >= sure).astype(np.float32)
        found[id] = cv2.resize(trust, picture.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    return found
