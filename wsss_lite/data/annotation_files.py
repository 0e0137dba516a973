"""Annotations in files, there and back: VOC XML, COCO JSON, palette PNG, and a whole folder.

    VOC XML       boxes; an object that was given by extreme points has them as a child element
    COCO JSON     everything, of any number of pictures
    palette PNG   strokes, or points as single pixels; 255 where nothing is drawn
    folder        all of it in VOC layout, so that `wsss-lite run METHOD --world FOLDER` runs on it

Each file appears whole or not at all. What cannot be read is an InputError of one sentence, and
nothing is changed.
"""

import csv
import io
import json
import math
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from wsss_lite.data.annotation import (
    BACKGROUND,
    NOTHING,
    Annotation,
    box_of,
    checked,
    name_of,
    points_map,
)
from wsss_lite.data.coco import decode_runs
from wsss_lite.data.images import (
    MAX_PIXELS,
    VOID,
    image_size,
    read_mask,
    write_jpeg,
    write_mask,
)
from wsss_lite.data.voc import (
    BOXES,
    DRAWN,
    ENDS,
    IMAGES,
    MASKS,
    VOCFolder,
    find_image,
    write_lists,
    xml_extreme,
    xml_numbers,
)
from wsss_lite.data.world import Box, Extreme
from wsss_lite.errors import InputError
from wsss_lite.files import atomic

CORNERS = ("xmin", "ymin", "xmax", "ymax")
SECONDS = "seconds.csv"
BY_HULL = "hull"  # says of an XML object that its box was not drawn but put round strokes

# ---------------------------------------------------------------------------------------- VOC XML


def write_xml(path, annotation, classes):
    """Write boxes and extreme points as VOC has them: counted from 1, both ends included."""
    _write(path, xml_text(annotation, Path(path).stem, classes))


def xml_text(annotation, name, classes, hulls=()):
    """The XML file of a picture. hulls: `Box`es that stand for classes without a drawn one."""
    checked(annotation, classes)
    root = ElementTree.Element("annotation")
    _add(root, filename=f"{name}.jpg")
    height, width = annotation.size
    _add(ElementTree.SubElement(root, "size"), width=width, height=height, depth=3)
    _add(root, segmented=0)
    for box in annotation.boxes:
        _add_object(root, box, classes)
    for ends in annotation.extreme:
        element = ElementTree.SubElement(_add_object(root, box_of(ends), classes), "extreme")
        for end, (y, x) in zip(ENDS, ends[1:], strict=True):
            _add(ElementTree.SubElement(element, end), x=x + 1, y=y + 1)
    for box in hulls:
        _add(_add_object(root, box, classes), drawn=BY_HULL)
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _add_object(root, box, classes):
    element = ElementTree.SubElement(root, "object")
    _add(element, name=name_of(box.cls, classes), pose="Unspecified", truncated=0)
    _add(element, difficult=int(box.difficult))
    ends = ElementTree.SubElement(element, "bndbox")
    _add(ends, xmin=box.x0 + 1, ymin=box.y0 + 1, xmax=box.x1, ymax=box.y1)
    return element


def _add(parent, **values):
    for key, value in values.items():
        ElementTree.SubElement(parent, key).text = str(value)


def read_xml(path, classes, size=None):
    """The boxes and extreme points of a VOC file as an `Annotation`.

    size: (H, W) of the picture; without it the file has to say. InputError: missing, malformed, an
    unknown class, a box that is empty, turned round or outside, another size.
    """
    return _from_xml(_text(path), path, classes, size)


def _from_xml(text, path, classes, size=None):
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise InputError(f"{path} is not well-formed XML ({error}); mend or replace it.") from error
    size = _xml_size(root, path, size)
    boxes, extreme = [], []
    for number, element in enumerate(root.iter("object"), 1):
        where = f"Object {number} of {path}"
        cls = _class_number((element.findtext("name") or "").strip(), classes, where)
        if element.findtext("drawn") == BY_HULL:
            continue
        if element.find("extreme") is not None:
            extreme.append(xml_extreme(element.find("extreme"), cls, where))
        else:
            boxes.append(_xml_box(element, cls, where))
    return checked(Annotation(size, boxes, extreme), classes, path)


