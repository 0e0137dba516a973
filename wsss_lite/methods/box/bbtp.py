"""BBTP: a tight box says that each of its rows and columns meets the object."""

import cv2
import numpy as np
import torch

from wsss_lite.losses.box import line_loss, ruled_out_loss, smooth_loss
from wsss_lite.nets import on_view
from wsss_lite.refine.crf import CRF
from wsss_lite.refine.grabcut import fill
from wsss_lite.registry import register


@register(
    "bbtp",
    category="Box",
    supervision="boxes",
    paper="Weakly Supervised Instance Segmentation using the Bounding Box Tightness Prior",
    venue="NeurIPS",
    year=2019,
    cite="hsu2019weakly",
    survey="S3: bounding box",
    produces="labels",
)
def bbtp(view, seed=0, epochs=8, lines=1.0, smooth=10.0, spread=None, crf=CRF()):
    """Every line across a box holds the object somewhere, no pixel outside does, neighbours agree.

    lines, smooth: weights of the first and the last. spread: of colour, 0..1; given, neighbours of
    another colour may differ, as in BoxInst (CVPR 2021); None is the paper's term, which does not
    look at the picture. crf: settings of the CRF on the result; None leaves it out. epochs: 0 gives
    box-fill.
    Deviations: one map a class for the whole picture, where the paper has one in each region of
    Mask R-CNN, so that two touching objects of a class share lines; frozen trunk; the fixed
    segmenter learns the result of the CRF, where the paper runs the CRF on the network's result.
    """
    if not epochs:
        return {id: fill(view.boxes(id), view.image(id).shape[:2]) for id in view.ids}
    decoder, features = train(view, seed, epochs, lines, smooth, spread)
    return on_view.labels_in_boxes(view, decoder, features, crf)


def train(view, seed=0, epochs=8, lines=1.0, smooth=10.0, spread=None):
    """(decoder, features of the pictures)."""
    features = on_view.stages(view)
    grid = on_view.grid(features)
    table = on_view.boxes_on_grid(view, grid)
    colours = colours_on_grid(view, grid) if spread else None

    def loss(logits, rows):
        prob, boxes = logits.softmax(1), on_view.of_batch(table, rows)
        seen = colours[rows].float() / 255 if spread else None
        value = ruled_out_loss(prob, boxes) + lines * line_loss(prob, boxes)
        return value + smooth * smooth_loss(prob, seen, spread)

    return on_view.train_with(features, loss, len(view.classes) + 1, seed, epochs), features


def colours_on_grid(view, grid):
    """(N, 3, h, w) uint8: the pictures at the size of the logits."""
    small = (cv2.resize(view.image(i), grid[::-1], interpolation=cv2.INTER_AREA) for i in view.ids)
    return torch.from_numpy(np.stack([x.transpose(2, 0, 1) for x in small]))
