"""PocketVOC: a world of drawn scenes in VOC layout that builds itself on first use.

Scene number i of a split always has the same seed, so a split is known before it is drawn, and
only what is asked for is drawn, twenty scenes at a time. The cached folder can be read by
anything that reads VOC; `Scenes/` holds what VOC has no place for.
"""

import ast
import hashlib
import json
import platform
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from wsss_lite.data import camera, casting, contexts, drawing, objects, scenes
from wsss_lite.data.images import read_mask, write_mask
from wsss_lite.data.scenes import CLASSES, Knobs, draw, plan
from wsss_lite.data.voc import Sample, VOCFolder, hash_order, write_lists, write_sample
from wsss_lite.data.world import Box
from wsss_lite.errors import InputError
from wsss_lite.files import atomic, cache_dir, lock, shared_dir
from wsss_lite.progress import progress

WORLD_VERSION = "2"  # raise it whenever scenes or splits change: every result is then re-run

# split: (number of scenes, first seed)
SPLITS = {
    "train": (1000, 1_000_000),
    "val": (200, 2_000_000),
    "test": (1000, 3_000_000),
    "ood": (200, 4_000_000),  # contexts without objects
    "fresh": (200, 5_000_000),  # to confirm closing numbers
    "sweep": (1200, 6_000_000),  # the pool of `subset`: 600 casts at co-occurrence 1, then 0
    "corpus": (4000, 7_000_000),  # only to pretrain the assistants
}
BASE = ("train", "val", "tune", "dev", "test", "ood")  # what a world has without being asked
TUNE = 20  # the first scenes of val are the masks that a weak method may use
TUNE_EACH = 2  # of which at least so many hold each class
HALF = SPLITS["sweep"][0] // 2
CHUNK = 20  # scenes drawn together; the unit of an interrupted build

RENDERER = (drawing, objects, contexts, camera, casting, scenes)
PARTS_FOLDER, STUFF_FOLDER, RECORDS = "Parts", "Stuff", "Scenes"


