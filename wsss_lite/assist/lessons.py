"""What a promptable segmenter learns from: things of the corpus and of the odd scenes.

SAM segments anything, so the objects that have a class are only some of the things. Trees, houses,
lamps, rocks and furniture count too, each connected piece of such stuff; so do the parts of an
object, which are the smaller of the masks that a click may mean. `HELD_OUT` classes are never
seen: a corpus scene with one of them in it is left out whole, so that neither its pixels nor
its surroundings teach anything.
"""

import hashlib
import json
import math
import shutil
from pathlib import Path

import cv2
import numpy as np

from wsss_lite.assist import oddities
from wsss_lite.data import pocket
from wsss_lite.data.contexts import STUFF_ID
from wsss_lite.data.corpus import Corpus
from wsss_lite.data.images import VOID
from wsss_lite.errors import InputError
from wsss_lite.files import atomic
from wsss_lite.progress import progress

HELD_OUT = ("bird", "horse")  # as in the pocket CLIP without them; filling their boxes gives .38
SEEN, UNSEEN, CLUTTER, PART, ODD = KINDS = ("seen", "unseen", "clutter", "part", "odd")
THINGS, PARTS = 0, 1  # the two layers of numbers
CLUTTER_STUFF = ("other", "trees", "building")
LEAST = {THINGS: 50, PARTS: 40}  # pixels of clutter and of parts
MOST_CLUTTER, MOST_PART = 0.4, 0.8  # share of the picture, of the object
STAGES = ("c2", "c3", "c4", "c5")
CHUNK = 40  # scenes that are computed before they are written down


# ------------------------------------------------------------------ the things of a scene
def things_of(instances, parts, stuff=None, kinds=None):
    """(layers (2, H, W) uint8, rows): the numbered things of a scene, and a row for each.

    instances: (H, W) uint8, 255 void; parts: (H, W) labels; stuff: (H, W) indices into STUFF, None
    where there is no clutter; kinds: of each object, all `ODD` by default. Layer `THINGS` numbers
    objects, then clutter, with 255 for void; layer `PARTS` numbers connected parts, with 255 on
    clutter that is no thing, as a row of houses from edge to edge. A row is (layer, number, kind,
    x0, y0, x1, y1), the kind as its place in `KINDS`.
    """
    layers, rows = np.zeros((2, *instances.shape), np.uint8), []
    layers[THINGS] = instances
    numbers = np.setdiff1d(instances, (0, VOID)).tolist()
    for number in numbers:
        own = instances == number
        if own.sum() >= pocket.scenes.SMALLEST:
            kind = KINDS.index(kinds[number - 1] if kinds else ODD)
            rows.append((THINGS, number, kind, *corners(own)))
        add_parts(layers, rows, own, parts)
    if stuff is not None:
        for name in CLUTTER_STUFF:
            free = (stuff == STUFF_ID[name]) & (instances == 0)
            add_pieces(layers, rows, THINGS, CLUTTER, free, MOST_CLUTTER * free.size)
            layers[PARTS][free & (layers[THINGS] == 0)] = VOID
    return layers, np.array(rows, np.int32).reshape(-1, 7)


def add_parts(layers, rows, own, parts):
    """The connected parts of one object, unless one of them is nearly all of it."""
    for label in np.setdiff1d(parts[own], (0,)):
        add_pieces(layers, rows, PARTS, PART, own & (parts == label), MOST_PART * own.sum())


def add_pieces(layers, rows, layer, kind, mask, most):
    """Number the connected pieces of a mask that are neither too small nor larger than `most`."""
    count, labels, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    for piece in range(1, count):
        x, y, width, height, area = facts[piece]
        number = int(layers[layer][layers[layer] != VOID].max()) + 1
        if LEAST[layer] <= area <= most and width < mask.shape[1] and number < VOID:
            layers[layer][labels == piece] = number
            rows.append((layer, number, KINDS.index(kind), x, y, x + width, y + height))


