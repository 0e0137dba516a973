"""Odd, damaged and hostile pictures: read as documented, or one sentence with the remedy."""

import numpy as np
import pytest
from PIL import Image

from wsss_lite.data import images
from wsss_lite.data.images import image_size, read_image, read_mask, voc_palette, write_mask
from wsss_lite.errors import InputError


@pytest.fixture
def picture():
    """(12, 20, 3) uint8, no two pixels alike."""
    return np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)


def saved(path, array_or_image, **options):
    image = array_or_image
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    image.save(path, **options)
    return path


def test_rgb_is_returned_as_it_is(tmp_path, picture):
    read = read_image(saved(tmp_path / "a.png", picture))
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, picture)
    read[0, 0] = 0  # the array belongs to the caller


def test_grey_is_repeated(tmp_path, picture):
    grey = picture[..., 0]
    read = read_image(saved(tmp_path / "a.png", grey))
    np.testing.assert_array_equal(read, np.stack([grey] * 3, -1))


def test_black_and_white_is_0_and_255(tmp_path, picture):
    bits = Image.fromarray(picture[..., 0] > 100)
    read = read_image(saved(tmp_path / "a.png", bits))
    assert set(np.unique(read)) == {0, 255}


def test_transparent_pixels_lie_on_white(tmp_path, picture):
    alpha = np.full((12, 20, 1), 255, np.uint8)
    alpha[0, 0] = 0
    read = read_image(saved(tmp_path / "a.png", np.concatenate([picture, alpha], 2)))
    assert read[0, 0].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(read[1:], picture[1:])


def test_16_bit_is_stretched_from_its_own_range(tmp_path):
    deep = np.array([[1000, 1500], [1750, 2000]], np.uint16)
    read = read_image(saved(tmp_path / "a.png", deep))
    assert read[..., 0].tolist() == [[0, 128], [191, 255]]
    assert read.shape == (2, 2, 3)


def test_float_tiff_with_a_hole_and_constant_picture(tmp_path):
    values = np.array([[0.0, 1.0], [np.nan, 0.5]], np.float32)
    assert read_image(saved(tmp_path / "a.tif", values))[..., 0].tolist() == [[0, 255], [0, 128]]
    constant = np.full((2, 2), 7, np.uint16)
    assert (read_image(saved(tmp_path / "b.png", constant)) == 128).all()
    holes = np.full((2, 2), np.nan, np.float32)
    assert (read_image(saved(tmp_path / "c.tif", holes)) == 0).all()


def test_cmyk_is_converted(tmp_path):
    red = Image.new("RGB", (16, 16), (250, 10, 10)).convert("CMYK")
    read = read_image(saved(tmp_path / "a.jpg", red, quality=95))
    assert read.shape == (16, 16, 3)
    assert np.abs(read.astype(int) - (250, 10, 10)).max() < 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, orientation):
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:, :8] = 255  # the first columns as stored
    exif = Image.Exif()
    exif[images.ORIENTATION] = orientation
    path = saved(tmp_path / "a.jpg", stored, exif=exif, quality=95)
    read = read_image(path)
    assert image_size(path) == read.shape[:2] == ((16, 32) if orientation < 5 else (32, 16))
    bright = {
        1: np.s_[:, :4], 2: np.s_[:, -4:], 3: np.s_[:, -4:], 4: np.s_[:, :4],
        5: np.s_[:4], 6: np.s_[:4], 7: np.s_[-4:], 8: np.s_[-4:],
    }[orientation]  # fmt: skip
    assert read[bright].min() > 200 and read.mean() < 80


def test_damaged_exif_counts_as_upright(tmp_path, picture):
    path = saved(tmp_path / "a.jpg", picture, exif=b"Exif\x00\x00II*\x00garbage-garbage")
    assert read_image(path).shape == picture.shape


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.gif")[3, 3].tolist() == [255, 0, 0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1)])
def test_thin_pictures(tmp_path, shape):
    assert read_image(saved(tmp_path / "a.jpg", np.zeros((*shape, 3), np.uint8))).shape[:2] == shape


def test_palette_with_transparency(tmp_path):
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.putpixel((0, 0), 0)
    read = read_image(saved(tmp_path / "a.png", image, transparency=0))
    assert read[0, 0].tolist() == [255] * 3 and read[3, 3].tolist() == [10, 20, 30]


