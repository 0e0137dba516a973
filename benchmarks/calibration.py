"""How much two colour-following steps add on drawn scenes and on photographs.

    WSSS_LITE_COCO_MINI=path/to/coco-mini python benchmarks/calibration.py

Dense CRF after CAM, and GrabCut after filled boxes, are measured in PocketVOC as it is, with its
camera off, and on the photographs of coco-mini. The camera's default strengths were chosen so that
both gains come within a factor of two of those on the photographs. `tests/test_calibration.py` says
which of them do; notebook 02 and the README print the numbers.

The threshold is chosen on the scored pictures themselves and the CRF settings on a third of them,
the same way in each column: this compares instruments, it is no result of a method. Takes several
minutes.
"""

import json
import os
import sys
from dataclasses import asdict

import cv2
import numpy as np

from wsss_lite.data.camera import Camera
from wsss_lite.data.pocket import PocketVOC
from wsss_lite.data.scenes import Knobs
from wsss_lite.data.voc import VOCFolder
from wsss_lite.files import atomic, data_dir
from wsss_lite.lab import CRF_GRID, CRF_RATIOS, THRESHOLDS, Choice, Lab, pseudo_mask
from wsss_lite.progress import progress
from wsss_lite.refine.threshold import label, upsample
from wsss_lite.score import Scores, confusion, paired_difference

SCENES = 300
TUNE_STEP = 3  # the CRF is slow on photographs: its settings are chosen on a third of them
GRABCUT_STEPS = 3
LEAST_SIDE = 4  # pixels; GrabCut needs some colours to tell apart
LEAST_SHARE = 0.1  # of its box; an object smaller than that is a failed cut


def box_masks(image, boxes):
    """Two (H, W) uint8 masks of one picture: boxes filled, and boxes cut out by GrabCut.

    Large boxes are painted first, so that a small object in front of a large one stays.
    """
    filled, cut = np.zeros(image.shape[:2], np.uint8), np.zeros(image.shape[:2], np.uint8)
    for box in sorted(boxes, key=lambda b: -(b.x1 - b.x0) * (b.y1 - b.y0)):
        inside = np.zeros(filled.shape, bool)
        inside[box.y0 : box.y1, box.x0 : box.x1] = True
        filled[inside] = box.cls
        cut[grabcut(image, inside)] = box.cls
    return filled, cut


def grabcut(image, inside):
    """(H, W) bool: the object in a box (H, W) bool; the whole box where GrabCut finds nothing.

    Outside is surely background, inside perhaps the object (Rother et al., SIGGRAPH 2004).
    """
    sides = inside.any(0).sum(), inside.any(1).sum()
    if inside.all() or min(sides) < LEAST_SIDE:
        return inside
    state = np.where(inside, cv2.GC_PR_FGD, cv2.GC_BGD).astype(np.uint8)
    cv2.setRNGSeed(0)  # its colour clusters start at random
    models = np.zeros((1, 65)), np.zeros((1, 65))
    bgr = np.ascontiguousarray(image[..., ::-1])
    cv2.grabCut(bgr, state, None, *models, GRABCUT_STEPS, cv2.GC_INIT_WITH_MASK)
    found = (state == cv2.GC_FGD) | (state == cv2.GC_PR_FGD)
    return found if found.sum() >= LEAST_SHARE * inside.sum() else inside


