"""What a person drew on one picture: boxes, strokes, clicks, extreme points, and how long it took.

    annotation = Annotation((96, 128))                         nothing drawn yet
    annotation = add_box(annotation, cls=1, x0=10, y0=5, x1=60, y1=50)
    annotation = add_stroke(annotation, cls=1, path=[(20, 20), (30, 40)], width=3)
    problems(annotation, ("cat", "dog"))                       sentences; empty when all is well

An annotation is never changed: each step makes a new one, so that undoing is going back.
"""

from collections import Counter
from dataclasses import dataclass, replace

import cv2
import numpy as np

from wsss_lite.data.images import VOID
from wsss_lite.data.world import Box, Extreme
from wsss_lite.errors import InputError

BACKGROUND = "background"
NOTHING = "Nothing is drawn on {}; draw a box, a stroke or a point first."
SMALLEST_BOX = 2  # pixels a side; less is a click that was meant for something else


@dataclass(frozen=True, eq=False)
class Annotation:
    """size: (H, W). boxes: `Box`es; extreme: `Extreme`s; points: (y, x, cls), kept sorted and once;
    scribbles: (H, W) uint8, class numbers on strokes and 255 elsewhere (None: no stroke);
    seconds: how long a person took. Class 0 is background, for strokes and points only.
    """

    size: tuple
    boxes: tuple = ()
    extreme: tuple = ()
    points: tuple = ()
    scribbles: np.ndarray = None
    seconds: float = 0.0

    def __post_init__(self):
        height, width = (int(side) for side in self.size)
        drawn = self.scribbles
        drawn = np.full((height, width), VOID, np.uint8) if drawn is None else np.asarray(drawn)
        if drawn.shape != (height, width):
            raise InputError(
                f"The strokes are {drawn.shape[1]} x {drawn.shape[0]} but their picture is "
                f"{width} x {height}; save them at the size of the picture."
            )
        drawn = drawn.astype(np.uint8)  # a copy
        drawn.setflags(write=False)
        points = sorted({tuple(int(v) for v in point) for point in self.points})
        values = {
            "size": (height, width), "boxes": tuple(self.boxes), "extreme": tuple(self.extreme),
            "points": tuple(points), "scribbles": drawn, "seconds": round(float(self.seconds), 1),
        }  # fmt: skip
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __eq__(self, other):
        if not isinstance(other, Annotation):
            return NotImplemented
        names = ("size", "boxes", "extreme", "points", "seconds")
        same = all(getattr(self, name) == getattr(other, name) for name in names)
        return same and np.array_equal(self.scribbles, other.scribbles)

    __hash__ = None

    def __repr__(self):
        height, width = self.size
        return f"<Annotation of {width} x {height}: {described(self)}>"

    def count(self, kind):
        """How many "boxes", "extreme" or "points", or pixels of "scribbles", there are."""
        if kind == "scribbles":
            return int((self.scribbles != VOID).sum())
        return len(getattr(self, kind))

    @property
    def empty(self):
        return not any(map(self.count, KINDS))

    @property
    def tags(self):
        """Class numbers drawn in any way, background left out."""
        numbers = {one.cls for one in (*self.boxes, *self.extreme)}
        numbers |= {cls for *_, cls in self.points} | set(np.unique(self.scribbles).tolist())
        return numbers - {0, VOID}

    def seeds(self, kind):
        """(H, W) uint8: the class numbers of "scribbles" or "points", 255 elsewhere."""
        if kind == "scribbles":
            return self.scribbles
        return points_map(self.points, self.size)


KINDS = ("boxes", "extreme", "scribbles", "points")


def described(annotation):
    """What there is, in words."""
    parts = []
    for kind, one, many in (
        ("boxes", "box", "boxes"),
        ("extreme", "object by its extreme points", "objects by their extreme points"),
        ("scribbles", "pixel of strokes", "pixels of strokes"),
        ("points", "point", "points"),
    ):
        number = annotation.count(kind)
        parts += [f"{number} {one if number == 1 else many}"] * bool(number)
    return ", ".join(parts) or "nothing drawn"


def points_map(points, size):
    """(H, W) uint8: class numbers of (y, x, cls) points, 255 elsewhere."""
    drawn = np.full(size, VOID, np.uint8)
    for y, x, cls in points:
        drawn[y, x] = cls
    return drawn


def box_of(extreme):
    """The `Box` that touches the four points of an `Extreme`."""
    y0, y1 = extreme.top[0], extreme.bottom[0] + 1
    return Box(extreme.cls, extreme.left[1], y0, extreme.right[1] + 1, y1)


# What can be wrong


