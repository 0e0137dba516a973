"""SAM (Kirillov et al., ICCV 2023): from clicks and boxes to masks.

    sam = load("facebook/sam-vit-base")                 or a folder that transformers has written

    embedding = sam.encode(image)                       once a picture, expensive
    masks, iou = sam.best(embedding, boxes=[[x0, y0, x1, y1]])      (K, H, W), (K,), cheap

Coordinates are pixels in the order x, y, as SAM has them: boxes x0, y0, x1, y1 (x1 and y1 outside
the object, as in `Box`), points x, y. **A view's and an annotation's points are y, x.**
"""

from typing import Any, NamedTuple

import numpy as np

from wsss_lite.assist import real
from wsss_lite.data.world import Box
from wsss_lite.errors import InputError

PADDING = -10  # the label of a point that is none; transformers' own number
THRESHOLD = 0.0  # a logit above it is mask; SAM's and transformers' own


class Embedding(NamedTuple):
    """An encoded picture. size: (H, W); features: whatever the model needs to decode."""

    size: tuple
    features: Any


class Prompts(NamedTuple):
    """Checked prompts for K masks, float32; None where not given.

    boxes (K, 4) x0, y0, x1, y1; points (K, P, 2) x, y; labels (K, P) int64: 1 on the object, 0
    beside it, `PADDING` no point.
    """

    boxes: Any
    points: Any
    labels: Any


class Found(NamedTuple):
    """A mask (H, W) bool that a click at `point` (x, y) brought, and its predicted IoU."""

    mask: np.ndarray
    iou: float
    point: tuple


class Promptable:
    """What every promptable segmenter offers; a model defines `encode` and `logits`."""

    name = ""
    # of `everything`: SAM's own defaults for its mask generator
    least_iou, least_stability, most_overlap = 0.88, 0.95, 0.7

    def encode(self, image):
        """`Embedding` of a (H, W, 3) uint8 picture."""
        raise NotImplementedError

    def logits(self, embedding, boxes=None, points=None, labels=None):
        """((K, M, H, W) float32 logits, (K, M) float32 predicted IoU): M proposals a prompt.

        boxes: K boxes, as numbers or `Box`; points: K lists of (x, y); labels: K lists of 1 (on
        the object) and 0 (beside it), all 1 by default. Boxes and points together are one prompt.
        InputError: none, of different number, empty boxes, outside the picture.
        """
        raise NotImplementedError

    def masks(self, embedding, boxes=None, points=None, labels=None):
        """((K, M, H, W) bool, (K, M) float32 predicted IoU); prompts as in `logits`."""
        logits, iou = self.logits(embedding, boxes, points, labels)
        return logits > THRESHOLD, iou

    def best(self, embedding, boxes=None, points=None, labels=None):
        """((K, H, W) bool, (K,) float32): of each prompt the mask of highest predicted IoU."""
        masks, iou = self.masks(embedding, boxes, points, labels)
        rows, first = np.arange(len(iou)), iou.argmax(1)
        return masks[rows, first], iou[rows, first]

    def everything(self, image, grid=8, batch=64):
        """List of `Found`, the best first: a click on every node of a grid x grid lattice.

        Kept are masks with a predicted IoU above `least_iou` that change little when the
        threshold moves (`least_stability`); of two that overlap more than `most_overlap` the
        better. SAM drops doubles by the IoU of their boxes and looks at crops too; here it is
        the IoU of the masks, on the whole picture.
        """
        embedding, found = self.encode(image), []
        clicks = lattice(embedding.size, grid)
        for start in range(0, len(clicks), batch):
            some = clicks[start : start + batch]
            logits, iou = self.logits(embedding, points=some[:, None])
            keep = (iou > self.least_iou) & (stability(logits) > self.least_stability)
            for k, m in zip(*np.nonzero(keep)):
                point = tuple(float(v) for v in some[k])
                found.append(Found(logits[k, m] > THRESHOLD, float(iou[k, m]), point))
        return distinct(found, self.most_overlap)


def lattice(size, grid):
    """(grid * grid, 2) x, y: the middles of grid x grid equal cells of a (H, W) picture."""
    middles = (np.arange(grid) + 0.5) / grid
    y, x = np.meshgrid(middles * size[0], middles * size[1], indexing="ij")
    return np.stack((x.ravel(), y.ravel()), 1).astype(np.float32)


def stability(logits, offset=1.0):
    """(...) IoU of the masks at thresholds `offset` above and below; 0 where both are empty."""
    inner = (logits > THRESHOLD + offset).sum((-1, -2))
    outer = (logits > THRESHOLD - offset).sum((-1, -2))
    return inner / np.maximum(outer, 1)


def distinct(found, most):
    """The list from the best to the worst, without masks too like a better one."""
    kept = []
    for one in sorted(found, key=lambda f: -f.iou):
        if all(overlap(one.mask, other.mask) <= most for other in kept):
            kept.append(one)
    return kept


def overlap(a, b):
    """IoU of two masks; 0 where both are empty."""
    return (a & b).sum() / max((a | b).sum(), 1)


