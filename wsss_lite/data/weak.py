"""Weak annotations drawn from masks, what they cost, and a view that shows nothing else.

    scribbles(mask, instances, rng)    a stroke along each object and one on the background
    points(mask, instances, rng)       a click in each object and on the background
    boxes(mask, instances, rng)        a box round each object
    extreme_points(mask, instances)    the top, left, bottom and right end of each object

A `WeakView` is all that a method gets to see. It draws its annotations once, from the seed and
the picture's name, and then forgets where they came from. Strokes, clicks and extreme points that a
person has drawn (`World.drawn`) take the place of simulated ones.
"""

import hashlib
import zlib

import numpy as np
from scipy import ndimage
from skimage.morphology import skeletonize

from wsss_lite.data.images import VOID, image_size, read_image
from wsss_lite.data.voc import objects, tight_boxes
from wsss_lite.data.world import Box, Extreme
from wsss_lite.errors import InputError, PeekError
from wsss_lite.progress import progress

UNLABELLED = VOID

# Seconds a person spends on one picture. All five follow the same sum, so they may be compared:
# a VOC picture has 20 classes to think of, 1.5 present ones and 2.8 objects; each absent class
# costs 1 s to deny, so 18.5 s, and to that comes the time for what is there.
ANNOTATION_SECONDS = {"tags": 20, "points": 22, "scribbles": 35, "boxes": 38, "full": 240}

ANNOTATION_SOURCES = {
    "tags": "Bearman et al., ECCV 2016: 20.0 s = 20 classes x 1 s",
    "points": "Bearman et al., ECCV 2016: 22.1 s = 18.5 + 1.5 classes x 2.4 s, one click a class "
    "(every object: 23.3 s)",
    "scribbles": "Bearman et al., ECCV 2016: 34.9 s = 18.5 + 1.5 classes x 10.9 s, one free "
    "stroke a class",
    "boxes": "Bellver et al., CVPR Workshops 2019: 38.1 s = 18.5 + 2.8 objects x 7 s, the time of "
    "extreme clicking (Papadopoulos et al., ICCV 2017); boxes drawn by dragging took 35 s each "
    "in ImageNet",
    "full": "Bearman et al., ECCV 2016: 239.7 s = 18.5 + 2.8 objects x 79 s, the time of an "
    "outline in COCO",
}

# How many times longer a mask takes. Not to be mixed with the seconds above, which give 12 and 6.
SURVEY_RATIOS = {"tags": 60, "boxes": 15}
SURVEY_SOURCE = "surveys of the field, which attribute both ratios to Lin et al., ECCV 2014 (COCO)"

OPENS = {
    "none": (),  # not even the tags
    "tags": (),
    "points": ("points",),
    "scribbles": ("scribbles",),
    "boxes": ("boxes",),
    "full": ("mask", "instances"),
}
NEEDS = ("saliency", "ood", "captions", "corpus", "extreme", "text")
OPENED_BY_NEED = {"extreme": "extreme", "captions": "caption"}
REMEDY = {
    "tags": "supervision='tags'",
    "points": "supervision='points'",
    "scribbles": "supervision='scribbles'",
    "boxes": "supervision='boxes'",
    "mask": "supervision='full'",
    "instances": "supervision='full'",
    "extreme": "needs=('extreme',)",
    "caption": "needs=('captions',)",
    "ood": "needs=('ood',)",
}
CALLED = {"mask": "masks", "extreme": "extreme points", "caption": "captions"}


