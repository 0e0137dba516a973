"""Your own pictures: folders of tags without any mask, and the door to every world by name.

    root/cat/1.jpg  root/dog/2.jpg            the folder is the tag
    root/cat/rex/1.jpg                        ... with groups: "rex" stays on one side of a split
    root/_none/3.jpg  root/4.jpg              no tag: pictures without any of the classes
    root/train/cat/1.jpg  root/val/cat/2.jpg  ... with the splits given

or a table beside the pictures, `root/tags.csv`:

    path,tags,group,split
    a/1.png,cat;dog,rex,train
    a/2.png,,luna,val

of which group and split may be left out. Tags are separated by ";" or "|".
"""

import csv
import hashlib
import io
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from wsss_lite.data.images import is_picture_name, read_image
from wsss_lite.data.voc import IMAGES, VOCFolder, hash_order
from wsss_lite.data.voc_check import check as check_voc
from wsss_lite.data.world import World
from wsss_lite.errors import InputError
from wsss_lite.files import too_long

TABLE = "tags.csv"
COLUMNS = ("path", "tags", "group", "split")
NO_TAG = ("_none", "negative")  # names of folders whose pictures show no class
SPLIT_NAMES = ("train", "val", "test")
OWN_OUTPUT = "wsss-lite-out"  # where `run` writes; not a class
VAL_SHARE = 0.2
NO_MASKS = "{} has tags only, no masks, so there is nothing to score; use a folder in VOC layout."


def open_world(name):
    """The world behind a name: "pocket", "photos", or a folder (VOC layout, or tags only)."""
    if name == "pocket":
        from wsss_lite.data.pocket import PocketVOC

        return PocketVOC()
    if name == "photos":
        from wsss_lite.data.photos import PhotoWorld

        return PhotoWorld()
    if not name:
        raise InputError("The world has an empty name; give 'pocket', 'photos' or a folder.")
    path = Path(name).expanduser()
    if path.name == TABLE and path.is_file():
        path = path.parent
    if not path.is_dir():
        raise InputError(f"There is no folder {path}; give 'pocket', 'photos' or a folder.")
    return VOCFolder(path) if (path / IMAGES).is_dir() else TagsFolder(path)


def check(root):
    """List of sentences, one for each thing wrong with a folder of either kind."""
    if (Path(root) / IMAGES).is_dir():
        return check_voc(root)
    try:
        world = open_world(str(root))
    except InputError as error:
        return [str(error)]
    problems = []
    for id in world.all_ids():
        try:
            world.image(id)
        except InputError as error:
            problems.append(str(error))
    return problems


@dataclass
class Row:
    """One picture: path below the root, tags, group that must stay together, split or ''."""

    path: str
    tags: tuple
    group: str
    split: str = ""


class TagsFolder(World):
    """A world of pictures with tags and without masks, from sub-folders or from tags.csv.

    A picture's id is its path below the root without the ending (with it, where two files differ
    by nothing else). Classes are the tags found, sorted. Splits are as given, else a fifth of the
    pictures becomes val: whole groups, chosen by a hash of the group's name, and none that would
    leave train without one of its classes.
    """

    has_masks = False
    tags_from = "folder"

    def __init__(self, root):
        self.root = Path(root)
        self.name = self.root.resolve().name
        if not self.root.is_dir():
            raise InputError(f"There is no folder {self.root}; check the path.")
        rows = read_table(self.root) if (self.root / TABLE).exists() else scan(self.root)
        self.classes = tuple(sorted({tag for row in rows for tag in row.tags}))
        _check_rows(rows, self.classes, self.root)
        self._rows = dict(zip(_names(rows), rows))
        self._lists = _split(self._rows)
        self.splits = tuple(self._lists)
        self._fingerprint = None

    def ids(self, split):
        if split not in self._lists:
            raise InputError(
                f"{self.root} has no split {split!r} but {', '.join(self.splits)}; "
                f"name it in the split column of {TABLE}."
            )
        return list(self._lists[split])

    def all_ids(self):
        """Every picture, sorted."""
        return sorted(self._rows)

    def image_path(self, id):
        return self.root / self._row(id).path

    def image(self, id):
        """(H, W, 3) uint8, RGB."""
        return read_image(self.image_path(id))

    def tags(self, id):
        """(C,) bool: which classes are in the picture."""
        return np.array([name in self._row(id).tags for name in self.classes], bool)

    def group(self, id):
        """Name of the group (patient, film, ...) that never lies on two sides of a split."""
        return self._row(id).group

    def mask(self, id):
        raise InputError(NO_MASKS.format(self.root))

    instances = boxes = mask

    def fingerprint(self):
        """Hex string over names, tags, splits and the bytes of the pictures."""
        if self._fingerprint is None:
            digest = hashlib.sha256(repr((self.classes, self._lists)).encode())
            for id in self.all_ids():
                digest.update(repr((id, self._rows[id].tags)).encode())
                digest.update(self._picture_digest(id))
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def _picture_digest(self, id):
        try:
            with open(self.image_path(id), "rb") as stream:
                return hashlib.file_digest(stream, "sha256").digest()
        except OSError as error:
            raise InputError(
                f"Cannot read {self.image_path(id)} ({error.strerror}); was it moved?"
            ) from error

    def _row(self, id):
        if id not in self._rows:
            raise InputError(f"{self.root} holds no picture {id!r}; its ids come from ids(split).")
        return self._rows[id]


