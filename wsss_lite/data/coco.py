"""Rebuild coco-mini: 84 photos of COCO train2017 in VOC layout, 20 classes, for the real column.

The photos belong to many people under many licences, so this project carries none of them. It
carries `data/coco_mini.csv`: number, list, source of the mask, size, and a CRC-32 of the mask.
From that and COCO's own archives (1.1 GB, of which little is used) `build` makes the folder, and
writes LICENSES.csv with the licence and author's page of each photo.

How the masks were made, as far as the finished folder shows:

- source "panoptic": segments of the 20 classes; what nobody labelled, and crowds, are void (255).
- source "instances": outlines filled, small in front of large; crowds are void where they are free.
- Photo and masks are scaled to the size in the list (longest side at most 500), masks by nearest
  neighbour, photos as JPEG of quality 90. Boxes are those of COCO, scaled, rounded outwards.
- `difficult`: a crowd, or less than 0.1 % of the picture.

Not run against the live hosts by us, and not known: which filter scaled the photos, and what was
in front where outlines overlap. `build` prints how many masks agree bit by bit. One thing differs
on purpose: crowds stand last among the objects, so that object numbers always fit the boxes.
"""

import csv
import io
import json
import math
import re
import shutil
import sys
import zipfile
import zlib

import numpy as np
from PIL import Image
from skimage.draw import polygon

from wsss_lite.data.images import VOID, read_image
from wsss_lite.data.transfer import Remote
from wsss_lite.data.voc import VOC_CLASSES, Sample, write_voc
from wsss_lite.data.world import Box
from wsss_lite.errors import InputError
from wsss_lite.files import data_dir
from wsss_lite.progress import progress

HOST = "http://images.cocodataset.org"
# The first checksum is in wide use, the second was reported alike by several users of the file;
# the site itself publishes none, and none for single photos.
ARCHIVES = {
    "instances": Remote(
        f"{HOST}/annotations/annotations_trainval2017.zip",
        "md5:f4bbac642086de4f52a3fdda2de5fa2c", 253,
    ),
    "panoptic": Remote(
        f"{HOST}/annotations/panoptic_annotations_trainval2017.zip",
        "sha256:c05f76d2129b6b561eb70efe16e7006df62f73fb92889132d373b9d90e31a370", 861,
    ),
}  # fmt: skip
# COCO's number of the category -> its number in VOC (1..20)
VOC_NUMBER = {
    coco: VOC_CLASSES.index(name) + 1
    for coco, name in {
        1: "person", 2: "bicycle", 3: "car", 4: "motorbike", 5: "aeroplane", 6: "bus", 7: "train",
        9: "boat", 16: "bird", 17: "cat", 18: "dog", 19: "horse", 20: "sheep", 21: "cow",
        44: "bottle", 62: "chair", 63: "sofa", 64: "pottedplant", 67: "diningtable",
        72: "tvmonitor",
    }.items()
}  # fmt: skip
DIFFICULT = 0.001
CHUNK = 1 << 20


