"""SAM, zero-shot: a tagger, a grounder and SAM on the test pictures themselves, nothing trained."""

from wsss_lite.assist import pipeline, ready
from wsss_lite.assist.grounding import TEXT_THRESHOLD
from wsss_lite.assist.load import load_grounder, load_sam, load_tagger
from wsss_lite.assist.tagging import spoken
from wsss_lite.methods.assist.sam_text import SURVEY
from wsss_lite.progress import progress
from wsss_lite.registry import Made, register


@register(
    "sam-zero-shot",
    category="Large model: SAM",
    supervision="none",
    needs=("corpus", "text"),
    paper=SURVEY,
    venue="arXiv",
    year=2023,
    cite="chen2023weakly",
    survey="S1: large model, SAM (zero-shot)",
    quoted={"VOC train, pseudo masks (S1)": 78.2, "VOC val (S1)": 74.0, "VOC test (S1)": 73.8,
            "COCO val (S1)": 54.6},
    produces="labels",
    trains=False,
    pictures="train",
)  # fmt: skip
def sam_zero_shot(
    view, seed=0, tagger="pocket", grounder="pocket", sam="pocket",
    tag_threshold=0.0, box_threshold=pipeline.BOX_THRESHOLD,
    text_threshold=TEXT_THRESHOLD, insist=False, segmenter=False,
):  # fmt: skip
    """The 3 steps: pictures to tags, tags to boxes, boxes to masks, and these are the prediction.

    No annotation is used and no segmenter is trained: the test score is that of the three stages on
    the test pictures, the pseudo masks are what they say of the training pictures.
    segmenter=True trains one on these, to see what it averages out.
    tagger, grounder, sam: "pocket", names or objects; a zero-shot tagger looks for the classes.
    tag_threshold: of the probability, on top of the tagger's own.

    Deviations: as of `sam-text`; RAM is in no library, so that off the drawn scenes CLIP with the
    class names takes its place.
    """
    tagger = ready(tagger, load_tagger, words=[spoken(name) for name in view.classes])
    stages = pipeline.Stages(
        pipeline.tags_by(tagger, view.classes, tag_threshold),
        pipeline.boxes_by(
            ready(grounder, load_grounder), view.classes, box_threshold, text_threshold,
            insist=insist,
        ),
        pipeline.masks_by(ready(sam, load_sam)),
    )  # fmt: skip

    def predict(image):
        return stages.label(None, image)

    labels = {id: predict(view.image(id)) for id in progress(view.ids, "tags, boxes, masks")}
    return Made(labels=labels, predict=None if segmenter else predict)
