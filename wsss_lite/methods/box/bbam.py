"""BBAM: the smallest part of a region that a detector needs to find its box and its class."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from wsss_lite.nets.guided import crops
from wsss_lite.nets.head import fit, seeded
from wsss_lite.refine.boxes import allowed, restricted
from wsss_lite.refine.crf import dense_crf
from wsss_lite.refine.grabcut import fill
from wsss_lite.registry import register

SIDE = 12  # cells of a region of interest, per side
ROUND = 0.25  # of the box, seen on each side


@register(
    "bbam",
    category="Box",
    supervision="boxes",
    paper="BBAM: Bounding Box Attribution Map for Weakly Supervised Semantic and Instance "
    "Segmentation",
    venue="CVPR",
    year=2021,
    cite="lee2021bbam",
    survey="S0 S1 S2 S3: bounding box",
    quoted={"VOC val (S2)": 73.7, "VOC test (S2)": 73.7},
    produces="labels",
)
def bbam(view, seed=0, steps=60, price=0.3, stage="c4", epochs=8, threshold=0.4):
    """Train a small detector on the boxes; hide what its answers can do without; then a CRF.

    steps: of gradient descent on each mask; 0 gives box-fill. price: of the mask's area beside the
    change in box and class. threshold: of the mask's own maximum, the background before the CRF.
    Deviations: the detector is a head on regions of the frozen trunk that are already near a box,
    not Faster R-CNN; the mask lies on `stage` and hides features, not on the picture's pixels,
    where each step would cost a pass through the trunk; one region a box, not all proposals.
    """
    sizes = [view.image(id).shape[:2] for id in view.ids]
    boxes = [view.boxes(id) for id in view.ids]
    if not steps or not any(boxes):
        return {id: fill(b, size) for id, b, size in zip(view.ids, boxes, sizes)}
    rng = np.random.default_rng(seed)
    features = view.features(stage)
    moved, targets = regions_near(boxes, sizes, rng, 0.15)
    detector = train_detector(looks(features, moved), targets, len(view.classes), seed, epochs)
    still, _ = regions_near(boxes, sizes, rng, 0.0)
    masks = iter(attribution(detector, looks(features, still), price, steps).numpy())
    return {
        id: refined(view.image(id), b, [next(masks) for _ in b], len(view.classes), threshold)
        for id, b in zip(view.ids, boxes)
    }


def regions_near(boxes, sizes, rng, jitter):
    """Regions of interest round the boxes, and where in them the boxes lie.

    Returns a list of (n, 4) regions a picture, x0, y0, x1, y1 as shares of its sides, and (M, 5)
    targets: class, and the box's sides as shares of its region (0 at its left and top).
    """
    regions, targets = [], []
    for found, (height, width) in zip(boxes, sizes):
        here = np.zeros((len(found), 4), np.float32)
        for k, box in enumerate(found):
            ends = np.array([box.x0, box.y0, box.x1, box.y1]) / ([width, height] * 2)
            side = np.tile(ends[2:] - ends[:2], 2)
            out = ends + side * (ROUND * np.array([-1, -1, 1, 1]) + jitter * rng.uniform(-1, 1, 4))
            out[2:] = np.maximum(out[2:], out[:2] + 0.2 * side[2:])
            here[k] = out
            places = (ends - np.tile(out[:2], 2)) / np.tile(out[2:] - out[:2], 2)
            targets.append([box.cls, *places])
        regions.append(here)
    return regions, torch.tensor(np.array(targets), dtype=torch.float32)


def looks(features, regions):
    """(M, F, SIDE, SIDE) features of the regions of all pictures, in order."""
    chunks = features.chunks()
    return torch.cat([crops(torch.from_numpy(x), regions[rows], SIDE) for rows, x in chunks])


class Detector(nn.Module):
    """Region features to class scores and the four sides of the box, as shares of the region."""

    def __init__(self, channels, classes, width=32):
        super().__init__()
        self.reduce = nn.Conv2d(channels, width, 1)
        self.mix = nn.Sequential(nn.ReLU(), nn.Conv2d(width, width, 3, 2, 1), nn.ReLU())
        self.classify = nn.Linear(width, classes + 1)
        self.regress = nn.Linear(width * (SIDE // 2) ** 2, 4)

    def answer(self, reduced):
        """(M, C + 1) class scores and (M, 4) sides of reduced features."""
        x = self.mix(reduced)
        return self.classify(x.mean((2, 3))), self.regress(x.flatten(1))


def train_detector(x, targets, classes, seed, epochs):
    with seeded(seed):
        detector = Detector(x.shape[1], classes)

    def loss(rows):
        scores, sides = detector.answer(detector.reduce(x[rows]))
        wrong = F.cross_entropy(scores, targets[rows, 0].long())
        return wrong + 10 * F.smooth_l1_loss(sides, targets[rows, 1:], beta=0.1)

    return fit(detector, loss, len(x), seed, epochs, lr=5e-3, batch=50)


def attribution(detector, x, price, steps, batch=500):
    """(M, SIDE, SIDE) in 0..1: for each region the small mask that keeps class and box.

    Hidden features become the mean of all regions. The mask is the sigmoid of what is learnt.
    """
    with torch.no_grad():
        seen = torch.cat([detector.reduce(part) for part in x.split(batch)])
        blank = seen.mean((0, 2, 3), keepdim=True)[0]
    return torch.cat([smallest(detector, part, blank, price, steps) for part in seen.split(batch)])


def smallest(detector, seen, blank, price, steps):
    """The masks of some regions, by gradient descent on `preservation`."""
    with torch.no_grad():
        scores, sides = detector.answer(seen)
    detector.requires_grad_(False)
    free = torch.full((len(seen), 1, *seen.shape[2:]), 2.0, requires_grad=True)
    optimiser = torch.optim.Adam([free], 0.2)
    for _ in range(steps):
        value = preservation(detector, seen, blank, free.sigmoid(), scores, sides, price)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    return free.detach().sigmoid()[:, 0]


def preservation(detector, seen, blank, mask, scores, sides, price):
    """Sum over regions of price * mean mask + |change of the box| + change of the class."""
    new_scores, new_sides = detector.answer(seen * mask + blank * (1 - mask))
    box = (new_sides - sides).abs().sum(1)
    cls = (new_scores.softmax(1) - scores.softmax(1)).abs().sum(1)
    return (price * mask.mean((1, 2, 3)) + box + cls).sum()


def refined(image, boxes, masks, classes, threshold):
    """(H, W) uint8: the masks back in the picture, each over its maximum, then the CRF."""
    size = image.shape[:2]
    p = np.zeros((classes + 1, *size), np.float32)
    p[0] = threshold
    for box, mask in zip(boxes, masks):
        edge = round(SIDE * ROUND / (1 + 2 * ROUND))
        inner = torch.from_numpy(mask[edge : SIDE - edge, edge : SIDE - edge])[None, None]
        shape = (box.y1 - box.y0, box.x1 - box.x0)
        heat = F.interpolate(inner, shape, mode="bilinear")[0, 0].numpy()
        window = p[box.cls, box.y0 : box.y1, box.x0 : box.x1]
        np.maximum(window, heat / max(heat.max(), 1e-6), out=window)
    may = allowed(boxes, size, classes)
    return restricted(dense_crf(image, p * may), boxes)