# Sub-folders


def scan(root):
    """Rows from `class/*.jpg`; see the head of this file for the layouts."""
    folders = _folders(root)
    if folders and all(folder.name in SPLIT_NAMES for folder in folders):
        rows = [
            Row(row.path, row.tags, row.group, folder.name)
            for folder in folders
            for row in _scan_classes(folder, root)
        ]
    else:
        rows = _scan_classes(root, root)
    if not rows:
        raise InputError(
            f"There are no pictures in {root}; put them into one sub-folder for each class, "
            f"or write {TABLE}."
        )
    return rows


def _scan_classes(parent, root):
    rows = [_scanned(path, (), parent, root) for path in _pictures(parent.iterdir())]
    for folder in _folders(parent):
        tags = () if folder.name.lower() in NO_TAG else (folder.name,)
        rows += [_scanned(path, tags, folder, root) for path in _pictures(folder.rglob("*"))]
    return rows


def _scanned(path, tags, folder, root):
    """The folders between class folder and picture are its group; without any, it is alone."""
    relative = path.relative_to(root).as_posix()
    between = path.parent.relative_to(folder).as_posix()
    return Row(relative, tags, relative if between == "." else between)


def _folders(parent):
    found = sorted(path for path in parent.iterdir() if path.is_dir())
    return [path for path in found if path.name != OWN_OUTPUT and path.name[0] != "."]


def _pictures(paths):
    found = sorted(path for path in paths if is_picture_name(path))
    for path in found:
        if path.is_dir():
            raise InputError(f"{path} is a folder, not a picture; rename it.")
    return found


# The table


def read_table(root):
    """Rows of tags.csv. InputError with the line number for anything that does not fit."""
    path = root / TABLE
    lines = _table_lines(path)
    if not lines:
        raise InputError(f"{path} is empty; its first line is the header: path,tags.")
    reader = csv.reader(lines, delimiter=_delimiter(lines[0]), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader)]
        _check_header(header, path)
        rows = [
            _table_row(dict(zip(header, cells)), len(cells) - len(header), reader.line_num, path)
            for cells in reader
            if any(cell.strip() for cell in cells)
        ]
    except csv.Error as error:
        raise InputError(
            f"Line {reader.line_num} of {path} is malformed ({error}); mend it."
        ) from error
    if not rows:
        raise InputError(f"{path} has a header but no pictures; write one line for each.")
    return rows


def _table_lines(path):
    try:
        text = path.read_text(encoding="utf-8-sig")  # also turns any line end into "\n"
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a UTF-8 text file; save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.") from error
    return io.StringIO(text).readlines() if text.strip() else []


def _delimiter(header):
    """Comma, or what spreadsheets of other countries write in its place."""
    return next((mark for mark in ",;\t" if mark in header), ",")


def _check_header(header, path):
    missing = [name for name in COLUMNS[:2] if name not in header]
    if missing:
        raise InputError(
            f"Line 1 of {path} has no column {missing[0]!r}; begin with the header path,tags "
            "(and, if you like, group and split)."
        )
    unknown = [name for name in header if name not in COLUMNS or header.count(name) > 1]
    if unknown:
        raise InputError(
            f"Line 1 of {path} has the column {unknown[0]!r} that is unknown or there twice; "
            f"use {', '.join(COLUMNS)}."
        )


