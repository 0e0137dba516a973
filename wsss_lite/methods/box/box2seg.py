"""Box2Seg: filled boxes are noisy labels; an attention map for each class says which to believe."""

import torch
import torch.nn.functional as F
from torch import nn

from wsss_lite.losses.box import VOID, size_loss
from wsss_lite.nets import on_view
from wsss_lite.refine.boxes import grabcut_rates
from wsss_lite.refine.grabcut import fill
from wsss_lite.registry import Made, register


@register(
    "box2seg",
    category="Box",
    supervision="boxes",
    paper="Box2Seg: Attention Weighted Loss and Discriminative Feature Learning for Weakly "
    "Supervised Segmentation",
    venue="ECCV",
    year=2020,
    cite="kulharia2020box2seg",
    survey="S0 S2: bounding box",
    quoted={"VOC val (S2)": 76.4},
    produces="labels",
)
def box2seg(view, seed=0, epochs=8, strength=10.0, rates=None):
    """Weigh the loss of each pixel in a box by a learnt attention, whose mean is the filling rate.

    Pixels that look like background are dear to call object, so that attention leaves them; the
    rate, a soft bound of weight `strength`, keeps it from leaving all. rates: (C + 1,) share of a
    box by class; None takes the means of GrabCut on a few boxes. epochs: 0 gives box-fill.
    Deviations: frozen trunk; a rate a class in place of one a box; the labels are the filled
    boxes, not GrabCut's; the loss that pulls the embeddings of a class together is left out.
    """
    filled = {id: fill(view.boxes(id), view.image(id).shape[:2]) for id in view.ids}
    if not epochs:
        return filled
    features, classes = on_view.stages(view), len(view.classes)
    rates = grabcut_rates(view, seed) if rates is None else rates
    grid = on_view.grid(features)
    table, labels = on_view.boxes_on_grid(view, grid), on_view.at_grid(filled.values(), grid)

    def loss(logits, rows):
        scores, attention = logits[:, : classes + 1], attended(logits, classes)
        value = weighted_loss(scores, attention, torch.from_numpy(labels[rows]).long())
        boxes = on_view.of_batch(table, rows)
        return value + strength * size_loss(attention, boxes, rates, rates)

    decoder = on_view.train_with(features, loss, 2 * classes + 1, seed, epochs)
    decoder = without_attention(decoder, classes)
    return Made(labels=on_view.labels_in_boxes(view, decoder, features), decoder=decoder)


def attended(logits, classes):
    """(B, C + 1, h, w) in 0..1: 1 for background, sigmoids of the last C maps."""
    attention = logits[:, classes + 1 :].sigmoid()
    return torch.cat([torch.ones_like(attention[:, :1]), attention], 1)


def weighted_loss(scores, attention, labels):
    """Cross-entropy of each pixel times the attention of its label, mean of the labelled pixels."""
    each = F.cross_entropy(scores, labels, ignore_index=VOID, reduction="none")
    trust = attention.gather(1, labels.clamp(max=scores.shape[1] - 1)[:, None])[:, 0]
    trust = trust * (labels != VOID)
    return (each * trust).sum() / (labels != VOID).sum().clamp(min=1)


def without_attention(decoder, classes):
    """The decoder with the first C + 1 maps of its last layer."""
    last = decoder.last[-1]
    short = nn.Conv2d(last.in_channels, classes + 1, 1)
    short.weight.data = last.weight.data[: classes + 1]
    short.bias.data = last.bias.data[: classes + 1]
    decoder.last[-1] = short.to(last.weight.device)
    return decoder.eval()