def prompts(size, boxes=None, points=None, labels=None):
    """`Prompts` from what a caller gave for a (H, W) picture; the lists of points are filled up.

    InputError: see `Promptable.logits`.
    """
    if boxes is None and points is None:
        raise InputError("SAM was asked without a prompt; give boxes or points.")
    if boxes is not None:
        boxes = _boxes(size, boxes)
    if points is None:
        return Prompts(boxes, None, None)
    points, labels = _points(size, points, labels)
    if boxes is not None and len(boxes) != len(points):
        raise InputError(
            f"There are {len(boxes)} boxes but {len(points)} lists of points; give one a mask."
        )
    return Prompts(boxes, points, labels)


def _boxes(size, boxes):
    rows = [(b.x0, b.y0, b.x1, b.y1) if isinstance(b, Box) else b for b in boxes]
    try:
        rows = np.asarray(rows, np.float32).reshape(len(rows), 4)
    except (ValueError, TypeError) as error:
        raise InputError("A box is four numbers: x0, y0, x1, y1, in pixels.") from error
    if not len(rows):
        raise InputError("The list of boxes is empty; give at least one.")
    height, width = size
    for x0, y0, x1, y1 in rows:
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise InputError(
                f"The box {x0:g}, {y0:g}, {x1:g}, {y1:g} is empty or leaves the picture of "
                f"{width} x {height}; give x0, y0, x1, y1 in pixels."
            )
    return rows


def _points(size, points, labels):
    labels = [[1] * len(some) for some in points] if labels is None else labels
    if not len(points) or [len(p) for p in points] != [len(n) for n in labels]:
        raise InputError("Give at least one list of points, and a label (1 or 0) for each point.")
    most = max(len(some) for some in points)
    filled = np.full((len(points), most, 2), PADDING, np.float32)
    kinds = np.full((len(points), most), PADDING, np.int64)
    height, width = size
    for k, (some, kind) in enumerate(zip(points, labels)):
        if not len(some) or not set(np.unique(kind)) <= {0, 1}:
            raise InputError("A mask needs at least one point, and its labels are 1 or 0.")
        try:
            rows = np.asarray(some, np.float32).reshape(len(some), 2)
        except (ValueError, TypeError) as error:
            raise InputError("A point is two numbers: x, y, in pixels.") from error
        if not ((rows >= 0) & (rows <= (width, height))).all():
            raise InputError(
                f"A point lies outside the picture of {width} x {height}; give x, y in pixels."
            )
        filled[k, : len(rows)], kinds[k, : len(rows)] = rows, kind
    return filled, kinds


class Sam(Promptable):
    """transformers' SamModel with its SamProcessor.

    source: where the weights came from; None means that they are random, and then every method
    raises InputError.
    """

    def __init__(self, model, processor, name, source=None, device=None):
        self.device = real.device_of(device)
        self.model, self.processor = model.eval().requires_grad_(False).to(self.device), processor
        self.name, self.source = name, source

    def encode(self, image):
        """features: (the image embedding, (H, W) that the picture was resized to)."""
        import torch
        from PIL import Image

        real.need_weights(self.name, self.source)
        picture = Image.fromarray(np.asarray(image))
        inputs = self.processor(images=picture, return_tensors="pt")
        with torch.inference_mode():
            found = self.model.get_image_embeddings(inputs["pixel_values"].to(self.device))
        resized = tuple(inputs["reshaped_input_sizes"][0].tolist())
        return Embedding((picture.height, picture.width), (found, resized))

    def logits(self, embedding, boxes=None, points=None, labels=None):
        import torch

        real.need_weights(self.name, self.source)
        given = prompts(embedding.size, boxes, points, labels)
        found, resized = embedding.features
        with torch.inference_mode():
            output = self.model(
                image_embeddings=found, **self.scaled(given, embedding.size, resized)
            )
        logits = self.processor.post_process_masks(
            output.pred_masks.cpu(), [embedding.size], [resized], binarize=False
        )
        return logits[0].numpy(), output.iou_scores[0].cpu().numpy()

    def scaled(self, given, size, resized):
        """Prompts as the model wants them: in pixels of the resized picture, one batch."""
        import torch

        scale = np.float32([resized[1] / size[1], resized[0] / size[0]])
        inputs = {}
        if given.boxes is not None:
            inputs["input_boxes"] = given.boxes * np.tile(scale, 2)
        if given.points is not None:
            real_point = (given.labels != PADDING)[..., None]
            inputs["input_points"] = np.where(real_point, given.points * scale, given.points)
            inputs["input_labels"] = given.labels
        return {k: torch.from_numpy(v)[None].to(self.device) for k, v in inputs.items()}


def load(name, device=None):
    """`Promptable` of a real SAM by name: one of the hub's, or a folder.

    InputError: not on this machine, damaged, or only a part of the weights.
    """
    model, processor, folder = real.from_folder(name, "SamModel", "SamProcessor")
    return Sam(model, processor, name, str(folder), device)