class Pictures:
    """Some pictures of a world with their true masks and their CAMs."""

    def __init__(self, world, ids, maps):
        self.images = [world.image(i) for i in ids]
        self.truths = [world.mask(i) for i in ids]
        self.boxes = [world.boxes(i) for i in ids]
        self.maps, self.classes = maps, len(world.classes) + 1

    def matrices(self, predictions):
        """(N, C, C) one confusion matrix a picture."""
        pairs = zip(self.truths, predictions, strict=True)
        return np.stack([confusion(truth, pred, self.classes) for truth, pred in pairs])

    def thresholded(self, threshold):
        pairs = zip(self.truths, self.maps, strict=True)
        return self.matrices(label(upsample(m, t.shape), threshold) for t, m in pairs)

    def refined(self, choice, step=1):
        """The same after the CRF, of every `step`-th picture."""
        truths, images, maps = (x[::step] for x in (self.truths, self.images, self.maps))
        predictions = (pseudo_mask(*pair, choice) for pair in zip(images, maps, strict=True))
        pairs = zip(truths, predictions, strict=True)
        return np.stack([confusion(truth, pred, self.classes) for truth, pred in pairs])

    def best_crf(self, threshold):
        """The best `Choice` on every third picture: the CRF's width first, then its threshold."""
        tries = [Choice(threshold, 0.8 * threshold, crf) for crf in CRF_GRID]
        best = max(progress(tries, "CRF width"), key=lambda c: miou(self.refined(c, TUNE_STEP)))
        tries = [Choice(threshold, r * threshold, best.crf) for r in CRF_RATIOS]
        return max(progress(tries, "CRF start"), key=lambda c: miou(self.refined(c, TUNE_STEP)))


def by_miou(pair):
    return miou(pair[0])


def miou(matrices):
    return Scores(matrices.sum(0)).miou


def measure(pictures):
    """The column of one world: four scores in 0..1, two gains with their 95 % intervals."""
    tries = [(pictures.thresholded(t), float(t)) for t in THRESHOLDS]
    cam, threshold = max(tries, key=by_miou)
    choice = pictures.best_crf(threshold)
    crf = pictures.refined(choice)
    pairs = zip(pictures.images, pictures.boxes, strict=True)
    fill, cut = zip(*(box_masks(*pair) for pair in progress(list(pairs), "GrabCut")), strict=True)
    fill, cut = pictures.matrices(fill), pictures.matrices(cut)
    return {
        "pictures": len(pictures.images),
        "cam": miou(cam),
        "crf": miou(crf),
        "crf_gain": gain(crf, cam),
        "box_fill": miou(fill),
        "grabcut": miou(cut),
        "grabcut_gain": gain(cut, fill),
        "threshold": threshold,
        "crf_threshold": choice.pseudo,
        "crf_settings": asdict(choice.crf),
    }


def gain(after, before):
    """[gain, low, high]: the difference of two mIoU with its 95 % interval over pictures."""
    return [miou(after) - miou(before), *paired_difference(after, before)]


def pocket(camera):
    """PocketVOC under a camera: the first 300 training scenes, CAM of a probe trained on them."""
    lab = Lab(PocketVOC(limit=SCENES, knobs=Knobs(camera=camera)))
    return Pictures(lab.world, lab.train, lab.split_maps(lab.maps("cam"))[0])


def photographs(folder):
    """All photographs of coco-mini with the zero-shot CAM of the ImageNet classifier."""
    world = VOCFolder(folder)
    ids = sorted({i for split in world.splits for i in world.ids(split)})
    return Pictures(world, ids, Lab(world, train=ids).maps("cam-imagenet")[: len(ids)])


def main():
    """Measure the columns and write data/results/calibration.json."""
    folder = os.environ.get("WSSS_LITE_COCO_MINI")
    if not folder:
        print("Set WSSS_LITE_COCO_MINI to the folder of coco-mini (`wsss-lite fetch coco-mini`).")
        return 2
    worlds = {
        "camera off": lambda: pocket(Camera.off()),
        "pocket": lambda: pocket(Camera()),
        "coco-mini": lambda: photographs(folder),
    }
    columns = {}
    for name, load in worlds.items():
        columns[name] = rounded(measure(load()))
        print(name, columns[name], flush=True)
    with atomic(data_dir() / "results" / "calibration.json") as path:
        path.write_text(json.dumps(columns, indent=1) + "\n", encoding="utf-8")
    return 0


def rounded(value):
    """Floats with four digits, through lists and dicts."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())
