"""What the pocket CLIP can do without training on any tag: names in pictures, and maps of texts.

    python benchmarks/pocket_clip.py [SCENES]

Zero-shot classification on val (mean average precision, prompts of captions and prompts that no
caption had), for the shipped model and for the one that never heard of two classes; then the maps
of the class prompts on the first SCENES (300) train scenes, with and without background prompts,
scored as the maps of any method: threshold from the tune masks, mIoU at full resolution.
"""

import sys

import numpy as np
import torch

from wsss_lite.assist import pocket_clip, prompts
from wsss_lite.lab import Lab
from wsss_lite.maps import text
from wsss_lite.nets.trunk import Trunk

SCENES = 300
WATCHED = ("boat", "train")  # the classes whose surroundings come with them


def kinds(clip, lab, view):
    """{kind of map: (N, C, h, w) float16} of a view's pictures."""
    weight, bias = clip.layer
    texts = torch.as_tensor(prompts.class_texts(clip, lab.world.classes))
    behind, none = torch.as_tensor(prompts.background_texts(clip)), texts[:0]
    found = {}
    for piece, x in view.features("final").chunks(50):
        x, tags = torch.from_numpy(x), view.tags[piece]
        dense = text.project(x, weight, bias)
        rows = {"cosine": text.cosine_maps(dense, texts, tags)}
        for name, others in (("", behind), (", no background prompts", none)):
            rows["softmax" + name] = text.softmax_maps(dense, texts, others, clip.scale, tags)
            rows["softmax Grad-CAM" + name] = text.softmax_grad_cam(
                x, weight, bias, texts, others, clip.scale, tags)  # fmt: skip
        for kind, maps in rows.items():
            found.setdefault(kind, []).append(maps.numpy().astype(np.float16))
    return {kind: np.concatenate(parts) for kind, parts in found.items()}


def map_scores(lab, maps):
    """`Scores` of maps on train at the threshold that is best on tune."""
    choice = lab.choose(maps, crf=False)
    return lab._score(lab.labels(maps, choice, refine=False))[0]


def main(scenes=SCENES):
    lab = Lab("pocket", trunk=Trunk("lite0", size=224), limit=scenes)
    view, classes = lab.view("tags"), lab.world.classes
    for name in pocket_clip.WEIGHTS:
        known = pocket_clip.facts(name)
        each = " ".join(f"{c} {v:.2f}" for c, v in known["ap_val"].items())
        print(f"{name}: mAP on val {known['map_val']:.3f}, with templates that no caption had "
              f"{known['map_val_unseen_templates']:.3f} ({each})")  # fmt: skip
        clip = pocket_clip.load(name, lab.trunk)
        for kind, maps in kinds(clip, lab, view).items():
            scores = map_scores(lab, maps)
            iou = " ".join(f"{c} {v:.2f}" for c, v in zip(classes, scores.iou[1:]))
            right = " ".join(f"{c} {scores.precision[1 + classes.index(c)]:.2f}" for c in WATCHED)
            print(f"  {kind:40} mIoU {scores.miou:.3f}  precision {right}  ({iou})", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
