"""Picture -> tags -> boxes -> masks -> labels: Grounded-SAM, each stage a function.

    stages = Stages(
        tags_by(tagger, classes),          or `given_tags(view)`
        boxes_by(grounder, classes),
        masks_by(sam),
    )
    labels = stages.label(id, image)       (H, W) uint8

A stage knows nothing of the others, so that each can be exchanged: for another model, for what a
person has given, or for the truth (`oracles.py`), to see which one the errors come from.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from wsss_lite.assist.grounding import TEXT_THRESHOLD
from wsss_lite.assist.tagging import spoken, to_classes

BOX_THRESHOLD = 0.3  # of the papers' code; the libraries' own is 0.25


class Stages(NamedTuple):
    """tags(id, image): class numbers 1..C; boxes(id, image, classes): list of `Box`, `cls` of
    these classes; masks(id, image, boxes): one (H, W) bool a box."""

    tags: Callable
    boxes: Callable
    masks: Callable

    def label(self, id, image):
        """(H, W) uint8: 0 background, k the class k, of a (H, W, 3) uint8 picture.

        id: its name, which only stages that look something up need.
        """
        classes = list(self.tags(id, image))
        boxes = self.boxes(id, image, classes) if classes else []
        masks = self.masks(id, image, boxes) if boxes else []
        return painted(boxes, masks, image.shape[:2])


def painted(boxes, masks, size):
    """(H, W) uint8: each mask in the class of its box, small masks in front of large ones.

    A mask may leave its box, as SAM's do.
    """
    labels = np.zeros(size, np.uint8)
    pairs = zip(boxes, masks, strict=True)
    for box, mask in sorted(pairs, key=lambda pair: -int(pair[1].sum())):
        labels[mask] = box.cls
    return labels


# Stages


def given_tags(view):
    """Tags as the view's annotation has them."""
    row = {id: k for k, id in enumerate(view.ids)}
    return lambda id, image: [int(k) + 1 for k in np.flatnonzero(view.tags[row[id]])]


def tags_by(tagger, classes, threshold=0.0):
    """Tags by a `Tagger`: its words as classes.

    threshold: the least probability, on top of the tagger's own thresholds.
    """
    number = {name: k for k, name in enumerate(classes, start=1)}

    def tags(id, image):
        found = to_classes(tagger.tags(image), classes)
        return sorted(number[name] for name, p in found if p >= threshold)

    return tags


def boxes_by(
    grounder,
    classes,
    box_threshold=BOX_THRESHOLD,
    text_threshold=TEXT_THRESHOLD,
    together=False,
    words=None,
    insist=False,
):
    """Boxes by a `Grounder`, asked for the names of the tagged classes.

    together: all names in one question, where each box gets the name that fits it best; else one
    name at a time. words: {class name: further words for it}, such as parts of it. insist: the
    best box of a class that has none above the thresholds, as its tag says that it is there.
    """

    def asked(image, numbers, least=box_threshold, text=text_threshold):
        pairs = [(w, k) for k in numbers for w in said(classes[k - 1], words)]
        found = grounder.boxes(image, [w for w, _ in pairs], least, text)
        return [replace(g.box, cls=pairs[g.box.cls - 1][1]) for g in found]

    def boxes(id, image, numbers):
        questions = [list(numbers)] if together else [[k] for k in numbers]
        found = [box for question in questions for box in asked(image, question)]
        if insist:
            for k in set(numbers) - {box.cls for box in found}:
                found += asked(image, [k], 0.0, 0.0)[:1]  # the best comes first
        return found

    return boxes


def said(name, words=None):
    """What a grounder is asked for a class: its name as one says it, and further words."""
    return [spoken(name), *(words or {}).get(name, ())]


def masks_by(sam):
    """Masks by a `Promptable`, the one of highest predicted IoU for each box."""

    def masks(id, image, boxes):
        return sam.best(sam.encode(image), boxes=boxes)[0]

    return masks
