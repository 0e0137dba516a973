"""BANA: what lies outside the boxes tells which part of a box is background too."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from wsss_lite.nets.head import fit, seeded
from wsss_lite.refine.boxes import allowed, restricted
from wsss_lite.refine.crf import dense_crf
from wsss_lite.refine.grabcut import fill
from wsss_lite.refine.threshold import upsample
from wsss_lite.registry import Made, register


@register(
    "bana",
    category="Box",
    supervision="boxes",
    paper="Background-Aware Pooling and Noise-Aware Loss for Weakly-Supervised Semantic "
    "Segmentation",
    venue="CVPR",
    year=2021,
    cite="oh2021background",
    survey="S0 S2: bounding box",
    quoted={"VOC val (S2)": 74.6, "VOC test (S2)": 76.1},
    produces="labels",
)
def bana(view, seed=0, background=0.3, stage="c5", cells=4, epochs=10, doubt=0.1, gamma=7.0):
    """Pool the features of a box by how little they resemble the background, then CRF and doubt.

    background: weight of the map of the background against those of the classes in the boxes, less
    than the paper's 1, as features that are not trained tell the two less well apart; 0 gives
    box-fill. cells: the background of a picture is described by the means of cells x cells tiles
    outside the boxes. doubt: weight of a pixel on which the CRF and the nearest class mean of the
    picture disagree, times its confidence ** gamma: cosine with the weights of its class, plus 1,
    over the best of all classes. doubt=1 with gamma=0 is a plain loss.
    Deviations: frozen trunk; the weights are fixed before the segmenter trains, from the features
    and the classifier of the first step, where the paper takes those of the segmenter itself.
    """
    sizes = [view.image(id).shape[:2] for id in view.ids]
    if not background:
        return {id: fill(view.boxes(id), size) for id, size in zip(view.ids, sizes)}
    features = view.features(stage)
    insides = [masks_at(view.boxes(id), s, features.shape[2:]) for id, s in zip(view.ids, sizes)]
    grounds, vectors, classes = [], [], []
    usual = usual_background(features, insides)
    for x, boxes, id in zip(rows_of(features), insides, view.ids):
        ground, queries = background_map(x, boxes, cells, usual)
        grounds.append(ground)
        vectors += [*pooled(x, 1 - ground, boxes), *queries]
        classes += [box.cls for box in view.boxes(id)] + [0] * len(queries)
    net = classifier(torch.stack(vectors), torch.tensor(classes), len(view.classes), seed, epochs)
    labels, weights = {}, {}
    for x, ground, id in zip(rows_of(features), grounds, view.ids):
        maps = class_maps(x, net.weight.detach(), background * ground)
        labels[id], weights[id] = judged(
            x, maps, view.image(id), view.boxes(id), net.weight.detach(), doubt, gamma
        )
    return Made(labels=labels, weights=weights)


def rows_of(features):
    """One (F, h, w) tensor a picture."""
    for _, x in features.chunks():
        yield from torch.from_numpy(x)


def masks_at(boxes, size, grid):
    """(B, h, w) bool: cells of the grid whose centre lies in the box; never an empty one."""
    rows, columns = ((np.arange(g) + 0.5) * s / g for g, s in zip(grid, size))
    masks = np.zeros((len(boxes), *grid), bool)
    for mask, box in zip(masks, boxes):
        mask[np.ix_(_within(rows, box.y0, box.y1), _within(columns, box.x0, box.x1))] = True
    return torch.from_numpy(masks)


def _within(centres, low, high):
    """(g,) bool: the centres in low..high, and the one nearest to its middle."""
    found = (centres >= low) & (centres < high)
    found[np.abs(centres - (low + high) / 2).argmin()] = True
    return found


def usual_background(features, insides):
    """(F,) mean of all positions outside the boxes, for pictures that have none."""
    total, count = 0.0, 0
    for x, boxes in zip(rows_of(features), insides):
        free = ~boxes.any(0)
        total, count = total + (x * free).sum((1, 2)), count + int(free.sum())
    return total / max(count, 1)


def background_map(x, boxes, cells, usual):
    """((h, w) likeness to the background in 0..1, list of (F,) queries) of one picture."""
    free = (~boxes.any(0)).float()[None, None]
    tiles = F.adaptive_avg_pool2d(x[None] * free, cells)[0].flatten(1).T
    queries = tiles[F.adaptive_avg_pool2d(free, cells).flatten() > 0]
    queries = queries if len(queries) else usual[None]
    return likeness(x, queries).clamp(min=0).mean(0), list(queries)


def likeness(x, vectors):
    """(K, h, w) cosines of (K, F) vectors with the positions of (F, h, w)."""
    return torch.einsum("kf,fhw->khw", F.normalize(vectors, dim=1), F.normalize(x, dim=0))


def pooled(x, attention, boxes):
    """(B, F) attention-weighted mean of the features in each box."""
    weight = (attention * boxes).flatten(1)
    weight = weight / weight.sum(1, keepdim=True).clamp(min=1e-6)
    return weight @ x.flatten(1).T


def classifier(vectors, labels, classes, seed, epochs):
    """A linear layer of C + 1 classes without bias, trained with cross-entropy."""
    with seeded(seed):
        layer = nn.Linear(vectors.shape[1], classes + 1, bias=False)

    def loss(rows):
        return F.cross_entropy(layer(vectors[rows]), labels[rows])

    return fit(layer, loss, len(vectors), seed, epochs, lr=1e-2, batch=100)


def class_maps(x, weight, ground):
    """(C + 1, h, w): the background map, and each class's activation over its maximum."""
    maps = torch.einsum("cf,fhw->chw", weight, x).clamp(min=0)
    maps = maps / maps.amax((1, 2), keepdim=True).clamp(min=1e-6)
    maps[0] = ground
    return maps


def judged(x, maps, image, boxes, weight, doubt, gamma):
    """((H, W) labels by the CRF, (H, W) trust in them) of one picture."""
    size = image.shape[:2]
    may = allowed(boxes, size, len(maps) - 1)
    found = restricted(dense_crf(image, upsample(maps, size) * may + 1e-3 * may), boxes)
    small = F.interpolate(torch.from_numpy(found)[None, None].float(), x.shape[1:])[0, 0].long()
    present = small.unique()
    means = torch.stack([x[:, small == k].mean(1) for k in present])
    nearest = present[likeness(x, means).argmax(0)]
    distance = 1 + likeness(x, weight)
    own = distance.gather(0, small[None])[0] / distance.amax(0).clamp(min=1e-6)
    trust = torch.where(nearest == small, torch.ones_like(own), doubt * own**gamma)
    return found, upsample(trust[None], size)[0]