class PocketVOC(VOCFolder):
    """The drawn world.

    limit: have only the first so many scenes of each split (tune stays complete).
    extra: further splits to have, of "fresh", "sweep" and "corpus".
    knobs: another world than the default one; `folder`: where to keep it, else the cache.
    """

    def __init__(self, limit=None, extra=(), knobs=Knobs(), folder=None):
        self.limit, self.knobs = limit, knobs
        self._digest = world_hash(knobs)
        stem = f"pocket-{WORLD_VERSION}-{self._digest[:8]}"
        self._places = [Path(folder) if folder else cache_dir() / stem]  # the first is written
        if not folder and shared_dir():
            self._places.append(shared_dir() / stem)
        self._records, self._ready = {}, {}  # of each split that is ready, the place
        self._build("val")
        super().__init__(self._ready["val"], CLASSES)
        self.name, self.has_masks, self.tags_from = "pocket", True, "annotations"
        self.splits = BASE
        for split in extra:
            self.ids(split)

    # Splits

    def ids(self, split):
        """Names of the scenes of a split, drawing what is not there yet."""
        source = "val" if split in ("tune", "dev") else split
        if source not in SPLITS:
            raise InputError(f"PocketVOC has no split {split!r}; it has {', '.join(SPLITS)}, "
                             "tune and dev.")
        self._build(source)
        if split not in self.splits:
            self.splits = (*self.splits, split)
        names = [name_of(source, number) for number in range(self._count(source))]
        return names[:TUNE] if split == "tune" else names[TUNE:] if split == "dev" else names

    def _count(self, split):
        """Number of scenes of a split in this world."""
        whole, _ = SPLITS[split]
        if self.limit is None or split == "sweep":
            return whole
        return min(whole, max(self.limit, TUNE) if split == "val" else self.limit)

    def _build(self, split):
        """Read the records of a split where it is complete, else draw its missing scenes first."""
        if split in self._ready:
            return
        chunks = [(split, start) for start in range(0, self._count(split), CHUNK)]
        found = {place: read_records(place, chunks) for place in self._places}
        place = next((place for place in self._places if found[place]), self._places[0])
        if not found[place]:
            with lock(place.with_name(place.name + ".lock")):
                build(place, chunks, self.knobs, self._digest)
            found[place] = read_records(place, chunks)
        self._records |= found[place]
        self._ready[split] = place

    def home(self, id):
        """The folder that holds a scene: of one's own, or one that many share."""
        self._record(id)
        return self._ready[id.partition("_")[0]]

    def _record(self, id):
        """What was written down about a scene: caption, context, seed, coupled, objects."""
        if id not in self._records and id.partition("_")[0] in SPLITS:
            self._build(id.partition("_")[0])
        if id not in self._records:
            raise InputError(f"PocketVOC has no scene {id!r} here; names look like train_0000, "
                             "and `limit` cuts the splits.")
        return self._records[id]

    # One scene

    def _find_tags(self, id):
        return {thing["cls"] for thing in self._record(id)["objects"]}

    def boxes(self, id):
        """List of `Box`, one for each object, in the order of the object numbers."""
        return boxes_of(self._record(id)["objects"])

    def objects(self, id):
        """List of dicts, one for each object: cls, name, pose, box, area, rest."""
        return [dict(thing) for thing in self._record(id)["objects"]]

    def parts(self, id):
        """(H, W) uint8 indices into scenes.PARTS: heads, legs, wheels, ..."""
        return read_mask(self.home(id) / PARTS_FOLDER / f"{id}.png")

    def stuff(self, id):
        """(H, W) uint8 indices into scenes.STUFF: sky, water, rails, ...; 0 under objects."""
        return read_mask(self.home(id) / STUFF_FOLDER / f"{id}.png")

    def caption(self, id):
        """A sentence about the scene."""
        return self._record(id)["caption"]

    def context(self, id):
        """meadow, lake, street, rails or room."""
        return self._record(id)["context"]

    def coupled(self, id):
        """Whether the scene was drawn with its cast where it belongs."""
        return self._record(id)["coupled"]

    def scene(self, id):
        """The scene drawn anew, with everything the files do not hold."""
        split, number = id.split("_")
        return draw_scene(split, int(number), self.knobs)

    # Identity

    scored_split = "test"

    def fingerprint(self):
        """Hex string of the world's version, knobs, splits and drawing code; not of the pixels,
        so that machines that round differently still agree which world it is."""
        return self._digest

    def verify(self, redraw=0):
        """List of what is wrong: files that are not as they were written, and, of the first
        `redraw` scenes of each split, those that come out differently when drawn again."""
        problems = []
        for split in sorted(self._ready):
            for start in range(0, self._count(split), CHUNK):
                if not as_written(self._ready[split], split, start):
                    problems.append(f"Scenes {start} to {start + CHUNK - 1} of {split} have "
                                    f"changed on disk; delete {self._ready[split]}.")
            for number in range(min(redraw, self._count(split))):
                id = name_of(split, number)
                if not np.array_equal(self.scene(id).instances, self.instances(id)):
                    problems.append(f"{id} is drawn differently now; delete {self.home(id)}.")
        return problems

    def mend(self):
        """Draw again what is not on disk as it was written, of one's own splits that are ready;
        returns how many chunks of twenty scenes that were."""
        own, mended = self._places[0], 0
        for split in [split for split, place in self._ready.items() if place == own]:
            chunks = [(split, start) for start in range(0, self._count(split), CHUNK)]
            damaged = [chunk for chunk in chunks if not as_written(own, *chunk)]
            for chunk in damaged:
                build_chunk(own, *chunk, self.knobs)
            mended += len(damaged)
        return mended

    # Sweeps

    def subset(self, ids, n, cooccurrence=None, pairing=None, size=None, seed=0):
        """`n` of the `ids`, chosen so that one property is turned and class frequency is not.

        cooccurrence: 0..1, for the ids of "sweep" only; the casts are the same for every value,
            a share of the scenes plays where the cast belongs.
        pairing: share of the horse scenes that hold a person; as many horses for every value.
        size: "small", "large" or a quantile 0..1 of the largest object's area among the scenes
            whose largest object is of that class; a third of the scenes around it is kept.
        """
        rng = np.random.default_rng(seed)
        pool = {}  # cast number -> the scenes with that cast
        for id in ids:
            pool.setdefault(self._cast_of(id, cooccurrence), []).append(id)
        casts = [cast for cast, twins in pool.items() if cooccurrence is None or len(twins) == 2]
        casts = [casts[k] for k in rng.permutation(len(casts))]
        if size is not None:
            casts = self._of_size(casts, pool, size)
        if pairing is not None:
            casts = self._paired(casts, pool, pairing, n)
        if n > len(casts):
            raise InputError(f"Only {len(casts)} scenes fit that choice, not {n}; ask for fewer.")
        tied = 0 if cooccurrence is None else round(cooccurrence * n)
        # A cast is drawn coupled or not by its place in a list shuffled without regard to r.
        order = rng.permutation(n)
        return [pool[cast][0 if cooccurrence is None or rank < tied else 1]
                for cast, rank in zip(casts, order)]

    def _cast_of(self, id, cooccurrence):
        """What makes two scenes twins: in the sweep, scene i and i + HALF have one cast."""
        split, number = id.split("_")
        if cooccurrence is None:
            return id
        if split != "sweep":
            raise InputError(f"{id} has no twin in another context: to turn co-occurrence, "
                             "choose from ids('sweep').")
        return int(number) % HALF

    def _of_size(self, casts, pool, size):
        """The third of the casts around a quantile, ranked within the class of the largest."""
        centre = {"small": 0., "large": 1.}.get(size, size)
        if isinstance(centre, str) or not 0 <= centre <= 1:
            raise InputError(f"size is {size!r}; say 'small', 'large' or a number from 0 to 1.")
        groups = {}
        for cast in casts:
            largest = [max(self._record(id)["objects"], key=lambda thing: thing["area"])
                       for id in pool[cast]]
            area = np.mean([thing["area"] for thing in largest])
            groups.setdefault(largest[0]["name"], []).append((area, cast))
        kept = set()
        for group in groups.values():
            group.sort(key=lambda pair: pair[0])
            third = max(1, round(len(group) / 3))
            start = round(centre * (len(group) - third))
            kept |= {cast for _, cast in group[start:start + third]}
        return [cast for cast in casts if cast in kept]

    def _paired(self, casts, pool, pairing, n):
        """`n` casts of which a fixed number hold a horse, and that share of them a person."""
        names = {cast: {thing["name"] for thing in self._record(pool[cast][0])["objects"]}
                 for cast in casts}
        horses = [cast for cast in casts if "horse" in names[cast]]
        ridden = [cast for cast in horses if "person" in names[cast]]
        alone = [cast for cast in horses if "person" not in names[cast]]
        others = [cast for cast in casts if "horse" not in names[cast]]
        number = min(round(n * len(horses) / max(1, len(casts))), len(ridden), len(alone))
        together = round(pairing * number)
        chosen = ridden[:together] + alone[:number - together] + others[:n - number]
        return [cast for cast in casts if cast in set(chosen)]


