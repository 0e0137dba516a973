"""SDI: several GrabCuts and the best region proposal; what is too small is not believed."""

from wsss_lite.refine.box_cuts import WAYS, box_cuts, rounded
from wsss_lite.refine.boxes import VOID, inside, paint
from wsss_lite.refine.grabcut import fill
from wsss_lite.refine.proposals import proposals
from wsss_lite.registry import register


@register(
    "sdi",
    category="Box",
    supervision="boxes",
    paper="Simple Does It: Weakly Supervised Instance and Semantic Segmentation",
    venue="CVPR",
    year=2017,
    cite="khoreva2017simple",
    survey="S0 S2: bounding box",
    quoted={"VOC val (S2)": 69.4},
    produces="labels",
    trains=False,
)
def sdi(view, seed=0, steps=2, ways=WAYS, least=0.3, agree=False):
    """GrabCut in each box, from several distances, with the paper's rule against losing objects.

    steps: of each GrabCut; 0 gives box-fill. ways: of looking, see `refine.box_cuts`; their union
    is taken. least: share of a box below which a result is not believed, and the box without its
    corners is added. agree: learn only where the proposal that fits the box best says object too,
    and leave the rest of the box undecided (the paper's best row).
    Deviations: no learnt edges in GrabCut, and three ways of looking for the paper's 150 disturbed
    boxes; merged superpixels in place of MCG, which are worse, so that `agree` is off; the box
    without corners in place of the whole box; one training, without the paper's rounds.
    """
    return {id: labels(view.image(id), view.boxes(id), steps, ways, least, agree)
            for id in view.ids}  # fmt: skip


def labels(image, boxes, steps=2, ways=WAYS, least=0.3, agree=False):
    """(H, W) uint8 of one picture."""
    size = image.shape[:2]
    if not steps or not boxes:
        return fill(boxes, size)
    regions = [believed(box_cuts(image, b, boxes, ways, steps), b, least) for b in boxes]
    if not agree:
        return paint(boxes, regions, size)
    tree = proposals(image)
    others = (believed(tree.mask(tree.overlap(b).argmax()), b, least) for b in boxes)
    return paint(boxes, [a & b for a, b in zip(regions, others)], size, ground=VOID)


def believed(region, box, least):
    """The region, and the box without its corners where the region fills less than `least`."""
    if region[inside(box)].mean() >= least:
        return region
    return region | rounded(box, region.shape)
