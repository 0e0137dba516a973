"""Features computed once, kept on disk, read through the memory map.

A split's pictures are featurised in chunks of 100, one file per chunk and stage, so that an
interrupted run goes on where it stopped, a limit costs only what it needs, and two notebooks at
once never wait for more than a chunk.
"""

import contextlib
import hashlib
import io
import time
import warnings
import weakref
import zlib
from itertools import islice
from pathlib import Path

import numpy as np

from wsss_lite.data.images import read_image
from wsss_lite.files import (
    atomic,
    cache_dir,
    lock,
    shared_dir,
    shrink_files,
    shrink_folders,
    touch,
)
from wsss_lite.progress import progress

CHUNK = 100
BATCH = 4  # pictures whose features are computed together: small layers stay in the cache
CAP_BYTES = 2_000_000_000
CHANGED_BYTES = 600_000_000  # of these, what features of changed pictures may fill


class FeatureBank:
    """Cached features of one world under one trunk.

    Holds picture paths and split lists only: nothing here leads to a mask.
    """

    def __init__(self, world, trunk, folder=None, cap_bytes=CAP_BYTES):
        self.trunk = trunk
        self.folder = Path(folder or cache_dir() / "features")
        self.places = [self.folder]  # where to look; only the first is ever written
        if not folder and shared_dir():
            self.places.append(shared_dir() / "features")
        self.cap_bytes = cap_bytes
        self.key = f"{world.fingerprint()[:12]}-{trunk.fingerprint()[:12]}"
        self.lists = {split: tuple(world.ids(split)) for split in world.splits}
        self.paths = {i: world.image_path(i) for ids in self.lists.values() for i in ids}
        self.place = {}  # id -> (split, row): the first split that lists it keeps it
        for split, ids in self.lists.items():
            for row, name in enumerate(ids):
                self.place.setdefault(name, (split, row))
        self.verified = {}
        self.lent = weakref.WeakSet()  # rows of changed pictures that somebody still reads
        self.seconds = 0.0  # spent computing, so that a row can report it apart
        self.changed_seconds = 0.0  # the same for changed pictures: part of a method's own time

    def features(self, ids, stage, size=None, flip=False):
        """Lazy (N, c, h, w) float16 rows of `ids` (`pooled`: (N, c)); see `Rows`."""
        ids = getattr(ids, "ids", ids)  # a view may stand for its pictures
        self.prepare(ids, (stage,), size, flip)
        variant = self._variant(stage, size, flip)
        chunks = {c: self._find(self._stem(c, variant)) for c in self._chunks(ids)}
        where = [(self.place[n][0], *divmod(self.place[n][1], CHUNK)) for n in ids]
        return Rows([chunks[split, c] for split, c, _ in where], [row for *_, row in where])

    def prepare(self, ids, stages, size=None, flip=False):
        """Compute what the cache lacks, all stages in one forward pass a picture."""
        touch(self.folder / self.key)  # in use: other processes leave it alone
        start = time.perf_counter()
        wanted = [(s, self._variant(s, size, flip)) for s in stages]
        missing = {}
        for chunk in self._chunks(ids):
            lacking = tuple(s for s, v in wanted if self._find(self._stem(chunk, v)) is None)
            if lacking:
                missing[chunk] = lacking
        for chunk in progress(missing, "features"):
            self._compute(chunk, missing[chunk], size, flip)
        if missing:
            shrink_folders(self.folder, self.cap_bytes)
            self.seconds += time.perf_counter() - start

    def _chunks(self, ids):
        return list(dict.fromkeys((self.place[n][0], self.place[n][1] // CHUNK) for n in ids))

    def _variant(self, stage, size, flip):
        return f"{stage}-{size or self.trunk.size}{'-flip' if flip else ''}"

    def changed(self, pictures, stages=("final",)):
        """Features of pictures that no list holds (erased, pasted): {stage: `Rows`}.

        pictures: an iterable of (H, W, 3) uint8, walked through once. The features are kept on
        disk under a hash of the pixels, so that the same change is computed once.
        """
        folder = self.folder / f"changed-{self.trunk.fingerprint()[:12]}"
        pictures, paths, rows = iter(pictures), {s: [] for s in stages}, []
        while chunk := list(islice(pictures, CHUNK)):
            found = self._changed(chunk, stages, folder)
            for stage in stages:
                paths[stage] += [found[stage]] * len(chunk)
            rows += range(len(chunk))
        lent = {stage: Rows(paths[stage], rows) for stage in stages}
        self.lent.update(lent.values())
        held = {path for rows in self.lent for path in rows.paths}
        shrink_files(folder, CHANGED_BYTES, held)
        return lent

    def _changed(self, chunk, stages, folder):
        digest = hashlib.sha256()
        for picture in chunk:
            digest.update(repr(picture.shape).encode() + np.ascontiguousarray(picture).tobytes())
        stems = {s: folder / f"{digest.hexdigest()[:24]}-{self._variant(s, None, False)}"
                 for s in stages}  # fmt: skip
        lacking = [s for s in stages if self._find(stems[s]) is None]
        if lacking:
            start = time.perf_counter()
            for stage, values in self._run(chunk, lacking).items():
                self._store(stems[stage], values)
            self.changed_seconds += time.perf_counter() - start
        return {s: self._find(stems[s]) for s in stages}

    def _stem(self, chunk, variant):
        split, number = chunk
        # the count tells a full chunk from one that a limit has cut short
        count = len(self.lists[split][number * CHUNK : (number + 1) * CHUNK])
        return self.folder / self.key / f"{split}-{number:03d}x{count}-{variant}"

    def _find(self, stem):
        """The file of that stem if a sound one is there; a damaged one of our own is removed."""
        if stem in self.verified and self.verified[stem].exists():
            return self.verified[stem]
        for place in self.places:
            for path in (place / stem.parent.name).glob(f"{stem.name}.*.npy"):
                if sound(path):
                    self._own(path, touch)
                    self.verified[stem] = path
                    return path
                warnings.warn(f"{path.name} in the feature cache is damaged: computing it again")
                self._own(path, Path.unlink)
        return None

    def _own(self, path, act):
        """Do something to a file of ours; nothing to one of a folder that others read too."""
        if path.is_relative_to(self.folder):
            with contextlib.suppress(OSError):
                act(path)

    def _compute(self, chunk, stages, size, flip):
        split, number = chunk
        stem = self._stem(chunk, self._variant("+".join(stages), size, flip))
        with lock(stem.with_name(stem.name + ".lock")):
            if {"final", "pooled"} & set(stages):  # one costs nothing beside the other
                stages = tuple({*stages, "final", "pooled"})
            variants = {s: self._variant(s, size, flip) for s in stages}
            stems = {s: self._stem(chunk, v) for s, v in variants.items()}
            lacking = [s for s in stages if self._find(stems[s]) is None]
            if not lacking:  # another notebook was faster
                return
            names = self.lists[split][number * CHUNK : (number + 1) * CHUNK]
            pictures = (read_image(self.paths[n]) for n in names)
            for stage, values in self._run(pictures, lacking, size, flip).items():
                self._store(stems[stage], values)

    def _run(self, pictures, stages, size=None, flip=False):
        pictures, parts = iter(pictures), []
        while batch := list(islice(pictures, BATCH)):
            found = self.trunk(batch, stages, size, flip)
            parts.append({s: v.half().cpu().numpy() for s, v in found.items()})
        return {s: np.concatenate([p[s] for p in parts]) for s in stages}

    def _store(self, stem, values):
        buffer = io.BytesIO()
        np.save(buffer, values)
        digest = f"{zlib.crc32(buffer.getvalue()):08x}"
        with atomic(stem.with_name(f"{stem.name}.{digest}.npy")) as path:
            path.write_bytes(buffer.getvalue())


class Rows:
    """Rows gathered from several files only when they are indexed.

    Behaves as an (N, ...) array for `len`, `.shape`, slices and integer arrays. A file is mapped
    for as long as a gather takes, so that features never pile up in the process's memory.
    """

    def __init__(self, paths, rows):
        self.paths, self.rows = np.asarray(paths, object), np.asarray(rows)
        inner = np.load(paths[0], mmap_mode="r").shape[1:] if len(rows) else ()
        self.shape = (len(rows), *inner)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        """float32 copy of the chosen rows (one row for an integer)."""
        if isinstance(index, (int, np.integer)):
            return self[[index]][0]
        chosen = np.arange(len(self))[index]
        out = np.empty((len(chosen), *self.shape[1:]), np.float32)
        paths = self.paths[chosen]
        for path in dict.fromkeys(paths):
            here = np.flatnonzero(paths == path)
            out[here] = np.load(path, mmap_mode="r")[self.rows[chosen[here]]]
        return out

    def __array__(self, dtype=None, copy=None):
        return self[:].astype(dtype or np.float32, copy=False)

    def chunks(self, size=100):
        """(slice, rows) pairs that walk through all rows in pieces of `size`."""
        for start in range(0, len(self), size):
            piece = slice(start, min(start + size, len(self)))
            yield piece, self[piece]


def sound(path):
    """Whether a file can be read and holds what its name says."""
    try:
        return crc(path) == path.suffixes[-2][1:]
    except OSError:
        return False


def crc(path):
    """CRC-32 of a file as 8 hex digits: cheap enough to check at every first use."""
    value = 0
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            value = zlib.crc32(block, value)
    return f"{value:08x}"