def read_index(path=None):
    """[{id, split, source, width, height, mask_crc32}] from data/coco_mini.csv; id of 12 digits."""
    with open(path or data_dir() / "coco_mini.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        row.update(id=f"{int(row['id']):012d}", width=int(row["width"]), height=int(row["height"]))
    return rows


def files(index=None):
    """{key: Remote}: the two archives, and each photo under its id."""
    ids = [row["id"] for row in index or read_index()]
    return ARCHIVES | {id: Remote(f"{HOST}/train2017/{id}.jpg", None, 0.2) for id in ids}


def build(paths, folder, index=None):
    """Make the folder from downloaded files {key: path}."""
    index = index or read_index()
    wanted = {int(row["id"]): row for row in index}
    try:
        truth = _read_instances(paths["instances"], wanted)
        truth |= _read_panoptic(paths["panoptic"], wanted, folder.with_name("panoptic.zip"))
        _write_licences(paths["instances"], wanted, folder / "LICENSES.csv")
    except (KeyError, ValueError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise InputError(
            f"The annotations of COCO beside {paths['instances']} do not hold what coco-mini needs "
            f"({error}); delete them and run the same command again."
        ) from error
    same = []
    samples = (_sample(row, paths[row["id"]], truth[int(row["id"])], same) for row in index)
    lists = {"train": ("train",), "val": ("val",), "trainval": ("train", "val")}
    splits = {
        name: [row["id"] for row in index if row["split"] in parts] for name, parts in lists.items()
    }
    write_voc(folder, samples, splits, VOC_CLASSES)
    print(f"coco-mini: {sum(same)} of {len(same)} masks agree bit by bit.", file=sys.stderr)


def _sample(row, path, truth, same):
    """Scale photo, masks and boxes of one picture; `same` gets whether the mask is as it was."""
    mask, instances, found = truth
    size = (row["width"], row["height"])
    photo = _photo(path, mask.shape)
    image = np.array(Image.fromarray(photo).resize(size, Image.Resampling.LANCZOS))
    scale = (size[0] / mask.shape[1], size[1] / mask.shape[0])
    mask, instances = (
        np.array(Image.fromarray(array).resize(size, Image.Resampling.NEAREST))
        for array in (mask, instances)
    )
    same.append(f"{zlib.crc32(mask.tobytes()):08x}" == row["mask_crc32"])
    areas = np.bincount(instances.ravel(), minlength=256)
    boxes = [
        scaled_box(cls, corners, scale, size, crowd or areas[number] < DIFFICULT * mask.size)
        for number, (cls, corners, crowd) in enumerate(found, start=1)
    ]
    return Sample(row["id"], image, mask, instances, boxes)


def _photo(path, shape):
    """(H, W, 3) uint8. No checksum is published, so what is wrong shows only here."""
    try:
        photo = read_image(path)
    except InputError:
        photo = None
    if photo is None or photo.shape[:2] != shape:
        path.unlink()
        raise InputError(
            f"{path} was not the photo that COCO's masks belong to and was deleted; "
            "run the same command again."
        )
    return photo


def scaled_box(cls, corners, scale, size, difficult):
    """COCO's (x, y, width, height) as a `Box` in the scaled picture, rounded outwards."""
    x, y, width, height = corners
    x0, y0 = math.floor(x * scale[0]), math.floor(y * scale[1])
    x1, y1 = math.ceil((x + width) * scale[0]), math.ceil((y + height) * scale[1])
    x0, y0 = min(x0, size[0] - 1), min(y0, size[1] - 1)
    x1, y1 = max(min(x1, size[0]), x0 + 1), max(min(y1, size[1]), y0 + 1)
    return Box(cls, x0, y0, x1, y1, bool(difficult))


# Masks. Each function returns (mask, instances, [(class, corners, crowd)]), the arrays (H, W) uint8


def from_panoptic(rgb, segments):
    """rgb: (H, W, 3) uint8, the segment number as R + 256 G + 65536 B; 0 is unlabelled."""
    numbers = rgb.astype(np.int64) @ (1, 256, 65536)
    mask = np.where(numbers == 0, VOID, 0).astype(np.uint8)
    instances = mask.copy()
    found = _in_voc(segments)
    for k, segment in enumerate(found, start=1):
        here = numbers == segment["id"]
        crowd = segment["iscrowd"]
        mask[here] = VOID if crowd else VOC_NUMBER[segment["category_id"]]
        instances[here] = VOID if crowd else k
    return mask, instances, _facts(found)


def from_instances(shape, annotations):
    """shape: (H, W). Painted from large to small, so that what is small stays in sight."""
    mask, instances = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    found = _in_voc(annotations)
    # Crowds lie behind everything.
    order = sorted(range(len(found)), key=lambda i: (not found[i]["iscrowd"], -found[i]["area"]))
    for i in order:
        here = rasterise(found[i]["segmentation"], shape)
        crowd = found[i]["iscrowd"]
        mask[here] = VOID if crowd else VOC_NUMBER[found[i]["category_id"]]
        instances[here] = VOID if crowd else i + 1
    return mask, instances, _facts(found)


def _in_voc(annotations):
    """Those of the 20 classes in their order, crowds last."""
    kept = [a for a in annotations if a["category_id"] in VOC_NUMBER]
    return sorted(kept, key=lambda a: a["iscrowd"])


def _facts(found):
    return [(VOC_NUMBER[a["category_id"]], a["bbox"], bool(a["iscrowd"])) for a in found]


def rasterise(segmentation, shape):
    """(H, W) bool from COCO's outlines [[x, y, x, y, ...], ...] or run lengths {counts, size}.

    A pixel belongs to an outline when its centre, half a pixel from its corner, lies inside.
    """
    if isinstance(segmentation, dict):
        return decode_runs(segmentation["counts"], segmentation["size"])
    inside = np.zeros(shape, bool)
    for outline in segmentation:
        x, y = np.array(outline[0::2]) - 0.5, np.array(outline[1::2]) - 0.5
        inside[polygon(y, x, shape)] = True
    return inside


def decode_runs(counts, size):
    """(H, W) bool. counts: lengths of runs of 0, 1, 0, ... down the columns; size: [H, W]."""
    if sum(counts) != size[0] * size[1]:
        raise ValueError("run lengths do not fill the picture")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(size, order="F")


# Archives


def _read_instances(path, wanted):
    """{number: (mask, instances, found)} of the pictures whose masks come from outlines."""
    ids = {n for n, row in wanted.items() if row["source"] == "instances"}
    with zipfile.ZipFile(path) as archive:
        member = "annotations/instances_train2017.json"
        shapes = {p["id"]: (p["height"], p["width"]) for p in _list(archive, member, "images")}
        found = {number: [] for number in ids}
        for annotation in _list(archive, member, "annotations"):
            if annotation["image_id"] in ids:
                found[annotation["image_id"]].append(annotation)
    return {number: from_instances(shapes[number], found[number]) for number in ids}


def _read_panoptic(path, wanted, inner):
    """The same from segments; their PNGs lie in a zip within the zip, copied to `inner`."""
    ids = {n for n, row in wanted.items() if row["source"] == "panoptic"}
    truth = {}
    with zipfile.ZipFile(path) as archive:
        rows = _list(archive, "annotations/panoptic_train2017.json", "annotations")
        segments = {row["image_id"]: row["segments_info"] for row in rows if row["image_id"] in ids}
        with archive.open("annotations/panoptic_train2017.zip") as source:
            with open(inner, "wb") as sink:
                shutil.copyfileobj(source, sink, CHUNK)
    with zipfile.ZipFile(inner) as archive:
        for number in sorted(ids):
            with archive.open(f"panoptic_train2017/{number:012d}.png") as stream:
                rgb = np.array(Image.open(stream).convert("RGB"))
            truth[number] = from_panoptic(rgb, segments[number])
    inner.unlink()
    return truth


def _write_licences(path, wanted, target):
    with zipfile.ZipFile(path) as archive:
        member = "annotations/instances_train2017.json"
        names = {row["id"]: row for row in _list(archive, member, "licenses")}
        photos = [p for p in _list(archive, member, "images") if p["id"] in wanted]
    with open(target, "w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["id", "mask_source", "license", "license_url", "flickr_url", "coco_url"])
        for photo in sorted(photos, key=lambda photo: photo["id"]):
            licence, own = names[photo["license"]], wanted[photo["id"]]
            links = (licence["name"], licence["url"], photo["flickr_url"], photo["coco_url"])
            rows.writerow([own["id"], own["source"], *links])


def _list(archive, member, key):
    with archive.open(member) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8")
        yield from progress(items(text, key), f"reading {key}")


def items(stream, key, chunk=CHUNK):
    """Objects of the list `key` of a JSON file, one at a time.

    The file of outlines has 450 MB and would take several GB as Python objects; so one object is
    decoded after the other, and only what is wanted is kept.
    """
    opening = re.compile(rf'"{key}"\s*:\s*\[')
    decode = json.JSONDecoder().raw_decode
    text = ""
    while not (found := opening.search(text)):
        text = text[-100:] + _more(stream, chunk)
    position = found.end()
    while True:
        position = re.compile(r"[\s,]*").match(text, position).end()
        if text[position : position + 1] == "]":
            return
        try:
            item, position = decode(text, position)
        except ValueError:  # it goes on in the next chunk
            text, position = text[position:] + _more(stream, chunk), 0
        else:
            yield item


def _more(stream, chunk):
    block = stream.read(chunk)
    if not block:
        raise ValueError("a list is missing or cut off")
    return block
