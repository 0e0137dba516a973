"""CLIMS: CLIP looks at the picture through the map, and at what the map leaves over."""

import numpy as np
import torch

from wsss_lite.assist import prompts, ready
from wsss_lite.assist.load import load_clip
from wsss_lite.assist.ground import ground_texts
from wsss_lite.assist.masked import sight
from wsss_lite.maps import cam as blocks
from wsss_lite.methods.erasing.cse import draw_tag
from wsss_lite.nets.cam_head import CamHead, tag_loss
from wsss_lite.nets.head import fit
from wsss_lite.nets.probe import train_probe
from wsss_lite.registry import register

# What the paper's code suppresses for VOC: what boats and trains never come without.
SURROUNDINGS = ("tree", "river", "sea", "lake", "water", "railway", "railroad", "track", "stone",
                "rocks")  # fmt: skip
SMALLEST = 1e-4  # of a similarity, before its logarithm; the paper's


@register(
    "clims",
    category="Large model: CLIP",
    supervision="tags",
    needs=("corpus", "text"),
    paper="CLIMS: Cross Language Image Matching for Weakly Supervised Semantic Segmentation",
    venue="CVPR",
    year=2022,
    cite="xie2022clims",
    survey="S0 S1 S2: large model, CLIP",
    quoted={"VOC train, pseudo masks (S1)": 70.5, "VOC val (S1)": 70.4, "VOC test (S1)": 70.0},
)
def clims(
    view, seed=0, clip="pocket", weight=0.3, match=10.0, rest=24.0, around=16.0, area=0.2,
    least=0.26, background=None, epochs=3, stage="c5",
):  # fmt: skip
    """Train the CAM so that CLIP finds the class in what the map shows, and not in what it hides.

    For a present class k, drawn anew each time, with s the cosine of CLIP:
    match: weight of -log s(shown, k); rest: of -log(1 - s(hidden, k)); around: of
    -log(1 - s(shown, b)) for the background texts b with s above `least`; area: of the map's mean.
    weight: of all four beside the classification loss; 0, like epochs=0, is CAM.

    clip: "pocket", a name or a `Clip`. background: names; None takes those that suit the model.
    stage: of the trunk, at which a map hides features from the pocket CLIP (`assist.masked`); any
    other CLIP sees masked pictures, which takes a GPU.

    Deviations: the trunk is frozen, and what is trained is a correction of CAM; maps are divided by
    their maximum where the paper has a sigmoid; one class a picture and step in place of all; the
    paper's code has no classification loss; the `around` loss is its sum over a batch of 16.
    """
    final = view.features("final")
    head = CamHead(train_probe(view.features("pooled")[:], view.tags, seed=seed), seed)
    if not weight or not epochs:
        return head.cam(final, view.tags)
    clip = ready(clip, load_clip)
    texts = torch.from_numpy(prompts.class_texts(clip, view.classes))
    ground = torch.from_numpy(ground_texts(clip, background, SURROUNDINGS))
    seen, rng = sight(view, clip, stage), np.random.default_rng(seed)

    def loss(rows):
        tags = view.tags[rows]
        evidence = head(torch.from_numpy(final[rows]))
        plain = tag_loss(head.scores(evidence), tags)
        some = np.flatnonzero(tags.any(1))  # a picture without tags has nothing to show
        if not len(some):
            return plain
        k = draw_tag(tags[some], rng)[0]
        shown = blocks.normalise(evidence[some].relu())[range(len(k)), k]
        both = seen(np.tile(np.asarray(rows)[some], 2), torch.cat([shown, 1 - shown]))
        front, behind = both.split(len(k))
        judged = (
            match * matched((front * texts[k]).sum(1))
            + rest * unmatched((behind * texts[k]).sum(1)).mean()
            + around * suppressed(front @ ground.T, least)
            + area * shown.mean()
        )
        return plain + weight * judged

    fit(head, loss, len(view.ids), seed=seed, epochs=epochs)
    return head.cam(final, view.tags)


def matched(s):
    """Mean of -log s over (B,) cosines; those at or below `SMALLEST` pull no more."""
    return -s.clamp(SMALLEST, 1 - SMALLEST).log().mean()


def unmatched(s):
    """-log(1 - s) of cosines of any shape."""
    return -(1 - s.clamp(SMALLEST, 1 - SMALLEST)).log()


def suppressed(s, least):
    """-log(1 - s) of (B, T) cosines above `least`, summed over texts, averaged over pictures."""
    return (unmatched(s) * (s > least)).sum(1).mean()
