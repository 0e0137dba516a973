"""The folder layout of PASCAL VOC: one reader and one writer for every world.

    root/JPEGImages/ID.jpg                      pictures
    root/Annotations/ID.xml                     boxes, and by them the tags
    root/SegmentationClass/ID.png               class masks: 0 background, k class, 255 void
    root/SegmentationObject/ID.png              instance masks: k is the k-th object of the XML
    root/Scribbles/ID.png, root/Points/ID.png   strokes and clicks of a person, 255 elsewhere (ours)
    root/ImageSets/Segmentation/SPLIT.txt       one ID a line
    root/ImageSets/Main/CLASS_SPLIT.txt         ID and 1 (there), -1 (not) or 0 (only difficult)
    root/classes.txt                            class names, one a line (ours; VOC has none)

`VOCFolder` reads it, `write_voc` writes it; `voc_check.check` says what is wrong with it.
"""

import hashlib
import xml.etree.ElementTree as ElementTree
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from scipy import ndimage

from wsss_lite.data.images import (
    SUFFIXES,
    VOID,
    image_size,
    read_image,
    read_mask,
    write_jpeg,
    write_mask,
)
from wsss_lite.data.world import Box, Extreme, World
from wsss_lite.errors import InputError
from wsss_lite.files import atomic, too_long

VOC_CLASSES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
)  # fmt: skip

IMAGES = "JPEGImages"
BOXES = "Annotations"
MASKS = "SegmentationClass"
INSTANCES = "SegmentationObject"
ENDS = ("top", "left", "bottom", "right")  # of an object given by extreme points
DRAWN = {"scribbles": "Scribbles", "points": "Points"}
LISTS = "ImageSets/Segmentation"
MAIN = "ImageSets/Main"

SPLIT_ORDER = ("train", "val", "trainval", "tune", "dev", "test")
TUNE_SHARE, TUNE_LEAST, TUNE_MOST = 0.1, 10, 100