# Scenes and seeds


def name_of(split, number):
    return f"{split}_{number:04d}"


@lru_cache(maxsize=None)
def val_order(knobs):
    """Seeds of val, those of tune first: chosen by hash so that every class is in tune."""
    count, first = SPLITS["val"]
    seeds = hash_order(list(map(str, range(first, first + count))), "tune")
    casts = {seed: {actor.cls for actor in plan(int(seed), knobs).cast} for seed in seeds}
    chosen = []
    for name in CLASSES:
        held = sum(name in casts[seed] for seed in chosen)
        rest = [seed for seed in seeds if name in casts[seed] and seed not in chosen]
        chosen += rest[:max(0, TUNE_EACH - held)]
    chosen += [seed for seed in seeds if seed not in chosen][:TUNE - len(chosen)]
    chosen = sorted(map(int, chosen))
    return chosen + sorted(set(map(int, seeds)) - set(chosen))


def draw_scene(split, number, knobs):
    """The `Scene` with this number in a split."""
    _, first = SPLITS[split]
    if split == "val":
        return draw(val_order(knobs)[number], knobs)
    if split == "ood":
        kind = ("lake", "rails", "lake", "rails", "meadow")[number % 5]
        kind = ("meadow", "street", "room")[number // 5 % 3] if kind == "meadow" else kind
        return draw(first + number, knobs, context=kind, cast=())
    if split == "sweep":
        return draw(first + number % HALF, replace(knobs, cooccurrence=float(number < HALF)))
    return draw(first + number, knobs)


# Building


def build(root, chunks, knobs, digest):
    """Draw and write those chunks (split, first scene) that are not there, then the lists."""
    missing = [chunk for chunk in chunks if not read_records(root, [chunk])]
    if not missing:
        return
    for split, start in progress(missing, f"drawing {missing[0][0]} scenes"):
        build_chunk(root, split, start, knobs)
    write_version(root, digest)
    write_all_lists(root)


def build_chunk(root, split, start, knobs):
    """Write twenty scenes and, last, the record that says that they are complete."""
    records = {}
    for number in range(start, min(start + CHUNK, SPLITS[split][0])):
        scene, id = draw_scene(split, number, knobs), name_of(split, number)
        picture = scene.file if knobs.camera.jpeg else scene.image
        boxes = boxes_of(scene.objects)
        write_sample(root, Sample(id, picture, scene.mask, scene.instances, boxes), CLASSES)
        write_mask(root / PARTS_FOLDER / f"{id}.png", scene.parts)
        write_mask(root / STUFF_FOLDER / f"{id}.png", scene.stuff)
        records[id] = {"caption": scene.caption, "context": scene.context,
                       "coupled": scene.coupled, "objects": scene.objects}
    content = {"sha256": files_hash(root, records), "scenes": records}
    with atomic(record_path(root, split, start)) as temporary:
        temporary.write_text(json.dumps(content))


def write_all_lists(root):
    """The lists of ImageSets for every scene that is there."""
    splits, boxes = {}, {}
    for path in sorted((root / RECORDS).glob("*.json")):
        split, start = path.stem.rsplit("_", 1)
        for id, record in (read_records(root, [(split, int(start))]) or {}).items():
            splits.setdefault(split, []).append(id)
            boxes[id] = boxes_of(record["objects"])
    if "val" in splits:  # a folder beside a shared one may lack it
        splits["tune"] = splits["val"][:TUNE]
    write_lists(root, splits, boxes, CLASSES)


def write_version(root, digest):
    """VERSION: which world this is and what drew it."""
    drawn_by = {name: version(name) for name in ("numpy", "pillow")}
    drawn_by |= {"opencv": scenes.cv2.__version__, "python": platform.python_version()}
    content = {"version": WORLD_VERSION, "fingerprint": digest, "drawn_by": drawn_by}
    with atomic(root / "VERSION") as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n")


def boxes_of(things):
    """List of `Box` from the object descriptions of a scene."""
    return [Box(thing["cls"], *thing["box"]) for thing in things]


def record_path(root, split, start):
    return root / RECORDS / f"{split}_{start:04d}.json"


def read_records(root, chunks):
    """{id: record} of some chunks; None when one is not there, or cannot be read any more."""
    found = {}
    for chunk in chunks:
        try:
            found |= json.loads(record_path(root, *chunk).read_text(encoding="utf-8"))["scenes"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
    return found


def as_written(root, split, start):
    """Whether the files of a chunk are those that its record was written for."""
    try:
        record = json.loads(record_path(root, split, start).read_text(encoding="utf-8"))
        return files_hash(root, record["scenes"]) == record["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


# Hashes


def files_hash(root, ids):
    """sha256 over pictures and masks of some scenes."""
    digest = hashlib.sha256()
    kinds = (("JPEGImages", "jpg"), ("SegmentationClass", "png"), ("SegmentationObject", "png"),
             (PARTS_FOLDER, "png"), (STUFF_FOLDER, "png"), ("Annotations", "xml"))
    for id in ids:
        for folder, ending in kinds:
            path = root / folder / f"{id}.{ending}"
            digest.update(path.read_bytes() if path.exists() else b"missing")
    return digest.hexdigest()


def world_hash(knobs):
    """Hex string that changes with the version, the knobs, the splits and the drawing code."""
    digest = hashlib.sha256(f"{WORLD_VERSION} {SPLITS} {knobs} {TUNE}".encode())
    for module in RENDERER:
        digest.update(code_of(module.__file__).encode())
    return digest.hexdigest()


@lru_cache(maxsize=None)
def code_of(path):
    """The text of a source file without docstrings, comment lines and empty lines."""
    text = Path(path).read_text(encoding="utf-8")
    words = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            words |= set(range(node.lineno, node.end_lineno + 1))
    lines = [line.strip() for k, line in enumerate(text.splitlines(), 1) if k not in words]
    return "\n".join(line for line in lines if line and not line.startswith("#"))
