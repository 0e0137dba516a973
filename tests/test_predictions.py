"""Predictions in files: what is written reads back, as PNG, as JSON and as a world."""

import json

import numpy as np
import pytest
from PIL import Image

from wsss_lite.data.images import read_mask, voc_palette
from wsss_lite.data.predictions import (
    COCO,
    coco_to_masks,
    masks_to_coco,
    read_coco_masks,
    write_predictions,
)
from wsss_lite.data.voc import VOCFolder
from wsss_lite.data.voc_check import check
from wsss_lite.errors import InputError

CLASSES = ("cat", "dog", "mug")


def masks():
    rng = np.random.default_rng(0)
    one = np.zeros((30, 44), np.uint8)
    one[3:9, 4:20], one[12:20, 4:20], one[22:, 30:] = 1, 1, 3
    return {"a": one, "deep/b": rng.integers(0, 4, (20, 31)).astype(np.uint8),
            "empty": np.zeros((8, 9), np.uint8)}  # fmt: skip


def test_png_and_json_read_back_bit_by_bit(tmp_path):
    wanted = masks()
    assert write_predictions(tmp_path, wanted, CLASSES) == tuple(wanted)
    found, names = read_coco_masks(tmp_path / COCO)
    assert names == CLASSES and found.keys() == wanted.keys()
    for name, mask in wanted.items():
        assert np.array_equal(found[name], mask)
        path = tmp_path / "SegmentationClass" / f"{name}.png"
        assert np.array_equal(read_mask(path, mask.shape), mask)
        with Image.open(path) as image:
            assert image.mode == "P"
            assert np.array_equal(np.reshape(image.getpalette(), (-1, 3)), voc_palette())


def test_an_annotation_is_one_piece_with_its_area_and_box(tmp_path):
    rows = masks_to_coco({"a": masks()["a"]}, CLASSES)["annotations"]
    assert [row["category_id"] for row in rows] == [1, 1, 3]
    assert sorted(row["area"] for row in rows) == [6 * 16, 8 * 14, 8 * 16]
    assert rows[0]["bbox"] == [4, 12, 16, 8]  # x, y, width, height of the larger piece
    for row in rows:  # the run lengths as COCO's own tools read them: down the columns, 0 first
        flat = np.repeat(np.arange(len(row["segmentation"]["counts"])) % 2,
                         row["segmentation"]["counts"])  # fmt: skip
        assert flat.sum() == row["area"] and len(flat) == 30 * 44


def test_more_pieces_than_a_byte_can_number_are_kept(tmp_path):
    dust = np.zeros((60, 60), np.uint8)
    dust[::2, ::2] = 2
    found, _ = coco_to_masks(masks_to_coco({"dust": dust}, CLASSES))
    assert np.array_equal(found["dust"], dust)


def test_undecided_pixels_stay_in_the_png_and_are_background_in_the_json(tmp_path):
    mask = masks()["a"]
    mask[0] = 255
    write_predictions(tmp_path, {"a": mask}, CLASSES)
    assert (read_mask(tmp_path / "SegmentationClass" / "a.png")[0] == 255).all()
    assert (read_coco_masks(tmp_path / COCO)[0]["a"][0] == 0).all()


def test_with_pictures_the_folder_is_a_world(tmp_path):
    wanted = {k: m for k, m in masks().items() if "/" not in k}
    images = {k: np.full((*m.shape, 3), 128, np.uint8) for k, m in wanted.items()}
    write_predictions(tmp_path, wanted, CLASSES, images, split="train")
    assert check(tmp_path) == []
    world = VOCFolder(tmp_path)
    assert world.tags("a").tolist() == [True, False, True] and world.has_masks
    assert all(np.array_equal(world.mask(k), m) for k, m in wanted.items())


@pytest.mark.parametrize(
    "spoil, said",
    [
        (lambda text: text[:40], "does not hold masks"),
        (lambda text: text.replace('"images"', '"imges"'), "KeyError"),
        (lambda text: text.replace('"counts": [', '"counts": [3, '), "run lengths"),
    ],
)
def test_a_spoilt_file_is_one_sentence(tmp_path, spoil, said):
    write_predictions(tmp_path, masks(), CLASSES)
    path = tmp_path / COCO
    path.write_text(spoil(path.read_text()))
    with pytest.raises(InputError, match=said) as caught:
        read_coco_masks(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_what_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(InputError, match="no prediction"):
        write_predictions(tmp_path, {}, CLASSES)
    with pytest.raises(InputError, match="value 4, but there are 3"):
        write_predictions(tmp_path, {"a": np.full((3, 3), 4, np.uint8)}, CLASSES)
    with pytest.raises(InputError, match="Cannot read"):
        read_coco_masks(tmp_path / "none.json")
    content = masks_to_coco({"a": masks()["a"]}, CLASSES)
    content["annotations"].append(content["annotations"][0])
    (tmp_path / "twice.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="overlap"):
        read_coco_masks(tmp_path / "twice.json")