def problems(annotation, classes):
    """List of sentences, one for each thing that is wrong; empty when all is well.

    Nothing drawn at all is no problem here: `need` asks for something.
    """
    found = []
    for number, box in enumerate(annotation.boxes, 1):
        found += _box_problem(box, f"Box {number}", annotation.size, classes)
    for number, ends in enumerate(annotation.extreme, 1):
        found += _extreme_problem(ends, number, annotation.size, classes)
    known = np.unique(annotation.scribbles[annotation.scribbles != VOID]).tolist()
    for cls in known:
        found += _class_problem(cls, "A stroke", classes, lowest=0)
    for point in annotation.points:
        found += _point_problem(point, annotation, classes)
    if not np.isfinite(annotation.seconds) or annotation.seconds < 0:
        found.append(f"The time of {annotation.seconds} seconds cannot be; give 0 or more.")
    return found + _twice(annotation.points, classes)


def checked(annotation, classes, where=""):
    """The annotation, if nothing is wrong with it; else InputError with the first sentence.

    where: the file it came from, which the sentence then begins with.
    """
    found = problems(annotation, classes)
    if found:
        raise InputError(f"{where}: {found[0][0].lower()}{found[0][1:]}" if where else found[0])
    return annotation


def need(annotation, what="the picture"):
    """InputError where nothing is drawn."""
    if annotation.empty:
        raise InputError(NOTHING.format(what))
    return annotation


def name_of(cls, classes):
    """The name of a class number, "background" for 0, the number itself where it has no name."""
    if cls == 0:
        return BACKGROUND
    return classes[cls - 1] if 1 <= cls <= len(classes) else f"class {cls}"


def _class_problem(cls, what, classes, lowest=1):
    if lowest <= cls <= len(classes):
        return []
    if cls == 0:
        return [f"{what} is of the background; draw the background with strokes or points."]
    return [f"{what} has the class {cls}, but there are {len(classes)}; choose from "
            f"{', '.join(classes)}."]  # fmt: skip


def _box_problem(box, what, size, classes):
    wrong = _class_problem(box.cls, what, classes)
    if wrong:
        return wrong
    what, (height, width) = f"{what} ({name_of(box.cls, classes)})", size
    if box.x1 < box.x0 or box.y1 < box.y0:
        return [f"{what} is turned round (columns {box.x0} to {box.x1}, rows {box.y0} to "
                f"{box.y1}); swap the ends."]  # fmt: skip
    if box.x1 == box.x0 or box.y1 == box.y0:
        return [f"{what} is empty; give it at least one row and one column, or remove it."]
    if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height:
        return [f"{what} reaches outside the picture of {width} x {height} (columns {box.x0} to "
                f"{box.x1}, rows {box.y0} to {box.y1}); move its sides inside."]  # fmt: skip
    return []


def _extreme_problem(ends, number, size, classes):
    what = f"Object {number} by extreme points"
    wrong = _class_problem(ends.cls, what, classes)
    if not wrong and not all(_inside(point, size) for point in ends[1:]):
        return [f"{what} has a point outside the picture of {size[1]} x {size[0]}; move it in."]
    rows, columns = [p[0] for p in ends[1:]], [p[1] for p in ends[1:]]
    named = ends.top[0], ends.bottom[0], ends.left[1], ends.right[1]
    if not wrong and named != (min(rows), max(rows), min(columns), max(columns)):
        return [f"{what} is turned round: top, left, bottom and right are not its ends; "
                "name the points by where they lie."]  # fmt: skip
    return wrong


def _point_problem(point, annotation, classes):
    y, x, cls = point
    what = f"The point in row {y}, column {x}"
    if not _inside((y, x), annotation.size):
        height, width = annotation.size
        return [f"{what} lies outside the picture of {width} x {height}; move it inside."]
    drawn = int(annotation.scribbles[y, x])
    if drawn not in (VOID, cls):
        return [_claimed(y, x, (drawn, cls), classes)]
    return _class_problem(cls, what, classes, lowest=0)


def _twice(points, classes):
    claims = Counter((y, x) for y, x, _ in points)
    return [
        _claimed(y, x, [p[2] for p in points if p[:2] == (y, x)], classes)
        for (y, x), count in claims.items()
        if count > 1
    ]


def _claimed(y, x, numbers, classes):
    names = " and ".join(name_of(cls, classes) for cls in numbers)
    return f"Both {names} claim the pixel in row {y}, column {x}; erase one of them."


def _inside(point, size):
    return 0 <= point[0] < size[0] and 0 <= point[1] < size[1]


# Steps: each takes an annotation and returns another