def corners(mask):
    """x0, y0, x1, y1 of the tightest box, half-open."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return x, y, x + width, y + height


def of_world(world, id):
    """(picture, layers, rows) of a scene of PocketVOC; objects are `SEEN` or `UNSEEN`."""
    kinds = [UNSEEN if one["name"] in HELD_OUT else SEEN for one in world.objects(id)]
    made = things_of(world.instances(id), world.parts(id), world.stuff(id), kinds)
    return world.image(id), *made


def of_oddity(number):
    """(picture, layers, rows) of an odd scene."""
    picture, things, pieces = oddities.odd_scene(oddities.FIRST_SEED + number)
    return picture, *things_of(things, pieces)


def allowed(world, ids):
    """Those of the scenes in which no held-out class appears."""
    return [id for id in ids if not {one["name"] for one in world.objects(id)} & set(HELD_OUT)]


# ------------------------------------------------------------------ all of them, on disk
class Lessons:
    """Scenes with their things and features, memory-mapped.

    pictures: (N, S, S, 3) uint8; layers: (N, 2, S, S) uint8; features: for each stage (N, c, h, w)
    float16; table: (T, 8) int32, the scene and then a row of `things_of`.
    """

    def __init__(self, pictures, layers, features, table):
        self.pictures, self.layers, self.features, self.table = pictures, layers, features, table
        self.things = [[] for _ in pictures]  # rows of the table by scene
        for place, scene in enumerate(table[:, 0]):
            self.things[scene].append(place)

    def __len__(self):
        return len(self.pictures)


def lessons(folder, trunk, scenes=None, odd=2000):
    """The `Lessons` of the first `scenes` of the corpus, all by default, and so many odd scenes.

    Computed on first use and kept below `folder`; an interrupted run goes on where it stopped.
    """
    count = pocket.SPLITS["corpus"][0] if scenes is None else scenes
    world = Corpus(count) if count else None
    ids = allowed(world, world.ids("corpus")) if count else []
    sources = [*((of_world, (world, id)) for id in ids), *((of_oddity, (k,)) for k in range(odd))]
    key = f"{pocket.world_hash(pocket.Knobs())} {trunk.fingerprint()} {count} {odd}"
    for module in (oddities.__file__, __file__):
        key += pocket.code_of(module)
    folder = Path(folder) / f"lessons-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    return build(folder, sources, trunk)


def build(folder, sources, trunk):
    """`Lessons` of a list of (function, arguments) that give (picture, layers, rows) each."""
    folder = Path(folder)
    arrays, done, table = opened(folder, len(sources), trunk)
    for start in progress(range(done, len(sources), CHUNK), "lessons"):
        found = [make(*arguments) for make, arguments in sources[start : start + CHUNK]]
        where = slice(start, start + len(found))
        arrays["pictures"][where] = [picture for picture, _, _ in found]
        arrays["layers"][where] = [layers for _, layers, _ in found]
        for first in range(0, len(found), 4):
            some = [picture for picture, _, _ in found[first : first + 4]]
            for stage, values in trunk(some, STAGES).items():
                place = start + first
                arrays[stage][place : place + len(some)] = values.half().cpu().numpy()
        for k, (_, _, rows) in enumerate(found):
            table += [[start + k, *row] for row in rows.tolist()]
        for array in arrays.values():
            array.flush()
        with atomic(folder / "table.json") as path:  # last: what it counts is complete
            path.write_text(json.dumps({"done": where.stop, "table": table}))
    table = np.array(table, np.int32).reshape(-1, 8)
    return Lessons(arrays["pictures"], arrays["layers"], [arrays[s] for s in STAGES], table)


def opened(folder, count, trunk):
    """(arrays by name, number of complete scenes, their rows), made where they are not there."""
    path, side = folder / "table.json", pocket.scenes.SIZE
    shapes = {"pictures": ((side, side, 3), np.uint8), "layers": ((2, side, side), np.uint8)}
    blank = trunk([np.zeros((side, side, 3), np.uint8)], STAGES)
    shapes |= {stage: (tuple(blank[stage].shape[1:]), np.float16) for stage in STAGES}
    known = json.loads(path.read_text()) if path.exists() else {"done": 0, "table": []}
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        need_room(folder, count * sum(np.dtype(t).itemsize * math.prod(s) for s, t in
                                      shapes.values()))  # fmt: skip
    mode = "r+" if path.exists() else "w+"
    arrays = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", mode, dtype, (count, *shape))
        for name, (shape, dtype) in shapes.items()
    }
    return arrays, known["done"], known["table"]


def need_room(folder, size):
    """InputError unless so many bytes are free: writing a mapped file to a full disk kills us."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise InputError(f"{folder} has room for {free / 1e9:.1f} GB, the lessons need "
                         f"{size / 1e9:.1f} GB; free some space or give --work another folder.")
