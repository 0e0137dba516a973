"""WSSL, Bbox-Seg: the middle of a box is object, the outside is not, a CRF decides between."""

import numpy as np

from wsss_lite.refine.boxes import guess
from wsss_lite.refine.crf import CRF, dense_crf
from wsss_lite.registry import register


@register(
    "wssl-seg",
    category="Box",
    supervision="boxes",
    paper="Weakly- and Semi-Supervised Learning of a Deep Convolutional Network for Semantic "
    "Image Segmentation (its Bbox-Seg)",
    venue="ICCV",
    year=2015,
    cite="papandreou2015weakly",
    survey="S0 S2: bounding box",
    quoted={"VOC val (S2)": 60.6, "VOC test (S2)": 62.2},
    produces="labels",
    trains=False,
)
def wssl_seg(view, seed=0, share=0.4, settings=CRF()):
    """A dense CRF between the middle of each box and what is outside of all boxes.

    share: of the box's area that is object for certain; 1 gives box-fill. settings: of the CRF.
    Deviation: the paper finds the CRF's settings on a few masks, here they are fixed.
    """
    return {
        id: crf_labels(view.image(id), view.boxes(id), len(view.classes), share, settings)
        for id in view.ids
    }


def crf_labels(image, boxes, classes, share, settings=CRF()):
    """(H, W) uint8: what is certain stays, the rest is the CRF's most probable label."""
    start = guess(boxes, image.shape[:2], classes, share)
    certain = start.max(0) == 1
    if certain.all():
        return start.argmax(0).astype(np.uint8)
    found = dense_crf(image, start, settings)
    return np.where(certain, start, found).argmax(0).astype(np.uint8)