def _xml_size(root, path, size):
    try:
        own = tuple(int(root.findtext(f"size/{side}")) for side in ("height", "width"))
    except (TypeError, ValueError):
        own = None
    if own is None and size is None:
        raise InputError(f"{path} has no size of the picture; add <size> with width and height.")
    return possible_size(_agreed(own, size, path), path)


def _xml_box(element, cls, where):
    x0, y0, x1, y1 = xml_numbers(element, [f"bndbox/{key}" for key in CORNERS], where)
    # Some programs count from 0; such a box begins with the picture.
    x0, y0 = (1 if v == 0 else v for v in (x0, y0))
    return Box(cls, x0 - 1, y0 - 1, x1, y1, element.findtext("difficult", "").strip() == "1")


# --------------------------------------------------------------------------------------- COCO JSON


def write_coco(path, annotations, classes):
    """Write {name: Annotation} as one COCO file; see `to_coco`."""
    _write(path, json.dumps(to_coco(annotations, classes), indent=1) + "\n")


def to_coco(annotations, classes):
    """The annotations as COCO's dictionary of images, categories and annotations.

    A category's id is its class number, 0 the background. `drawn` says of each annotation what it
    is: a box; an extreme, with its four points; a point, as one key point; or a scribble, as run
    lengths down the columns. Readers that do not know the word see boxes.
    """
    images, rows = [], []
    for number, (name, annotation) in enumerate(annotations.items(), 1):
        checked(annotation, classes, name)
        height, width = annotation.size
        images.append({"id": number, "file_name": f"{name}.jpg", "width": width,
                       "height": height, "seconds": annotation.seconds})  # fmt: skip
        rows += [{"image_id": number} | row for row in _coco_rows(annotation)]
    names = enumerate((BACKGROUND, *classes))
    return {
        "info": {"description": "drawn with wsss-lite"},
        "images": images,
        "categories": [{"id": k, "name": name} for k, name in names],
        "annotations": [{"id": k} | row for k, row in enumerate(rows, 1)],
    }


def _coco_rows(annotation):
    for box in annotation.boxes:
        yield _coco_row("box", box) | {"difficult": int(box.difficult)}
    for ends in annotation.extreme:
        points = [[x, y] for y, x in ends[1:]]
        yield _coco_row("extreme", box_of(ends)) | {"extreme_points": points}
    for y, x, cls in annotation.points:
        row = _coco_row("point", Box(cls, x, y, x + 1, y + 1))
        yield row | {"keypoints": [x, y, 2], "num_keypoints": 1}
    for cls in np.setdiff1d(annotation.scribbles, VOID).tolist():
        pixels = annotation.scribbles == cls
        row = _coco_row("scribble", _round(cls, pixels)) | {"area": int(pixels.sum())}
        runs = {"counts": encode_runs(pixels), "size": list(annotation.size)}
        yield row | {"segmentation": runs}


def _coco_row(drawn, box):
    width, height = box.x1 - box.x0, box.y1 - box.y0
    return {"category_id": box.cls, "drawn": drawn, "bbox": [box.x0, box.y0, width, height],
            "area": width * height, "iscrowd": 0}  # fmt: skip


def _round(cls, pixels):
    """The tightest `Box` round some pixels."""
    y, x = np.nonzero(pixels)
    return Box(cls, int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1)


def encode_runs(pixels):
    """Lengths of the runs of 0, 1, 0, ... down the columns of an (H, W) bool array."""
    flat = np.concatenate([[False], pixels.ravel(order="F")])
    starts = np.flatnonzero(flat[1:] != flat[:-1])
    return np.diff(np.concatenate([[0], starts, [pixels.size]])).tolist()


