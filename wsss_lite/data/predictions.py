"""Predicted masks in files that other programs read: palette PNGs as VOC has them, COCO JSON.

    root/SegmentationClass/ID.png             class numbers in VOC's colours
    root/ImageSets/Segmentation/predicted.txt one ID a line
    root/classes.txt                          class names, one a line
    root/predictions.json                     COCO: an annotation for each connected piece

With the pictures at hand it becomes a whole folder in VOC layout, on which `VOCFolder`, `check` and
`run --world` work. What is written reads back bit by bit.
"""

import json
from pathlib import Path

import numpy as np

from wsss_lite.data.annotation_files import encode_runs, possible_size
from wsss_lite.data.coco import decode_runs
from wsss_lite.data.images import VOID, write_mask
from wsss_lite.data.voc import LISTS, MASKS, Sample, objects, pieces, write_voc
from wsss_lite.errors import InputError
from wsss_lite.files import atomic

COCO = "predictions.json"
SPLIT = "predicted"
WRONG = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)


def write_predictions(root, masks, classes, images=None, split=SPLIT):
    """Write {name: (H, W) uint8} as VOC and COCO have them; returns the names.

    Mask value k means `classes[k - 1]`, 0 the background, 255 undecided. images: {name: (H, W, 3)
    uint8}, or a function of the name; with them the folder is a world. InputError: no mask, a
    value that is no class.
    """
    root, classes = Path(root), tuple(classes)
    if not masks:
        raise InputError(f"There is no prediction to write to {root}; predict a picture first.")
    for name, mask in masks.items():
        refuse_unknown(name, mask, classes)
    if images is not None:
        get = images if callable(images) else images.__getitem__
        samples = (Sample(name, get(name), mask, pieces(mask)) for name, mask in masks.items())
        write_voc(root, samples, {split: list(masks)}, classes)
    else:
        for name, mask in masks.items():
            write_mask(root / MASKS / f"{name}.png", mask)
        write_text(root / "classes.txt", "".join(f"{name}\n" for name in classes))
        write_text(root / LISTS / f"{split}.txt", "".join(f"{name}\n" for name in masks))
    write_text(root / COCO, json.dumps(masks_to_coco(masks, classes)) + "\n")
    return tuple(masks)


def masks_to_coco(masks, classes):
    """{name: (H, W) uint8} as COCO's dictionary of images, categories and annotations.

    A category's id is its class number. A class has an annotation for each connected piece in a
    picture, with run lengths down the columns, which COCO's own tools read. Undecided pixels are in
    none.
    """
    images, rows = [], []
    for number, (name, mask) in enumerate(masks.items(), 1):
        height, width = mask.shape
        images.append({"id": number, "file_name": f"{name}.jpg", "width": width, "height": height})
        rows += [{"image_id": number} | row for row in coco_rows(mask)]
    return {
        "info": {"description": "predicted with wsss-lite"},
        "images": images,
        "categories": [{"id": k, "name": name} for k, name in enumerate(classes, 1)],
        "annotations": [{"id": k} | row for k, row in enumerate(rows, 1)],
    }


def coco_rows(mask):
    """An annotation for each piece; beyond 254 pieces of a picture, those of a class together."""
    for number in np.setdiff1d(np.unique(mask), (0, VOID)).tolist():
        one = np.where(mask == number, number, 0).astype(np.uint8)
        found = list(objects(one, pieces(one)))
        if sum(pixels.sum() for _, _, pixels in found) < (one > 0).sum():
            found = list(objects(one, (one > 0).astype(np.uint8)))
        for cls, (rows, columns), pixels in found:
            whole = np.zeros(mask.shape, bool)
            whole[rows, columns] = pixels
            box = [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start]
            yield {
                "category_id": cls, "bbox": box, "area": int(pixels.sum()), "iscrowd": 0,
                "segmentation": {"counts": encode_runs(whole), "size": list(mask.shape)},
            }  # fmt: skip


def read_coco_masks(path):
    """({name: (H, W) uint8}, class names) of a file that `write_predictions` wrote.

    InputError: missing, malformed, or pieces that overlap.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return coco_to_masks(content, path)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}; check the path.") from error
    except WRONG as error:
        what = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{path} does not hold masks as COCO has them ({what}); write it again."
        ) from error


def coco_to_masks(content, path=""):
    """The inverse of `masks_to_coco`, but for undecided pixels, which come back as background."""
    classes = [row["name"] for row in sorted(content["categories"], key=lambda row: row["id"])]
    masks, names = {}, {}
    for row in content["images"]:
        names[row["id"]] = str(Path(row["file_name"]).with_suffix("").as_posix())
        size = possible_size((int(row["height"]), int(row["width"])), path)
        masks[names[row["id"]]] = np.zeros(size, np.uint8)
    for row in content["annotations"]:
        runs, mask = row["segmentation"], masks[names[row["image_id"]]]
        pixels = decode_runs(runs["counts"], mask.shape)
        if mask[pixels].any():
            raise InputError(f"Pieces overlap in annotation {row['id']} of {path}; take one out.")
        mask[pixels] = row["category_id"]
    return masks, tuple(classes)


def refuse_unknown(name, mask, classes):
    """InputError where a mask holds a value without a class."""
    unknown = [v for v in np.unique(mask).tolist() if len(classes) < v < VOID]
    if unknown:
        raise InputError(
            f"The prediction of {name} holds the value {unknown[0]}, but there are {len(classes)} "
            "classes; name all of them."
        )


def write_text(path, text):
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")
