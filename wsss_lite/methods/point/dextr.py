"""DEXTR: a net that has learnt on other pictures to cut out what four extreme points enclose."""

import numpy as np
import torch

from wsss_lite.data.annotation import box_of
from wsss_lite.data.corpus import corpus_view
from wsss_lite.data.voc import objects
from wsss_lite.methods.point.extreme_grabcut import spans
from wsss_lite.nets import guided, on_view
from wsss_lite.nets.head import fit, seeded
from wsss_lite.registry import register

MOST, LEAST = 300, 40  # scenes of the corpus


@register(
    "dextr",
    category="Point",
    supervision="boxes",
    needs=("extreme", "corpus"),
    paper="Deep Extreme Cut: From Extreme Points to Object Segmentation",
    venue="CVPR",
    year=2018,
    cite="maninis2018deep",
    survey="S0 S2: point",
    quoted={"VOC val (S2)": 70.0},
    produces="labels",
)
def dextr(view, seed=0, scenes=None, sigma=0.03, relax=0.2, epochs=10, threshold=0.5):
    """A class-agnostic net with the extreme points as a fourth channel, trained with masks.

    scenes: of the corpus, whose masks it learns from; None takes as many as there are pictures,
    at least 40 and at most 300; 0 gives box-fill. sigma: width of the four Gaussians as a share of
    the crop; 0 shows the box alone. relax: what is seen round a box, as a share of its longer side.
    threshold: of the probability. As extreme-grabcut, it costs what boxes cost; the masks of the
    corpus are not counted, as they serve for any pictures.
    Deviations: frozen trunk, whose stages are cropped beside the picture and the heat map, which
    join behind it; learnt from drawn scenes, so that on photographs it is far from home.
    """
    if scenes is None:
        scenes = min(max(len(view), LEAST), MOST)
    if not scenes:
        return spans(view)
    net = train(corpus_view(view, scenes), seed, sigma, relax, epochs)
    labels, features = {}, on_view.stages(view)
    limit = float(np.log(threshold / (1 - threshold)))
    for start in range(0, len(view), 50):
        ids = view.ids[start : start + 50]
        regions = [regions_of(view, id, relax) for id in ids]
        logits = iter(predict(net, inputs(view, features, start, ids, regions, sigma)))
        for id, own in zip(ids, regions):
            labels[id] = painted(view, id, own, [next(logits) for _ in own], limit)
    return labels


def regions_of(view, id, relax):
    """(n, 4): the region of each object of a picture."""
    size = view.image(id).shape[:2]
    return np.array([guided.region(box_of(e), size, relax) for e in view.extreme(id)])


def inputs(view, features, start, ids, regions, sigma):
    """The three crops of `guided.Guided` for all objects of some pictures."""
    rows = np.arange(start, start + len(ids))
    stages = [torch.from_numpy(f[rows]) for f in features]
    sides = (guided.FINE, guided.FINE, guided.COARSE, guided.COARSE)
    parts = [guided.crops(x, regions, side) for x, side in zip(stages, sides)]
    seen = [crop_pictures(view, id, own, sigma) for id, own in zip(ids, regions)]
    return torch.cat(parts[:2], 1), torch.cat(parts[2:], 1), torch.cat(seen)


def crop_pictures(view, id, regions, sigma):
    """(n, 4, SIDE, SIDE): colours in 0..1 and heat of each object of a picture."""
    image = view.image(id)
    colours = torch.from_numpy(image.transpose(2, 0, 1).copy())[None].float() / 255
    heat = [guided.heat_map(e[1:], one, image.shape[:2], sigma)
            for e, one in zip(view.extreme(id), regions)]  # fmt: skip
    heat = np.array(heat, np.float32).reshape(-1, 1, guided.SIDE, guided.SIDE)
    return torch.cat([guided.crops(colours, [regions], guided.SIDE), torch.from_numpy(heat)], 1)


def targets(view, id, regions):
    """(n, SIDE, SIDE) in 0..1: the true mask of each object in its region."""
    mask, numbers = view.mask(id), view.instances(id)
    out = torch.zeros(len(regions), guided.SIDE, guided.SIDE)
    for k, (_, window, pixels) in enumerate(objects(mask, numbers)):
        one = torch.zeros(1, 1, *mask.shape)
        one[0, 0][window] = torch.from_numpy(pixels).float()
        out[k] = guided.crops(one, [regions[k : k + 1]], guided.SIDE)[0, 0]
    return out


def train(lessons, seed, sigma, relax, epochs):
    """A `guided.Guided` trained on the objects of a fully supervised view."""
    features = on_view.stages(lessons)
    regions = [regions_of(lessons, id, relax) for id in lessons.ids]
    x = inputs(lessons, features, 0, lessons.ids, regions, sigma)
    y = torch.cat([targets(lessons, id, own) for id, own in zip(lessons.ids, regions)])
    with seeded(seed):
        net = guided.Guided([f.shape[1] for f in features])
    draw = np.random.default_rng(seed)

    def loss(rows):
        batch, target = [part[rows] for part in x], y[rows]
        if draw.random() < 0.5:
            batch, target = [part.flip(-1) for part in batch], target.flip(-1)
        return guided.balanced_loss(net(*batch), target)

    return fit(net, loss, len(y), seed, epochs, lr=5e-3)


@torch.inference_mode()
def predict(net, x):
    """(M, SIDE, SIDE) logits."""
    if not len(x[0]):
        return []
    return torch.cat([net(*parts) for parts in zip(*(part.split(50) for part in x))])


def painted(view, id, regions, logits, limit):
    """(H, W) uint8: each pixel of the boxes goes to the surest object above the limit."""
    size = view.image(id).shape[:2]
    best, labels = np.full(size, limit, np.float32), np.zeros(size, np.uint8)
    for ends, one, own in zip(view.extreme(id), regions, logits):
        box = box_of(ends)
        window = np.s_[box.y0 : box.y1, box.x0 : box.x1]
        value = guided.in_box(own, one, box, size)
        taken = value > best[window]
        labels[window][taken], best[window][taken] = box.cls, value[taken]
    return labels
