"""BCM: a mask for each class keeps it to its boxes; the filling rate says how much to learn."""

import torch
from torch import nn

from wsss_lite.losses.box import target_loss, top_of_boxes
from wsss_lite.nets import on_view
from wsss_lite.refine.boxes import grabcut_rates
from wsss_lite.refine.grabcut import fill
from wsss_lite.registry import Made, register


@register(
    "bcm",
    category="Box",
    supervision="boxes",
    paper="Box-driven Class-wise Region Masking and Filling Rate Guided Loss for Weakly "
    "Supervised Semantic Segmentation",
    venue="CVPR",
    year=2019,
    cite="song2019box",
    survey="S0 S2: bounding box",
    quoted={"VOC val (S2)": 70.2},
    produces="labels",
)
def bcm(view, seed=0, epochs=8, masking=1.0, rates=None):
    """Learn in each box only its most likely pixels, as many as objects of the class fill.

    A second map for each class learns its filled boxes (mean square, weight `masking`) and
    multiplies the class's score. rates: (C + 1,) share of a box that counts, by class; None takes
    the means of GrabCut on a few boxes; 1 for all is training on filled boxes. epochs: 0 gives
    box-fill. masking=0 leaves the second maps out.
    Deviations: frozen trunk; one rate a class, where the paper splits classes by k-means; the
    rates come from GrabCut, not from CRF proposals.
    """
    if not epochs:
        return {id: fill(view.boxes(id), view.image(id).shape[:2]) for id in view.ids}
    features, classes = on_view.stages(view), len(view.classes)
    rates = grabcut_rates(view, seed) if rates is None else rates
    table = on_view.boxes_on_grid(view, on_view.grid(features))

    def loss(logits, rows):
        boxes = on_view.of_batch(table, rows)
        scores = masked(logits, classes) if masking else logits
        target = top_of_boxes(scores.softmax(1), boxes, rates)
        value = target_loss(scores, target)
        return value + masking * mask_loss(logits, boxes, classes) if masking else value

    outputs = 2 * classes + 1 if masking else classes + 1
    decoder = on_view.train_with(features, loss, outputs, seed, epochs)
    decoder = Masked(decoder, classes).eval() if masking else decoder
    return Made(labels=on_view.labels_in_boxes(view, decoder, features), decoder=decoder)


def masked(logits, classes):
    """(B, C + 1, h, w): the scores of the classes times their masks, which are the last C maps."""
    scores, masks = logits[:, : classes + 1], logits[:, classes + 1 :].sigmoid()
    return torch.cat([scores[:, :1], scores[:, 1:] * masks], 1)


def mask_loss(logits, boxes, classes):
    """Mean square between the masks of the classes and their filled boxes."""
    masks = logits[:, classes + 1 :].sigmoid()
    want = torch.zeros_like(masks)
    for row, cls, y0, y1, x0, x1 in boxes:
        want[row, cls - 1, y0:y1, x0:x1] = 1
    return (masks - want).square().mean()


class Masked(nn.Module):
    """A decoder whose class scores are multiplied by its masks."""

    def __init__(self, decoder, classes):
        super().__init__()
        self.decoder, self.classes = decoder, classes

    def forward(self, stages):
        return masked(self.decoder(stages), self.classes)