def test_bad_files_are_named_with_a_remedy(tmp_path, picture):
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("this is no picture")
    (tmp_path / "folder.jpg").mkdir()
    whole = saved(tmp_path / "whole.jpg", np.tile(picture, (20, 20, 1))).read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    whole = saved(tmp_path / "whole.png", np.tile(picture, (20, 20, 1))).read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "flipped.png").write_bytes(whole[:200] + b"\x00" * 99 + whole[299:])
    expected = {
        "missing.jpg": "no file", "empty.jpg": "empty", "text.jpg": "not a picture",
        "folder.jpg": "is a folder", "half.jpg": "damaged", "half.png": "damaged",
        "flipped.png": "damaged",
    }  # fmt: skip
    for name, words in expected.items():
        for reader in (read_image, read_mask):
            with pytest.raises(InputError, match=words) as caught:
                reader(tmp_path / name)
            assert name in str(caught.value) and str(caught.value).count("\n") == 0
            assert ";" in str(caught.value)  # what is wrong; what to do


def test_40_megapixels_are_read_and_more_are_shrunk(tmp_path):
    big = saved(tmp_path / "big.jpg", Image.new("L", (8000, 5000), 77))
    assert read_image(big).shape == (5000, 8000, 3)
    small = read_image(big, max_pixels=1_000_000)
    assert small.shape == (625, 1000, 3) and abs(int(small[0, 0, 0]) - 77) < 3


def test_too_many_pixels_are_refused(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.png", np.zeros((30, 40), np.uint8))
    with pytest.raises(InputError, match="0.001 million pixels; save a smaller"):
        read_image(path, max_pixels=1000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow's own guard, at twice that
    with pytest.raises(InputError, match="save a smaller"):
        read_image(path)


def test_size_is_that_of_the_shrunk_picture(tmp_path, monkeypatch):
    path = saved(tmp_path / "a.jpg", np.zeros((32, 64, 3), np.uint8))
    monkeypatch.setattr(images, "MAX_PIXELS", 1000)
    assert image_size(path) == read_image(path, max_pixels=1000).shape[:2] == (16, 32)


def test_palette_agrees_with_the_published_colours():
    colours = voc_palette()
    assert colours[:4].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert colours[8].tolist() == [64, 0, 0] and colours[20].tolist() == [0, 64, 128]
    assert colours[255].tolist() == [224, 224, 192]
    assert len(np.unique(colours, axis=0)) == 256


def test_mask_survives_writing_and_has_the_voc_colours(tmp_path):
    mask = np.arange(256, dtype=np.uint8).reshape(8, 32)
    write_mask(tmp_path / "deep" / "m.png", mask)
    np.testing.assert_array_equal(read_mask(tmp_path / "deep" / "m.png", (8, 32)), mask)
    shown = np.asarray(Image.open(tmp_path / "deep" / "m.png").convert("RGB"))
    np.testing.assert_array_equal(shown, voc_palette()[mask])
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["m.png"]
    with pytest.raises(ValueError, match="uint8"):
        write_mask(tmp_path / "x.png", mask.astype(int))


def test_masks_in_grey_16_bit_bits_and_colours(tmp_path):
    mask = np.array([[0, 1, 20], [255, 3, 0]], np.uint8)
    colours = voc_palette()[mask]
    opaque = np.dstack([colours, np.full(mask.shape, 255, np.uint8)])
    for name, stored in {"grey": mask, "deep": mask.astype(np.uint16), "rgb": colours,
                         "rgba": opaque}.items():  # fmt: skip
        path = saved(tmp_path / f"{name}.png", stored)
        np.testing.assert_array_equal(read_mask(path), mask, err_msg=name)
    bits = saved(tmp_path / "bits.png", Image.fromarray(mask > 1))
    np.testing.assert_array_equal(read_mask(bits), (mask > 1).astype(np.uint8))


def test_masks_that_hold_no_class_numbers(tmp_path):
    colours = saved(tmp_path / "c.png", np.full((2, 2, 3), (1, 2, 3), np.uint8))
    with pytest.raises(InputError, match=r"c\.png.*\(1, 2, 3\) is no VOC colour; save it"):
        read_mask(colours)
    deep = saved(tmp_path / "d.png", np.full((2, 2), 300, np.uint16))
    with pytest.raises(InputError, match=r"d\.png.*class numbers 0\.\.255"):
        read_mask(deep)


def test_mask_of_another_size_names_both(tmp_path):
    path = saved(tmp_path / "m.png", np.zeros((3, 5), np.uint8))
    with pytest.raises(InputError, match=r"m\.png is 5 x 3 but its picture is 7 x 4"):
        read_mask(path, (4, 7))