def read_coco(path, classes):
    """{name: Annotation} of a COCO file, ours or another's, whose classes are among `classes`.

    Without the word `drawn` an annotation is a box. InputError: missing, malformed, an unknown
    class, two classes on one pixel, and what `annotation.problems` finds.
    """
    return _from_coco(_text(path), path, classes)


def _from_coco(text, path, classes):
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not well-formed JSON ({error}); mend or replace it.") from None
    try:
        return _coco_annotations(content, path, classes)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{path} does not hold images, categories and annotations as COCO has them ({what}); "
            "save it again from the program that made it."
        ) from None


def _coco_annotations(content, path, classes):
    names = {row["id"]: str(row["name"]) for row in content["categories"]}
    found, own = {}, {}
    for image in content["images"]:
        name = str(PurePosixPath(image["file_name"]).with_suffix(""))
        size = possible_size((int(image["height"]), int(image["width"])), path)
        found[name] = Annotation(size, seconds=image.get("seconds", 0))
        own[image["id"]] = name
    for number, row in enumerate(content["annotations"], 1):
        where = f"Annotation {number} of {path}"
        if row["image_id"] not in own or row["category_id"] not in names:
            raise InputError(f"{where} names a picture or category that is not there; add it.")
        cls = _class_number(names[row["category_id"]], classes, where)
        name = own[row["image_id"]]
        found[name] = _with_coco_row(found[name], cls, row, where, classes)
    return {name: checked(one, classes, f"{path}, {name}") for name, one in found.items()}


def _with_coco_row(annotation, cls, row, where, classes):
    drawn = row.get("drawn", "box")
    if drawn == "point":
        x, y = (round(v) for v in row["keypoints"][:2])
        return replace(annotation, points=(*annotation.points, (y, x, cls)))
    if drawn == "extreme":
        points = [(round(y), round(x)) for x, y in row["extreme_points"]]
        return replace(annotation, extreme=(*annotation.extreme, Extreme(cls, *points)))
    if drawn == "scribble":
        return _with_stroke(annotation, cls, row["segmentation"], where, classes)
    if drawn != "box":
        raise InputError(
            f"{where} is drawn as {drawn!r}; use box, extreme, point or scribble."
        )
    x, y, width, height = row["bbox"]
    # Other programs give fractions: rounded outwards, but not by what rounding errors amount to.
    x0, y0 = math.floor(x + 1e-3), math.floor(y + 1e-3)
    x1, y1 = math.ceil(x + width - 1e-3), math.ceil(y + height - 1e-3)
    box = Box(cls, x0, y0, x1, y1, bool(row.get("difficult", 0)))
    return replace(annotation, boxes=(*annotation.boxes, box))


def _with_stroke(annotation, cls, runs, where, classes):
    pixels = decode_runs(runs["counts"], annotation.size)
    twice = np.argwhere(pixels & (annotation.scribbles != VOID))
    if len(twice):
        y, x = twice[0].tolist()
        other = name_of(int(annotation.scribbles[y, x]), classes)
        raise InputError(
            f"{where}: strokes of {other} and {name_of(cls, classes)} claim the pixel in row {y}, "
            f"column {x}; take it out of one of them."
        )
    return replace(annotation, scribbles=np.where(pixels, np.uint8(cls), annotation.scribbles))


# ------------------------------------------------------------------------------------- palette PNG


def write_png(path, annotation, kind, classes):
    """Write the "scribbles" or "points" as a palette PNG in VOC colours."""
    write_mask(path, checked(annotation, classes).seeds(kind))


def read_png(path, kind, classes, size=None):
    """An `Annotation` with the "scribbles" or "points" of a palette PNG.

    InputError: what `images.read_mask` refuses, and a value that is no class.
    """
    drawn = read_mask(path, size)
    unknown = [v for v in np.unique(drawn).tolist() if len(classes) < v < VOID]
    if unknown:
        raise InputError(
            f"{path} holds the value {unknown[0]}, but there are {len(classes)} classes; use 0 for "
            "background, 1 to that number, and 255 where nothing is drawn."
        )
    if kind == "scribbles":
        return Annotation(drawn.shape, scribbles=drawn)
    places = np.argwhere(drawn != VOID).tolist()
    return Annotation(drawn.shape, points=[(y, x, drawn[y, x]) for y, x in places])