class VOCFolder(World):
    """A world read from a folder in VOC layout.

    `classes`: as given, else `classes.txt`, else the names of the lists in ImageSets/Main, else
    the 20 names of VOC. Mask value k means `classes[k - 1]`.

    Splits are the lists of ImageSets/Segmentation (or, without it, of ImageSets/Main), and two
    more that follow from them:

    - `tune`, the only masks a weak method may see (for its threshold): the list of that name,
      else a tenth of train, 10 to 100 pictures but at most half, chosen by a hash of the name.
      `ids("train")` leaves them out.
    - `dev`: val without tune.

    `tags_from` says where tags come from: "annotations" (every object of the XML, also difficult
    ones), else "lists" (ImageSets/Main), else "masks". The choice is made once for the folder:
    with XML or lists there, no mask is opened for a tag.
    """

    def __init__(self, root, classes=None, masks=MASKS):
        self.root = Path(root)
        _need_folder(self.root)
        self.name = self.root.resolve().name
        self.classes = _valid_classes(classes or _find_classes(self.root), self.root)
        self._masks = masks
        self._lists = _split_lists(self.root)
        self._ids = {}
        self._tags = {}
        self._main_tags = None
        self._fingerprint = None
        self.has_masks = _has_file(self.root / masks, ".png")
        self.tags_from = self._where_tags_are()
        self.splits = self._split_names()

    # Splits

    def ids(self, split):
        """Names of the pictures of a split, in the order of its list; a fresh list each time.

        InputError: no such split, an empty list, a name twice.
        """
        if split not in self._ids:
            self._ids[split] = self._find_ids(split)
        return list(self._ids[split])

    @property
    def scored_split(self):
        """Split that results are reported on: test when it has masks, else val, else None."""
        for split in ("test", "val"):
            if split in self._lists and self._mask_path(self.ids(split)[0]).exists():
                return split
        return None

    def _split_names(self):
        names = set(self._lists)
        names |= {"tune"} if "train" in names else set()
        names |= {"dev"} if "val" in names else set()
        known = [name for name in SPLIT_ORDER if name in names]
        return tuple(known + sorted(names - set(known)))

    def _find_ids(self, split):
        if split not in self.splits:
            raise InputError(
                f"{self.root} has no split {split!r} but {', '.join(self.splits)}; "
                f"add the list {self.root / LISTS / (split + '.txt')}."
            )
        if split == "tune":
            return self._find_tune()
        ids = read_list(self._lists["val" if split == "dev" else split])
        if split in ("train", "dev"):
            tune = set(self.ids("tune")) if "tune" in self.splits else set()
            ids = [id for id in ids if id not in tune]
        return ids

    def _find_tune(self):
        if "tune" in self._lists:
            return read_list(self._lists["tune"])
        train = read_list(self._lists["train"])
        chosen = set(hash_order(train, "tune")[: tune_count(len(train))])
        return [id for id in train if id in chosen]

    # Pictures

    def home(self, id):
        """The folder in VOC layout that holds a picture and all that is known about it."""
        return self.root

    def image_path(self, id):
        """Path of a picture: JPEGImages/ID.jpg, or another usual ending if only that is there."""
        return find_image(self.home(id), id)

    def image(self, id):
        """(H, W, 3) uint8, RGB."""
        return read_image(self.image_path(id))

    # Tags and boxes

    def tags(self, id):
        """(C,) bool: which classes are in the picture; see `tags_from`."""
        if id not in self._tags:
            numbers = sorted(self._find_tags(id))
            present = np.zeros(len(self.classes), bool)
            present[[number - 1 for number in numbers]] = True
            self._tags[id] = present
        return self._tags[id].copy()

    def _where_tags_are(self):
        if _has_file(self.root / BOXES, ".xml"):
            return "annotations"
        if any(_class_lists(self.root, self._lists)):
            return "lists"
        return "masks"

    def _find_tags(self, id):
        """Set of class numbers 1..C."""
        if self.tags_from == "annotations":
            return {box.cls for box in self.boxes(id)}
        if self.tags_from == "masks":
            return set(np.unique(self.mask(id)).tolist()) - {0, VOID}
        if self._main_tags is None:
            self._main_tags = self._read_main_lists()
        if id not in self._main_tags:
            raise InputError(
                f"No list in {self.root / MAIN} names the picture {id}; add it to the class lists."
            )
        return self._main_tags[id]

    def _read_main_lists(self):
        """{id: set of class numbers} from every CLASS_SPLIT.txt."""
        tags = {}
        for name, path in _class_lists(self.root, self._lists):
            if name not in self.classes:
                continue
            for id, flag in read_class_list(path):
                found = tags.setdefault(id, set())
                if flag >= 0:  # 0: there, but hard to see
                    found.add(self.classes.index(name) + 1)
        return tags

    def boxes(self, id):
        """List of `Box` in the order of the XML file; without XML files, drawn round the masks."""
        if self.tags_from != "annotations":
            return tight_boxes(self.mask(id), self.instances(id))
        return read_boxes(self._xml_path(id), self.classes)

    def _xml_path(self, id):
        return self.home(id) / BOXES / f"{id}.xml"

    # Masks

    def _mask_path(self, id):
        return self.home(id) / self._masks / f"{id}.png"

    def mask(self, id):
        """(H, W) uint8: 0 background, k = classes[k - 1], 255 void."""
        path = self._mask_path(id)
        if not path.exists():
            raise InputError(_missing_mask_text(path, id))
        return self._read(path, id)

    def _read(self, path, id):
        mask = read_mask(path, image_size(self.image_path(id)))
        unknown = _unknown_values(mask, len(self.classes))
        if unknown:
            raise InputError(_unknown_value_text(path, unknown, len(self.classes)))
        return mask

    def drawn(self, id, kind):
        """(H, W) uint8 of Scribbles/ID.png or Points/ID.png, or list of `Extreme` in the XML file.

        None where there is no such.
        """
        if kind == "extreme":
            if self.tags_from != "annotations":
                return None
            return read_extreme(self._xml_path(id), self.classes) or None
        path = self.home(id) / DRAWN[kind] / f"{id}.png"
        return self._read(path, id) if path.exists() else None

    def need_masks(self, ids):
        for id in ids:
            if not self._mask_path(id).exists():
                raise InputError(_missing_mask_text(self._mask_path(id), id))

    def instances(self, id):
        """(H, W) uint8: k = k-th object of the XML file, 0 nothing, 255 void.

        Without SegmentationObject/ID.png every connected piece of a class counts as one object,
        numbered from the largest.
        """
        path = self.home(id) / INSTANCES / f"{id}.png"
        if path.exists():
            return read_mask(path, image_size(self.image_path(id)))
        return pieces(self.mask(id))

    # Identity

    def fingerprint(self):
        """Hex string over class names, lists, tags and the bytes of the listed pictures.

        Masks do not count, so features of a folder stay valid when its masks are removed.
        """
        if self._fingerprint is None:
            digest = hashlib.sha256("\n".join(self.classes).encode())
            for name, path in sorted(self._lists.items()):
                digest.update(f"\n{name}\n".encode() + path.read_bytes())
            for id in self.all_ids():
                digest.update(id.encode() + self.tags(id).tobytes())
                with open(self._existing_image(id), "rb") as stream:
                    digest.update(hashlib.file_digest(stream, "sha256").digest())
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def all_ids(self):
        """Every picture named in a list, each once, sorted."""
        lists = (read_list(path) for path in self._lists.values() if _lines(path))
        return sorted(set().union(*lists))

    def _existing_image(self, id):
        path = self.image_path(id)
        if not path.is_file():
            raise InputError(f"There is no picture {path}; add it or take {id} off the lists.")
        return path


