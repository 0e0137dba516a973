"""Which stage do the errors come from? Each stage of a pipeline replaced by the truth in turn.

    found = failures(stages, view)                  view: fully supervised
    found["nothing"].miou, found["boxes"].miou      what perfect boxes would bring

After the failure analysis of Chen & Sun, 2023, who tell misses of the tagger, of the grounder and
of SAM apart by looking. The oracles ask for a view of supervision "full" and refuse any other, so
that no weak method can reach them; no method imports this file.
"""

import numpy as np

from wsss_lite.assist.pipeline import given_tags
from wsss_lite.data.voc import objects
from wsss_lite.data.world import Box
from wsss_lite.errors import PeekError
from wsss_lite.progress import progress
from wsss_lite.score import Scores, confusion

STAGES = ("tags", "boxes", "masks")
# What to replace: nothing, each stage alone, and from the front on.
TURNS = ((), ("tags",), ("boxes",), ("masks",), ("tags", "boxes"), STAGES)


def true_tags(view):
    """The stage of tags that is never wrong."""
    return given_tags(full(view))


def true_boxes(view):
    """The stage of boxes that finds every object of the classes it is asked for, and no other."""
    full(view)

    def boxes(id, image, classes):
        return [box for box, _ in things(view, id) if box.cls in classes]

    return boxes


def true_masks(view):
    """The stage of masks that returns the pixels of the object that fits a box best.

    Like SAM it does not ask for the class: a wrong name stays wrong. Nothing where no object
    touches the box.
    """
    full(view)

    def masks(id, image, boxes):
        there = things(view, id)
        return [best_fit(box, there, image.shape[:2]) for box in boxes]

    return masks


def best_fit(box, there, size):
    """(H, W) bool: of [(box, pixels)] the pixels whose box overlaps most with `box`."""
    overlaps = [box_iou(box, other) for other, _ in there]
    if not overlaps or max(overlaps) == 0:
        return np.zeros(size, bool)
    return there[int(np.argmax(overlaps))][1]


def things(view, id):
    """[(tight `Box`, (H, W) bool pixels)] of the objects of a picture."""
    mask, found = view.mask(id), []
    for cls, (rows, columns), pixels in objects(mask, view.instances(id)):
        whole = np.zeros(mask.shape, bool)
        whole[rows, columns] = pixels
        found.append((Box(cls, columns.start, rows.start, columns.stop, rows.stop), whole))
    return found


def box_iou(a, b):
    """Intersection over union of two boxes, whatever their classes."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    both = max(width, 0) * max(height, 0)
    areas = [(box.x1 - box.x0) * (box.y1 - box.y0) for box in (a, b)]
    return both / (sum(areas) - both)


def full(view):
    """The view, if it may look at everything. PeekError otherwise."""
    if view.supervision != "full":
        raise PeekError(
            f"an oracle looks at the truth, and supervision {view.supervision!r} does not open it; "
            "give a view of supervision 'full', outside of any method."
        )
    return view


def replaced(stages, view, names):
    """The stages with some of them, out of `STAGES`, replaced by the truth."""
    oracle = {"tags": true_tags, "boxes": true_boxes, "masks": true_masks}
    return stages._replace(**{name: oracle[name](view) for name in names})


def failures(stages, view, turns=TURNS):
    """{"nothing": `Scores`, "tags": ..., "tags + boxes": ...}: of the labels of a view's pictures.

    The gain of a stage's oracle over "nothing" is what the errors of that stage cost.
    """
    classes, found = len(view.classes) + 1, {}
    full(view)
    for names in turns:
        changed = replaced(stages, view, names)
        total = np.zeros((classes, classes), np.int64)
        title = " + ".join(names) or "nothing"
        for id in progress(view.ids, f"oracle of {title}"):
            total += confusion(view.mask(id), changed.label(id, view.image(id)), classes)
        found[title] = Scores(total)
    return found
