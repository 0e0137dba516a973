"""How well a promptable segmenter cuts out things whose masks are known.

Works for any `Promptable`, the real SAM too. All numbers are means over things of the IoU, void
left out, of the mask with the highest estimate.
"""

import statistics
import time

import numpy as np

from wsss_lite.assist.clicks import correcting, well_inside
from wsss_lite.assist.lessons import KINDS, THINGS
from wsss_lite.data.images import VOID
from wsss_lite.data.weak import rng_for

CLICKS = 3  # as many as somebody makes, each but the first where the mask was most wrong
COLUMNS = ("things", "fill", "box", *(f"{n} click{'s' * (n > 1)}" for n in range(1, CLICKS + 1)))
ROUNDS = 20  # of the timing


def scores(sam, pictures, kinds=KINDS, seed=0, clicks=CLICKS):
    """{kind: {column of COLUMNS: mean IoU, or the number of things}}.

    pictures: an iterable of (picture, layers, rows), see `assist.lessons`. fill: of the box
    itself, which a segmenter has to beat.
    """
    found = {kind: [] for kind in kinds}
    for number, (picture, layers, rows) in enumerate(pictures):
        rows = [row for row in rows if KINDS[row[2]] in kinds]
        if not len(rows):
            continue
        rng, embedding = rng_for(seed, "prompts", str(number)), sam.encode(picture)
        valid, targets = layers[THINGS] != VOID, [layers[r[0]] == r[1] for r in rows]
        boxes = [tuple(int(v) for v in row[3:]) for row in rows]
        by_box = sam.best(embedding, boxes=boxes)[0]
        by_clicks = clicked(sam, embedding, targets, valid, rng, clicks)
        for k, (row, target) in enumerate(zip(rows, targets)):
            masks = [filled(boxes[k], target.shape), by_box[k], *(m[k] for m in by_clicks)]
            found[KINDS[row[2]]].append([iou(mask, target, valid) for mask in masks])
    return {kind: {"things": len(rows), **dict(zip(COLUMNS[1:], np.mean(rows, 0).tolist()))}
            for kind, rows in found.items() if rows}  # fmt: skip


def clicked(sam, embedding, targets, valid, rng, clicks):
    """For 1, 2, ... clicks the list of masks of all targets."""
    points = [[well_inside(rng, target & valid)] for target in targets]
    labels, masks = [[1] for _ in targets], []
    for _ in range(clicks):
        masks.append(sam.best(embedding, points=points, labels=labels)[0])
        for k, target in enumerate(targets):
            point, label = correcting(rng, masks[-1][k], target, valid)
            points[k].append(point)
            labels[k].append(label)
    return masks


def filled(box, size):
    """(H, W) bool: the box itself."""
    x0, y0, x1, y1 = box
    mask = np.zeros(size, bool)
    mask[y0:y1, x0:x1] = True
    return mask


def iou(mask, target, valid):
    both, either = (mask & target & valid).sum(), ((mask | target) & valid).sum()
    return both / max(either, 1)


def timing(sam, picture):
    """{encode_ms, decode_ms, everything_ms}: medians for one picture and for one prompt at a time.

    With as many threads as torch has been given.
    """
    height, width = picture.shape[:2]
    embedding = sam.encode(picture)
    box = [[width // 4, height // 4, 3 * width // 4, 3 * height // 4]]
    acts = {
        "encode_ms": lambda: sam.encode(picture),
        "decode_ms": lambda: sam.best(embedding, boxes=box),
        "everything_ms": lambda: sam.everything(picture),
    }
    return {name: milliseconds(act, 3 if "every" in name else ROUNDS) for name, act in acts.items()}


def milliseconds(act, rounds):
    """Median wall time of a call, in ms, after one call to warm up."""
    act()
    spent = []
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        spent.append(1000 * (time.perf_counter() - start))
    return statistics.median(spent)


def table(found):
    """The scores as lines of text."""
    lines = ["".join(f"{name:>10}" for name in ("", *COLUMNS))]
    for kind, row in found.items():
        cells = [f"{row[c]:>10}" if c == "things" else f"{row[c]:>10.3f}"
                 for c in COLUMNS if c in row]  # fmt: skip
        lines.append(f"{kind:>10}" + "".join(cells))
    return "\n".join(lines)