# Names, lists and hashes


def hash_order(names, salt):
    """`names` in an order that looks random but is the same for everyone, everywhere."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{salt}:{name}".encode()).digest())


def tune_count(count):
    """How many of `count` training pictures are set aside for tuning."""
    return min(max(round(TUNE_SHARE * count), TUNE_LEAST), TUNE_MOST, count // 2)


def read_list(path):
    """Names from a list file, one a line.

    InputError: empty, a name twice, a name with '..', or one that is too long.
    """
    names = _lines(path)
    if not names:
        raise InputError(f"The list {path} is empty; write one picture name a line, or delete it.")
    for name in names:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise InputError(f"The list {path} names {name!r}, which leaves the folder; mend it.")
        if too_long(name):
            raise InputError(f"The list {path} names {name[:40]!r}..., too long a name; mend it.")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(f"The list {path} names {twice[0]!r} twice; take one out.")
    return names


def read_class_list(path):
    """List of (id, flag) from CLASS_SPLIT.txt; flag is 1, -1 or 0."""
    rows = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        *name, flag = line.rsplit(maxsplit=1)
        if not name or flag not in ("1", "-1", "0"):
            raise InputError(
                f"Line {number} of {path} reads {line.strip()!r}; write a picture name and "
                "1, -1 or 0."
            )
        rows.append((name[0].strip(), int(flag)))
    return rows


def _text(path):
    try:
        return Path(path).read_text(encoding="utf-8-sig")  # Windows editors put a mark in front
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a UTF-8 text file; save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}; check the path.") from error


def _lines(path):
    return [line.strip() for line in _text(path).splitlines() if line.strip()]


def _need_folder(root):
    """InputError unless `root` holds JPEGImages; names the sub-folder that does, if there is."""
    if (root / IMAGES).is_dir():
        return
    levels = (f"*/{IMAGES}", f"*/*/{IMAGES}")
    inner = [path.parent for level in levels for path in sorted(root.glob(level))]
    remedy = f"give {inner[0]} instead" if inner else "check the path"
    raise InputError(f"There is no folder {root / IMAGES}; {remedy}.")


def _has_file(folder, suffix):
    return folder.is_dir() and any(path.suffix == suffix for path in folder.iterdir())


def _split_lists(root):
    """{split: path of its list}.

    In ImageSets/Main a split (`train.txt`) and a class called train (`train_train.txt`) stand
    side by side: a file is a class list when the part behind its last "_" is itself a list.
    """
    for folder in (root / LISTS, root / MAIN):
        paths = {path.stem: path for path in sorted(folder.glob("*.txt"))}
        lists = {name: path for name, path in paths.items() if _behind(name) not in paths}
        if lists:
            return lists
    raise InputError(
        f"There are no lists in {root / LISTS}; write train.txt and val.txt there, "
        "one picture name a line."
    )


def _behind(stem):
    """'dining_table_val' -> 'val'; no underscore -> None."""
    return stem.rsplit("_", 1)[1] if "_" in stem else None


def _class_lists(root, splits):
    """Pairs (class name, path) of the files CLASS_SPLIT.txt in ImageSets/Main."""
    for path in sorted((root / MAIN).glob("*_*.txt")):
        name, split = path.stem.rsplit("_", 1)
        if split in splits or split in ("train", "val", "trainval", "test"):
            yield name, path


def _find_classes(root):
    if (root / "classes.txt").exists():
        return _lines(root / "classes.txt")
    return sorted({name for name, _ in _class_lists(root, ())}) or VOC_CLASSES


def _valid_classes(classes, root):
    classes = tuple(classes)
    if not 1 <= len(classes) <= 254:
        raise InputError(f"{root} has {len(classes)} classes; a mask can hold 1 to 254.")
    twice = [name for name, count in Counter(classes).items() if count > 1]
    if twice:
        raise InputError(f"The class {twice[0]!r} of {root} is named twice; mend classes.txt.")
    return classes


def find_image(root, id):
    """JPEGImages/ID.jpg, or the first other usual ending that is there."""
    first = Path(root) / IMAGES / f"{id}.jpg"
    if first.exists():
        return first
    others = (first.with_name(f"{PurePosixPath(id).name}{suffix}") for suffix in SUFFIXES)
    return next((path for path in others if path.exists()), first)


# Boxes


def read_boxes(path, classes):
    """List of `Box` of one XML file. InputError: missing, malformed, an unknown class."""
    return [_read_box(element, cls, path) for element, cls in _objects(path, classes)]


def read_extreme(path, classes):
    """List of `Extreme` of one XML file: of the objects that a person gave by their four ends."""
    where = f"An object in {path}"
    found = ((element.find("extreme"), cls) for element, cls in _objects(path, classes))
    return [xml_extreme(ends, cls, where) for ends, cls in found if ends is not None]


def _objects(path, classes):
    """Each object of an XML file with its class number."""
    for element in _xml(path).findall("object"):
        name = (element.findtext("name") or "").strip()
        if name not in classes:
            raise InputError(
                f"{path} names the class {name!r}, which is none of {', '.join(classes)}; "
                "mend the name or list all classes in classes.txt, one a line."
            )
        yield element, classes.index(name) + 1


def xml_extreme(element, cls, where):
    """The `Extreme` of an XML element. where: what to call the object that lacks a number."""
    values = xml_numbers(element, [f"{end}/{axis}" for end in ENDS for axis in "yx"], where)
    points = [(y - 1, x - 1) for y, x in zip(values[::2], values[1::2], strict=True)]
    return Extreme(cls, *points)


def xml_numbers(element, names, where):
    """The whole numbers under these names of an XML element. InputError: one is missing."""
    try:
        return [round(float(element.findtext(name))) for name in names]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{where} lacks one of the numbers {', '.join(names)}; add it."
        ) from error


def _xml(path):
    if not Path(path).exists():
        raise InputError(f"There is no file {path}; write it, or remove all XML files.")
    try:
        return ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, UnicodeDecodeError, LookupError, ValueError) as error:
        raise InputError(f"{path} is not well-formed XML ({error}); mend or replace it.") from error


def _read_box(element, cls, path):
    """VOC counts pixels from 1 and includes both ends; ours count from 0 and exclude the last."""
    try:
        corners = [element.findtext(f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
        x0, y0, x1, y1 = (round(float(corner)) for corner in corners)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"An object in {path} has no bndbox of four numbers xmin, ymin, xmax, ymax; mend it."
        ) from error
    x0, y0 = max(x0, 1) - 1, max(y0, 1) - 1
    if x1 <= x0 or y1 <= y0:
        raise InputError(f"A box in {path} is empty or turned round (xmax < xmin); mend it.")
    difficult = (element.findtext("difficult") or "0").strip() == "1"
    return Box(cls, x0, y0, x1, y1, difficult)


def objects(mask, instances):
    """Each object of a picture as (cls, window, pixels), in the order of the object numbers.

    mask, instances: (H, W) uint8. cls: the class most of its pixels have. window: a pair of
    slices, the tightest box. pixels: (h, w) bool inside the window. Objects that are void
    throughout are left out.
    """
    solid = np.where((instances == VOID) | (mask == VOID), 0, instances)
    for number, window in enumerate(ndimage.find_objects(solid), start=1):
        if window is None:
            continue
        pixels = solid[window] == number
        values = mask[window][pixels]
        if values.any():
            yield int(np.bincount(values[values > 0]).argmax()), window, pixels


def tight_boxes(mask, instances):
    """The tightest `Box` round each of the `objects`."""
    return [
        Box(cls, columns.start, rows.start, columns.stop, rows.stop)
        for cls, (rows, columns), _ in objects(mask, instances)
    ]


def pieces(mask):
    """(H, W) uint8: connected pieces of each class, numbered from the largest; 255 stays void.

    Diagonal neighbours are connected. Beyond 254 pieces the smallest are left out.
    """
    found = []
    for cls in np.setdiff1d(np.unique(mask), (0, VOID)):
        labels, count = ndimage.label(mask == cls, structure=np.ones((3, 3)))
        found += [labels == number for number in range(1, count + 1)]
    found.sort(key=np.sum, reverse=True)
    instances = np.where(mask == VOID, VOID, 0).astype(np.uint8)
    for number, piece in enumerate(found[: VOID - 1], start=1):
        instances[piece] = number
    return instances


# Writing


@dataclass
class Sample:
    """One picture with what is known about it.

    image: (H, W, 3) uint8, or the bytes of a finished JPEG, which are kept as they are.
    mask, instances: (H, W) uint8 or None. boxes: list of `Box` in the order of the instance
    numbers; None draws them round the masks.
    """

    id: str
    image: Any
    mask: Any = None
    instances: Any = None
    boxes: Any = None


def write_voc(root, samples, splits, classes):
    """Write `samples` (any iterable of `Sample`) and the lists of `splits` {name: ids} to `root`.

    Each file appears whole or not at all, and the lists come last: a folder whose writing was
    interrupted has none, which `VOCFolder` and `check` report.
    """
    tags = {}
    for sample in samples:
        tags[sample.id] = write_sample(root, sample, classes)
    write_lists(root, splits, tags, classes)


def write_sample(root, sample, classes):
    """Write the files of one picture; returns its list of `Box`."""
    root = Path(root)
    write_jpeg(root / IMAGES / f"{sample.id}.jpg", sample.image)
    if sample.mask is not None:
        write_mask(root / MASKS / f"{sample.id}.png", sample.mask)
    if sample.instances is not None:
        write_mask(root / INSTANCES / f"{sample.id}.png", sample.instances)
    boxes = _sample_boxes(sample)
    shape = image_size(root / IMAGES / f"{sample.id}.jpg")
    _write_text(root / BOXES / f"{sample.id}.xml", _xml_text(sample, boxes, shape, classes))
    return boxes


def _sample_boxes(sample):
    if sample.boxes is not None:
        return list(sample.boxes)
    if sample.mask is None:
        return []
    instances = pieces(sample.mask) if sample.instances is None else sample.instances
    return tight_boxes(sample.mask, instances)


def write_lists(root, splits, boxes, classes):
    """Write classes.txt and the lists of ImageSets; boxes: {id: list of `Box`}."""
    root = Path(root)
    _write_text(root / "classes.txt", "".join(f"{name}\n" for name in classes))
    for split, ids in splits.items():
        names = "".join(f"{id}\n" for id in ids)
        _write_text(root / LISTS / f"{split}.txt", names)
        _write_text(root / MAIN / f"{split}.txt", names)
        for number, name in enumerate(classes, start=1):
            rows = "".join(f"{id} {_flag(boxes[id], number):2d}\n" for id in ids)
            _write_text(root / MAIN / f"{name}_{split}.txt", rows)


def _flag(boxes, cls):
    """1 there, 0 only as a difficult object, -1 not there."""
    own = [box for box in boxes if box.cls == cls]
    if not own:
        return -1
    return 0 if all(box.difficult for box in own) else 1


def _xml_text(sample, boxes, shape, classes):
    root = ElementTree.Element("annotation")
    _add(root, filename=f"{sample.id}.jpg")
    _add(ElementTree.SubElement(root, "size"), width=shape[1], height=shape[0], depth=3)
    _add(root, segmented=int(sample.mask is not None))
    for box in boxes:
        element = ElementTree.SubElement(root, "object")
        _add(element, name=classes[box.cls - 1], pose="Unspecified", truncated=0)
        _add(element, difficult=int(box.difficult))
        corners = ElementTree.SubElement(element, "bndbox")
        _add(corners, xmin=box.x0 + 1, ymin=box.y0 + 1, xmax=box.x1, ymax=box.y1)
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _add(parent, **values):
    for key, value in values.items():
        ElementTree.SubElement(parent, key).text = str(value)


def _write_text(path, text):
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _missing_mask_text(path, id):
    return f"There is no mask {path} for the picture {id}; add the file."


def _unknown_values(mask, classes):
    values = np.unique(mask)
    return [int(value) for value in values if classes < value < VOID]


def _unknown_value_text(path, unknown, classes):
    return (
        f"The mask {path} holds the value {unknown[0]}, but there are {classes} classes; "
        "use 0 to that number and 255 for void, or name all classes in classes.txt, one a line."
    )
