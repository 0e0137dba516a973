"""What's the Point: clicks, classes that are there or not, and a guess where objects are."""

import numpy as np

from wsss_lite.losses.point import image_level_loss, objectness_loss
from wsss_lite.maps.cam import resize
from wsss_lite.maps.saliency import saliency
from wsss_lite.nets import clicked, on_view
from wsss_lite.nets.on_strokes import train_on_strokes
from wsss_lite.registry import Made, register


@register(
    "whats-the-point",
    category="Point",
    supervision="points",
    needs=("saliency",),
    paper="What's the Point: Semantic Segmentation with Point Supervision",
    venue="ECCV",
    year=2016,
    cite="bearman2016what",
    survey="S0 S2: point",
    quoted={"VOC val (S2)": 46.1},
    produces="labels",
)
def whats_the_point(view, seed=0, image=1.0, objectness=1.0, prior=None, epochs=7):
    """Cross-entropy at the clicks + image-level loss + objectness prior, in one training.

    image: weight of the image-level loss (`losses.point`), a class that is there is sure of one
    pixel and others of none; objectness: of the prior, without which one click an object says
    nothing about where it ends. With both 0 it is point-ce. prior: (N, h, w) in 0..1, a map a
    picture of the view at any size; None takes `maps.saliency`, which knows no mask and no tag.
    Deviations: frozen trunk; the paper's prior comes from a detector that was trained on boxes of
    other data; the background is clicked too, which the paper's annotators were not asked for;
    losses on the grid of the logits.
    """
    if not image and not objectness:
        return clicked.clicks(view)
    features = on_view.stages(view)
    if objectness:
        maps = saliency(view, seed=seed) if prior is None else np.asarray(prior, np.float32)
        maps = resize(maps[:, None], on_view.grid(features))[:, 0]

    def loss(logits, rows):
        prob = logits.softmax(1)
        value = image * image_level_loss(prob, view.tags[rows])
        return value + objectness * objectness_loss(prob, maps[rows]) if objectness else value

    decoder = train_on_strokes(
        features, list(clicked.clicks(view).values()), len(view.classes), loss, seed, epochs
    )
    return Made(labels=clicked.labels_of_tags(view, decoder, features), decoder=decoder)
