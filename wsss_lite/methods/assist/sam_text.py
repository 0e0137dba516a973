"""SAM with text input: tags -> boxes -> masks -> segmenter, one class at a time."""

from wsss_lite.assist import pipeline
from wsss_lite.assist.grounding import TEXT_THRESHOLD
from wsss_lite.methods.assist.sam_wsss import sam_wsss
from wsss_lite.registry import register

SURVEY = (
    "Weakly-Supervised Semantic Segmentation with Image-Level Labels: from Traditional Models to "
    "Foundation Models"
)


@register(
    "sam-text",
    category="Large model: SAM",
    supervision="tags",
    needs=("corpus", "text"),
    paper=SURVEY,
    venue="arXiv",
    year=2023,
    cite="chen2023weakly",
    survey="S1: large model, SAM (text input)",
    quoted={"VOC train, pseudo masks (S1)": 86.4, "VOC val (S1)": 72.7, "VOC test (S1)": 72.8,
            "COCO val (S1)": 50.8},
    produces="labels",
    trains=False,
)  # fmt: skip
def sam_text(
    view, seed=0, grounder="pocket", sam="pocket", box_threshold=pipeline.BOX_THRESHOLD,
    text_threshold=TEXT_THRESHOLD, insist=False,
):  # fmt: skip
    """The 4 steps: tags to boxes, boxes to masks, masks train the segmenter, that predicts.

    The first two are done here, the others are the same for every method. The grounder is asked
    for one tagged class at a time, so that boxes of two classes may lie on one object, where
    `sam-wsss` lets names compete. Knobs as there.

    Deviations: as of `sam-wsss`; where masks of two classes overlap the authors' code takes the
    class with the higher number.
    """
    return sam_wsss(
        view, seed, grounder, sam, box_threshold, text_threshold, insist=insist, together=False
    )