def add_box(annotation, cls, x0, y0, x1, y1):
    """A box between two corners, in any order, cut at the edge of the picture.

    InputError: less than 2 pixels wide or high after the cut.
    """
    (x0, x1), (y0, y1) = sorted((x0, x1)), sorted((y0, y1))
    height, width = annotation.size
    x0, y0 = max(0, int(np.floor(x0))), max(0, int(np.floor(y0)))
    x1, y1 = min(width, int(np.ceil(x1))), min(height, int(np.ceil(y1)))
    if min(x1 - x0, y1 - y0) < SMALLEST_BOX:
        raise InputError("This box is empty; drag from one corner of the object to the other.")
    box = Box(int(cls), x0, y0, x1, y1)
    return replace(annotation, boxes=(*annotation.boxes, box))


def add_point(annotation, cls, y, x):
    """A click. InputError: outside the picture, or where another class was drawn."""
    y, x, cls = int(np.floor(y)), int(np.floor(x)), int(cls)
    if not _inside((y, x), annotation.size):
        raise InputError("This point lies outside the picture; click on the picture.")
    drawn = {c for a, b, c in annotation.points if (a, b) == (y, x)}
    drawn |= {int(annotation.scribbles[y, x])} - {VOID}
    if drawn - {cls}:
        raise InputError(
            f"The pixel in row {y}, column {x} belongs to another class already; "
            "erase what is there or click beside it."
        )
    return replace(annotation, points=(*annotation.points, (y, x, cls)))


def add_extreme(annotation, cls, points):
    """Four clicks (y, x) on the ends of an object, in any order."""
    points = [(int(np.floor(y)), int(np.floor(x))) for y, x in points]
    if len(points) != 4 or not all(_inside(point, annotation.size) for point in points):
        raise InputError("Extreme points are four clicks inside the picture; click all four.")
    ends = Extreme(
        int(cls), min(points), min(points, key=lambda p: p[1]),
        max(points), max(points, key=lambda p: p[1]),
    )  # fmt: skip
    return replace(annotation, extreme=(*annotation.extreme, ends))


def add_stroke(annotation, cls, path, width=3):
    """A stroke along (y, x) pixels. What lay below goes to the new class, points keep their pixel.

    InputError: no pixel of it lies in the picture.
    """
    stroke = brush(path, width, annotation.size)
    for y, x, other in annotation.points:
        if other != cls:
            stroke[y, x] = False
    if not stroke.any():
        raise InputError("This stroke has no free pixel in the picture; draw on the picture.")
    drawn = np.where(stroke, np.uint8(cls), annotation.scribbles)
    return replace(annotation, scribbles=drawn)


def erase(annotation, path, width=3):
    """Take away strokes below the brush, and points, boxes and extreme points that it touches.

    A box is touched on its line.
    """
    gone = brush(path, width, annotation.size)
    near = brush(path, width + 2, annotation.size)  # a point is one pixel, hard to hit
    return replace(
        annotation,
        scribbles=np.where(gone, np.uint8(VOID), annotation.scribbles),
        points=[p for p in annotation.points if not near[p[0], p[1]]],
        boxes=[box for box in annotation.boxes if not near[_line(box, annotation.size)].any()],
        extreme=[e for e in annotation.extreme if not any(near[point] for point in e[1:])],
    )


def brush(path, width, size):
    """(H, W) bool: a round brush, `width` pixels wide, along (y, x) points."""
    path = np.floor(np.asarray(path, np.float64).reshape(-1, 2)).astype(np.int32)
    if not len(path):
        return np.zeros(size, bool)
    width = max(1, int(width))
    drawn = np.zeros((size[0] + 2 * width, size[1] + 2 * width), np.uint8)
    # A point far outside would be too far for OpenCV's fixed-point numbers.
    path = np.clip(path + width, -(10**4), 10**4)
    path = path if len(path) > 1 else path.repeat(2, 0)  # OpenCV draws no line of one point
    cv2.polylines(drawn, [path[:, ::-1].reshape(-1, 1, 2)], False, 1)
    if width > 1:
        drawn = cv2.dilate(drawn, disc(width))
    return drawn[width:-width, width:-width] > 0


def disc(width):
    """(width, width) uint8, 1 in a circle."""
    y, x = np.indices((width, width)) - (width - 1) / 2
    return (y**2 + x**2 <= (width / 2) ** 2).astype(np.uint8)


def _line(box, size):
    """(H, W) bool: the pixels on the four sides of a box."""
    line = np.zeros(size, bool)
    line[box.y0 : box.y1, box.x0 : box.x1] = True
    line[box.y0 + 1 : box.y1 - 1, box.x0 + 1 : box.x1 - 1] = False
    return line