def _table_row(cells, surplus, number, path):
    where = f"Line {number} of {path}"
    if surplus:
        raise InputError(
            f"{where} has {abs(surplus)} cells {'more' if surplus > 0 else 'fewer'} than the "
            "header; separate tags by ';' or '|'."
        )
    cells = {name: cell.strip() for name, cell in cells.items()}
    name = _picture_name(cells["path"], where, path.parent)
    tags = tuple(dict.fromkeys(t.strip() for t in re.split(r"[;|]", cells["tags"]) if t.strip()))
    split = cells.get("split", "").lower()
    if split and split not in SPLIT_NAMES:
        raise InputError(f"{where} has the split {split!r}; use {', '.join(SPLIT_NAMES)}.")
    return Row(name, tags, cells.get("group") or name, split)


def _picture_name(cell, where, root):
    name = PurePosixPath(cell.replace("\\", "/"))
    if not cell:
        raise InputError(f"{where} has no path; write where the picture lies below {root}.")
    if name.is_absolute() or ".." in name.parts or re.match("[A-Za-z]:", cell):
        raise InputError(f"{where} names {cell}, which is not below {root}; move {TABLE} up.")
    if too_long(name.as_posix()):
        raise InputError(f"{where} names {cell[:40]}..., which is too long; mend the path.")
    if not (root / name).is_file():
        what = "is a folder" if (root / name).is_dir() else "does not exist"
        raise InputError(f"{where} names {root / name}, which {what}; mend the path.")
    return name.as_posix()


# Checks and splits


def _check_rows(rows, classes, root):
    if not classes:
        raise InputError(
            f"No picture in {root} has a tag; name the class of at least one "
            f"(a sub-folder for each class, or the column tags of {TABLE})."
        )
    if len(classes) > 254:
        raise InputError(f"{root} has {len(classes)} classes; a mask can hold 254.")
    twice = [path for path, count in Counter(row.path for row in rows).items() if count > 1]
    if twice:
        raise InputError(f"{root / TABLE} names {twice[0]} twice; write all its tags in one line.")
    given = [row for row in rows if row.split]
    if given and len(given) < len(rows):
        row = next(row for row in rows if not row.split)
        raise InputError(f"{row.path} in {root} has no split but others have; give all or none.")
    _check_groups(rows, root)


def _check_groups(rows, root):
    side = {}
    for row in rows:
        if side.setdefault(row.group, row.split) != row.split:
            raise InputError(
                f"The group {row.group!r} in {root} is in both {side[row.group]} and {row.split}; "
                "a group has to stay in one split."
            )


def _names(rows):
    """Ids in the order of rows: paths without ending, kept where two files share the rest."""
    stems = [str(PurePosixPath(row.path).with_suffix("")) for row in rows]
    shared = Counter(stems)
    return [row.path if shared[stem] > 1 else stem for row, stem in zip(rows, stems)]


def _split(rows):
    """{split: ids} from {id: Row}; names the splits itself where no row has one."""
    ids = sorted(rows)
    if rows[ids[0]].split:
        return {
            name: [id for id in ids if rows[id].split == name]
            for name in SPLIT_NAMES
            if any(row.split == name for row in rows.values())
        }
    val = _val_groups(rows)
    return {
        "train": [id for id in ids if rows[id].group not in val],
        "val": [id for id in ids if rows[id].group in val],
    }


def _val_groups(rows):
    """Groups for val, in hash order, up to a fifth of the pictures."""
    members = {}
    for row in rows.values():
        members.setdefault(row.group, []).append(row)
    left = Counter(tag for row in rows.values() for tag in row.tags)
    wanted, val = round(VAL_SHARE * len(rows)), set()
    for group in hash_order(members, "val"):
        tags = Counter(tag for row in members[group] for tag in row.tags)
        fits = len(members[group]) <= wanted and all(left[tag] > tags[tag] for tag in tags)
        if fits:
            val.add(group)
            wanted -= len(members[group])
            left -= tags
    return val
