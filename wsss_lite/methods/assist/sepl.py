"""SEPL: the labels of CAM choose among the masks that SAM finds everywhere."""

from wsss_lite.assist import choose, ready
from wsss_lite.assist.load import load_sam
from wsss_lite.errors import InputError
from wsss_lite.methods.cam.cam import cam
from wsss_lite.progress import progress
from wsss_lite.refine.crf import CRF
from wsss_lite.refine.pairs import crf_label
from wsss_lite.refine.threshold import upsample
from wsss_lite.registry import register


@register(
    "sepl",
    category="Large model: SAM",
    supervision="tags",
    needs=("corpus",),
    paper="Segment Anything Model (SAM) Enhanced Pseudo Labels for Weakly Supervised Semantic "
    "Segmentation",
    venue="arXiv",
    year=2023,
    cite="chen2023segment",
    survey="S0 S2: large model, SAM",
    produces="labels",
)
def sepl(
    view, seed=0, sam="pocket", maps=None, ratio=choose.RATIO, cover=choose.COVER, grid=8,
    threshold=0.3, crf=CRF(),
):  # fmt: skip
    """A mask of SAM takes the class that most of it has; the classes' masks become the labels.

    maps: (N, C, h, w) of any method for the view's pictures, by default those of `cam`; labels are
    made of them with `threshold` and `crf` (None: without a CRF). ratio, cover: when a mask is
    taken, see `assist.choose.chosen`; both above 1, none is, and the labels are the maps' own.
    grid: clicks a side that ask SAM for everything. sam: "pocket", a name or a `Promptable`.

    Deviations: a mask goes to the class with most pixels in it, where the paper's code asks class
    after class; a class that chooses no mask keeps its label; small masks lie in front.
    """
    maps = cam(view, seed) if maps is None else maps
    if len(maps) != len(view):
        raise InputError(f"There are {len(maps)} maps for {len(view)} pictures; give those of "
                         "`lab.maps(METHOD)`, which has one row a picture.")  # fmt: skip
    sam = ready(sam, load_sam)
    labels = {}
    for id, one in zip(progress(view.ids, "SAM, everything"), maps):
        image = view.image(id)
        settings = crf or CRF(steps=0)
        plain = crf_label(image, upsample(one, image.shape[:2]), threshold, settings)
        masks = [found.mask for found in sam.everything(image, grid)]
        labels[id] = choose.by_masks(plain, masks, ratio, cover)
    return labels