# ------------------------------------------------------------------------------------------ folder


def write_folder(root, pictures, annotations, classes, masks=None, split="train"):
    """Write what was drawn as a folder in VOC layout; returns the names that were written.

    pictures: {name: (H, W, 3) uint8 or the bytes of a JPEG}; annotations: {name: Annotation};
    masks: {name: (H, W) uint8} where the truth is known, so that there is something to score.
    Pictures without a drawing are left out. Pictures drawn on earlier stay in the folder; one that
    was not made by this function is refused, so that nothing in it is replaced.

    Tags come from the XML files. These are written once a picture has a box or extreme points, and
    then a class that has only strokes or clicks gets a box round them, marked as a hull, so that it
    has its tag. A folder without any box has no XML, and its tags stand in the lists.
    """
    root = Path(root)
    drawn = {k: checked(a, classes, k) for k, a in annotations.items() if not a.empty}
    if not drawn:
        raise InputError(NOTHING.format("any of the pictures"))
    every = _already(root, classes, drawn) | drawn
    for name, one in drawn.items():
        _write_picture(root, name, pictures[name], one.size)
        if masks is not None and masks.get(name) is not None:
            write_mask(root / MASKS / f"{name}.png", np.asarray(masks[name], np.uint8))
    _write_drawings(root, every, set(drawn), classes)
    lists = _lists(root, split, list(drawn))
    write_lists(root, lists, {name: tag_boxes(a) for name, a in every.items()}, classes)
    _write_seconds(root, every)
    return tuple(drawn)


def _already(root, classes, replaced):
    """{name: Annotation} of the pictures that stay in a folder."""
    if not (root / IMAGES).is_dir():
        return {}
    if not (root / SECONDS).exists():
        raise InputError(
            f"{root} holds pictures that were not drawn on here; choose another folder, so that "
            "nothing in it is replaced."
        )
    world = VOCFolder(root)
    if world.classes != tuple(classes):
        raise InputError(
            f"{root} was made with the classes {', '.join(world.classes)}; choose another folder."
        )
    return read_folder(root, skip=replaced)


def _write_picture(root, name, picture, size):
    """The picture, unless it is there: saving it as JPEG again would blur it."""
    path = root / IMAGES / f"{name}.jpg"
    if not path.exists():
        write_jpeg(path, picture)
    if image_size(path) != tuple(size):
        raise InputError(
            f"{path} has another size than what was drawn on; choose another folder or name."
        )


def _write_drawings(root, every, fresh, classes):
    """XML and PNG files. A kind that one picture has, all have: an empty file says "nothing"."""
    with_boxes = any(a.boxes or a.extreme for a in every.values())
    for name, one in every.items():
        path = root / BOXES / f"{name}.xml"
        if with_boxes and (name in fresh or not path.exists()):
            _write(path, xml_text(one, name, classes, hulls(one)))
    for kind, folder in DRAWN.items():
        if not any(map(lambda a: a.count(kind), every.values())):
            for name in fresh:
                (root / folder / f"{name}.png").unlink(missing_ok=True)
            continue
        for name, one in every.items():
            path = root / folder / f"{name}.png"
            if name in fresh or not path.exists():
                write_mask(path, one.seeds(kind))


def tag_boxes(annotation):
    """`Box`es that name every class of an annotation: those drawn, then `hulls`."""
    drawn = [*annotation.boxes, *map(box_of, annotation.extreme)]
    return [*drawn, *hulls(annotation)]


