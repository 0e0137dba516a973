"""SAM-WSSS: all tags of a picture in one question to Grounding DINO, its boxes to SAM."""

from wsss_lite.assist import pipeline, ready
from wsss_lite.assist.grounding import TEXT_THRESHOLD
from wsss_lite.assist.load import load_grounder, load_sam
from wsss_lite.progress import progress
from wsss_lite.registry import register

# Further words of the paper's code: parts that carry a class in the masks of VOC.
VOC_PARTS = {
    "horse": ("halter", "saddle"),
    "diningtable": ("bowl", "plate", "food", "fruit", "glass", "dishes"),
    "tvmonitor": ("tv", "monitor"),
}


@register(
    "sam-wsss",
    category="Large model: SAM",
    supervision="tags",
    needs=("corpus", "text"),
    paper="An Alternative to WSSS? An Empirical Study of the Segment Anything Model (SAM) on "
    "Weakly-Supervised Semantic Segmentation Problems",
    venue="arXiv",
    year=2023,
    cite="sun2023alternative",
    survey="S2: large model, SAM",
    quoted={"VOC val (S2)": 77.2, "VOC test (S2)": 77.1},
    produces="labels",
    trains=False,
)
def sam_wsss(
    view, seed=0, grounder="pocket", sam="pocket", box_threshold=pipeline.BOX_THRESHOLD,
    text_threshold=TEXT_THRESHOLD, words=None, insist=False, together=True,
):  # fmt: skip
    """Tags -> boxes -> masks; each box takes the name that fits it best among the picture's tags.

    words: {class: further words that stand for it}, as `VOC_PARTS`, which the paper asks for too;
    for the drawn scenes there are none. insist: a class without a box gets its best one.
    together=False asks for one class at a time, which is `sam-text`.
    grounder, sam: "pocket", names or objects.

    Deviations: of SAM's proposals for a box the one with the highest predicted IoU; where masks
    overlap the smaller lies in front, while the paper's code paints in the detector's order.
    """
    stages = pipeline.Stages(
        pipeline.given_tags(view),
        pipeline.boxes_by(
            ready(grounder, load_grounder), view.classes, box_threshold, text_threshold,
            together, words, insist,
        ),
        pipeline.masks_by(ready(sam, load_sam)),
    )  # fmt: skip
    return {id: stages.label(id, view.image(id)) for id in progress(view.ids, "boxes, masks")}