def rng_for(seed, kind, id):
    """Random numbers that depend on the seed, the kind of annotation and the picture alone."""
    digest = hashlib.sha256(f"{seed}:{kind}:{id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


# The simulators. mask, instances: (H, W) uint8 with 255 void; class numbers as in the mask.


def scribbles(mask, instances, rng, width=2, length=1.0):
    """(H, W) uint8: class numbers on strokes, 255 elsewhere.

    One stroke `width` pixels wide for each object and one for the background, each along the
    longest path of the skeleton. `rng` shortens it by up to a fifth, as no hand draws to the
    very end; `length` (0..1) shortens it further. A stroke never leaves its object.
    """
    drawn = np.full(mask.shape, UNLABELLED, np.uint8)
    for cls, window, pixels in _regions(mask, instances):
        path = _shorten(_longest_path(skeletonize(_largest_piece(pixels))), rng, length)
        stroke = _thicken(path, pixels.shape, width) & pixels
        drawn[window][stroke] = cls
    return drawn


def points(mask, instances, rng, background=1):
    """List of (y, x, cls): a click well inside each object and `background` clicks outside (cls 0).

    "Well inside" is at least half as far from the edge as the farthest pixel.
    """
    clicks = []
    for cls, window, pixels in _regions(mask, instances):
        depth = ndimage.distance_transform_edt(np.pad(pixels, 1))[1:-1, 1:-1]
        inside = np.argwhere(depth >= depth.max() / 2)
        count = 1 if cls else min(background, len(inside))
        for y, x in inside[rng.choice(len(inside), count, replace=False)]:
            clicks.append((int(y) + window[0].start, int(x) + window[1].start, cls))
    return clicks


def boxes(mask, instances, rng, jitter=0.0):
    """List of `Box`, tight round each object; see `jitter_boxes`."""
    return jitter_boxes(tight_boxes(mask, instances), mask.shape, rng, jitter)


def jitter_boxes(boxes, shape, rng, jitter):
    """Move each side by a normal error of `jitter` times the box's width or height.

    The boxes stay inside the picture of `shape` (H, W) and at least one pixel large.
    """
    if not jitter:
        return list(boxes)
    moved = []
    for box in boxes:
        x0, x1 = _jitter_pair(box.x0, box.x1, shape[1], rng, jitter)
        y0, y1 = _jitter_pair(box.y0, box.y1, shape[0], rng, jitter)
        moved.append(Box(box.cls, x0, y0, x1, y1, box.difficult))
    return moved


def extreme_points(mask, instances):
    """List of `Extreme`, one for each object; on a flat end, the middle of it."""
    found = []
    for cls, (rows, columns), pixels in objects(mask, instances):
        y, x = np.nonzero(pixels)
        ends = (
            _middle(y, x, y == y.min()),
            _middle(y, x, x == x.min()),
            _middle(y, x, y == y.max()),
            _middle(y, x, x == x.max()),
        )
        found.append(Extreme(cls, *((a + rows.start, b + columns.start) for a, b in ends)))
    return found


def _regions(mask, instances):
    """The objects, then the background as one more region of class 0."""
    yield from objects(mask, instances)
    ground = mask == 0
    if ground.any():
        yield 0, (slice(0, mask.shape[0]), slice(0, mask.shape[1])), ground


def _largest_piece(pixels):
    labels, count = ndimage.label(pixels, structure=np.ones((3, 3)))
    return labels == 1 + np.bincount(labels.ravel())[1:].argmax() if count > 1 else pixels


def _longest_path(skeleton):
    """(L, 2) pixels (y, x) from one end of a connected skeleton to the farthest other end.

    Two sweeps: the pixel farthest from anywhere is an end, the one farthest from it the other.
    In a skeleton with loops this is a long path, not always the longest.
    """
    pixels = [tuple(p) for p in np.argwhere(skeleton).tolist()]
    neighbours = {}
    members = set(pixels)
    for y, x in pixels:
        around = ((y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx)
        neighbours[y, x] = [p for p in around if p in members]
    end, _ = _sweep(pixels[0], neighbours)
    other, before = _sweep(end, neighbours)
    path = [other]
    while path[-1] != end:
        path.append(before[path[-1]])
    return np.array(path)


def _sweep(start, neighbours):
    """The last pixel that a wave from `start` reaches, and each pixel's predecessor."""
    before, front = {start: None}, [start]
    last = start
    while front:
        last, following = front[0], []
        for pixel in front:
            for other in neighbours[pixel]:
                if other not in before:
                    before[other] = pixel
                    following.append(other)
        front = following
    return last, before


def _shorten(path, rng, length):
    keep = max(1, round(len(path) * length * rng.uniform(0.8, 1.0)))
    start = int(rng.integers(len(path) - keep + 1))
    return path[start : start + keep]


def _thicken(path, shape, width):
    """(h, w) bool: `width` x `width` squares along the path."""
    stroke = np.zeros(shape, bool)
    for dy in range(width):
        for dx in range(width):
            y = np.clip(path[:, 0] + dy - width // 2, 0, shape[0] - 1)
            x = np.clip(path[:, 1] + dx - width // 2, 0, shape[1] - 1)
            stroke[y, x] = True
    stroke[path[:, 0], path[:, 1]] = True
    return stroke


def _jitter_pair(low, high, limit, rng, jitter):
    low, high = np.round((low, high) + rng.normal(0, jitter * (high - low), 2)).astype(int)
    low = int(np.clip(min(low, high), 0, limit - 1))
    return low, int(np.clip(high, low + 1, limit))


def _middle(y, x, chosen):
    """The middle one of the chosen pixels, as (y, x) in reading order."""
    at = np.flatnonzero(chosen)
    at = at[len(at) // 2]
    return int(y[at]), int(x[at])


# The view


class WeakView:
    """What a method under some supervision may see of some pictures, and nothing more.

    supervision: one of `OPENS`. needs: names out of `NEEDS`; "extreme" opens the extreme points,
    "captions" the captions, "ood" the names of pictures without objects. trunk: whatever computes
    features of the pictures; it is handed through.

    `ids` (N names), `classes` (C names) and the pictures are always open, and so are `tags` (N, C)
    bool, but for supervision "none". Everything else raises `PeekError` unless opened. The
    annotations are drawn here and now; afterwards the view knows paths of pictures only, neither
    masks nor the world they lie in.
    width, length, background, jitter: knobs of the simulators above.
    """

    def __init__(
        self,
        world,
        ids,
        supervision,
        needs=(),
        seed=0,
        trunk=None,
        *,
        width=2,
        length=1.0,
        background=1,
        jitter=0.0,
    ):
        _known(supervision, needs)
        self.ids, self.classes = tuple(ids), tuple(world.classes)
        self.supervision, self.needs, self.seed = supervision, tuple(needs), seed
        self.trunk = trunk
        if supervision != "none":
            self.tags = _tag_matrix(world, self.ids)
        self._ood = tuple(world.ids("ood")) if "ood" in needs and "ood" in world.splits else ()
        self._paths = {id: world.image_path(id) for id in (*self.ids, *self._ood)}
        knobs = {"width": width, "length": length, "background": background, "jitter": jitter}
        self._open = {kind: {} for kind in opened(supervision, needs)}
        rows = progress(self.ids, f"drawing {' and '.join(self._open)}") if self._open else ()
        for id in rows:
            for kind, store in self._open.items():
                store[id] = _annotate(world, id, kind, seed, knobs)

    def __len__(self):
        return len(self.ids)

    def __repr__(self):
        more = f" + {', '.join(self.needs)}" if self.needs else ""
        return f"<WeakView of {len(self)} pictures: {self.supervision}{more}>"

    def image(self, id):
        """(H, W, 3) uint8, RGB."""
        return read_image(self._row(self._paths, id))

    def __getattr__(self, name):
        """Only asked for what is not there: the tags of a view without supervision."""
        if name == "tags":
            raise self._peek("tags")
        raise AttributeError(f"a WeakView has no {name}")

    def features(self, stage, **options):
        """Features of all pictures of the view, from the trunk."""
        return self.trunk.features(self, stage, **options)

    def points(self, id):
        """List of (y, x, cls); cls 0 is background."""
        return list(self._look("points", id))

    def scribbles(self, id):
        """(H, W) uint8: class numbers on strokes, 255 elsewhere."""
        return _unpack(self._look("scribbles", id))

    def boxes(self, id):
        """List of `Box`."""
        return list(self._look("boxes", id))

    def extreme(self, id):
        """List of `Extreme`."""
        return list(self._look("extreme", id))

    def caption(self, id):
        """One sentence about the picture."""
        return self._look("caption", id)

    def mask(self, id):
        """(H, W) uint8: 0 background, k = classes[k - 1], 255 void."""
        return _unpack(self._look("mask", id))

    def instances(self, id):
        """(H, W) uint8: k = k-th object, 255 void."""
        return _unpack(self._look("instances", id))

    @property
    def ood(self):
        """Names of pictures that show contexts without objects; () where the world has none."""
        if "ood" not in self.needs:
            raise self._peek("ood")
        return self._ood

    def _look(self, kind, id):
        if kind not in self._open:
            raise self._peek(kind)
        return self._row(self._open[kind], id)

    def _row(self, store, id):
        if id not in store:
            raise InputError(f"The picture {id} is not in this view of {len(self)}; see view.ids.")
        return store[id]

    def _peek(self, kind):
        return PeekError(
            f"supervision {self.supervision!r} may not look at {CALLED.get(kind, kind)}; "
            f"ask for {REMEDY[kind]} and pay for it, or do without."
        )


def opened(supervision, needs=()):
    """Kinds of annotation that a supervision and its needs open beside tags."""
    return (*OPENS[supervision], *(OPENED_BY_NEED[n] for n in needs if n in OPENED_BY_NEED))


def _known(supervision, needs):
    if supervision not in OPENS:
        raise InputError(f"Unknown supervision {supervision!r}; choose from {', '.join(OPENS)}.")
    for need in needs:
        if need not in NEEDS:
            raise InputError(f"Unknown need {need!r}; choose from {', '.join(NEEDS)}.")


def _tag_matrix(world, ids):
    """(N, C) bool, not to be written to."""
    tags = np.zeros((len(ids), len(world.classes)), bool)
    for row, id in enumerate(ids):
        tags[row] = world.tags(id)
    tags.setflags(write=False)
    return tags


def _annotate(world, id, kind, seed, knobs):
    """The annotation of one kind for one picture, in the form it is kept."""
    rng = rng_for(seed, kind, id)
    if kind == "caption":
        return world.caption(id)
    if kind == "boxes":
        shape = image_size(world.image_path(id))
        return jitter_boxes(world.boxes(id), shape, rng, knobs["jitter"])
    if kind in ("mask", "instances"):
        return _pack(getattr(world, kind)(id))
    by_hand = world.drawn(id, kind)
    if by_hand is not None:  # a person's, where there are any
        if kind == "extreme":
            return by_hand
        if kind == "scribbles":
            return _pack(by_hand)
        return [(int(y), int(x), int(by_hand[y, x])) for y, x in np.argwhere(by_hand < UNLABELLED)]
    mask, instances = world.mask(id), world.instances(id)
    if kind == "points":
        return points(mask, instances, rng, knobs["background"])
    if kind == "extreme":
        return extreme_points(mask, instances)
    return _pack(scribbles(mask, instances, rng, knobs["width"], knobs["length"]))


def _pack(labels):
    """Label maps are kept compressed: 10,000 of VOC's size would fill 2 GB."""
    return labels.shape, zlib.compress(labels.tobytes(), 1)


def _unpack(packed):
    shape, data = packed
    return np.frombuffer(bytearray(zlib.decompress(data)), np.uint8).reshape(shape)