def hulls(annotation):
    """A `Box` round strokes and clicks for each class that has no drawn one; marked difficult."""
    known = {one.cls for one in (*annotation.boxes, *annotation.extreme)}
    clicks = points_map(annotation.points, annotation.size)
    found = []
    for cls in sorted(annotation.tags - known):
        box = _round(cls, (annotation.scribbles == cls) | (clicks == cls))
        found.append(replace(box, difficult=True))
    return found


def _lists(root, split, names):
    """{split: names}: the lists that are there, and the new names in one of them."""
    lists = {}
    for path in sorted((root / "ImageSets" / "Segmentation").glob("*.txt")):
        lists[path.stem] = _text(path).split("\n")
    lists = {key: [line.strip() for line in rows if line.strip()] for key, rows in lists.items()}
    known = {name for rows in lists.values() for name in rows}
    lists[split] = [*lists.get(split, []), *(name for name in names if name not in known)]
    return {key: rows for key, rows in lists.items() if rows}


def _write_seconds(root, every):
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(["picture", "seconds"])
    rows.writerows((name, one.seconds) for name, one in every.items())
    _write(root / SECONDS, stream.getvalue())


def read_folder(root, classes=None, skip=()):
    """{name: Annotation} of a folder in VOC layout: what was drawn, or another's boxes."""
    root = Path(root)
    world = VOCFolder(root, classes)
    seconds = _read_seconds(root / SECONDS)
    found = {}
    for name in world.all_ids():
        if name in skip:
            continue
        size = image_size(find_image(root, name))
        parts = {"seconds": seconds.get(name, 0)}
        xml = root / BOXES / f"{name}.xml"
        if xml.exists():
            boxes = read_xml(xml, world.classes, size)
            parts |= {"boxes": boxes.boxes, "extreme": boxes.extreme}
        for kind, folder in DRAWN.items():
            path = root / folder / f"{name}.png"
            if path.exists():
                parts[kind] = getattr(read_png(path, kind, world.classes, size), kind)
        found[name] = checked(Annotation(size, **parts), world.classes, f"{root}, {name}")
    return found


def _read_seconds(path):
    if not path.exists():
        return {}
    try:
        rows = csv.DictReader(io.StringIO(_text(path)), strict=True)
        return {row["picture"]: float(row["seconds"]) for row in rows}
    except (csv.Error, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is no table of picture and seconds ({error}); mend or delete it."
        ) from error


# ------------------------------------------------------------------------------------------ common


def parse(data, name, classes, size=None):
    """{name: Annotation} from the bytes of an uploaded .xml or .json file."""
    try:
        text = bytes(data).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name} is not a UTF-8 text file; save it as UTF-8.") from error
    suffix = Path(name).suffix.lower()
    if suffix == ".json":
        return _from_coco(text, name, classes)
    if suffix == ".xml":
        return {Path(name).stem: _from_xml(text, name, classes, size)}
    raise InputError(f"{name} is neither .xml nor .json; give an annotation in one of them.")


def _class_number(name, classes, where):
    if name == BACKGROUND:
        return 0
    if name not in classes:
        raise InputError(
            f"{where} has the class {name!r}, which is none of {', '.join(classes)}; "
            "mend the name or add the class to the palette."
        )
    return list(classes).index(name) + 1


def _agreed(own, size, path):
    if own is None or size is None or tuple(size) == own:
        return own or tuple(size)
    raise InputError(
        f"{path} is of a picture of {own[1]} x {own[0]}, this one has {size[1]} x {size[0]}; "
        "take the file that belongs to this picture."
    )


def possible_size(size, path):
    """A size (H, W) from a file, if a picture can have it: memory is asked for by it."""
    if min(size) < 1 or size[0] * size[1] > MAX_PIXELS:
        raise InputError(
            f"{path} is of a picture of {str(size[1])[:20]} x {str(size[0])[:20]}, which cannot "
            "be; correct its width and height."
        )
    return size


def _text(path):
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a UTF-8 text file; save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}; check the path.") from error


def _write(path, text):
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
