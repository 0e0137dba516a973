"""Read any picture as RGB and any mask as class numbers, or say in one sentence why not.

    read_image("cat.jpg")           (H, W, 3) uint8
    read_mask("cat.png", (H, W))    (H, W) uint8, 0 background, 255 void
    write_mask("cat.png", mask)     a palette PNG, as PASCAL VOC has it

Everything that a reader's own folder may hold ends in one of these three functions, so this is
the place where odd files are met: grey, 16-bit, CMYK, rotated, transparent, animated, damaged.
"""

import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from wsss_lite.errors import InputError
from wsss_lite.files import atomic

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
MAX_PIXELS = 40_000_000
VOID = 255

DEEP_MODES = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")  # more than 8 bits a pixel
ORIENTATION = 0x0112  # EXIF: how the camera was held
SWAPS_SIDES = (5, 6, 7, 8)


def read_image(path, max_pixels=MAX_PIXELS):
    """Read a picture as (H, W, 3) uint8 RGB.

    - Grey is repeated three times; transparent pixels lie on white; CMYK is converted.
    - 16-bit and float grey is stretched from its own minimum and maximum to 0..255, because
      such files (medical, satellite) rarely fill their range. 16-bit colour keeps the high byte.
    - The EXIF orientation is applied; of an animation the first frame is taken.
    - A JPEG above `max_pixels` is decoded at 1/2, 1/4 or 1/8 of its sides, which costs little
      memory; another format of that size is refused.

    InputError: missing, empty, damaged, no picture, a folder, or too large.
    """
    with _opened(path) as image:
        _shrink(image, path, max_pixels)
        image.load()  # all damage shows here; looking for EXIF first would hide it
        image = _upright(image)
        if image.mode in DEEP_MODES:
            return _grey_to_rgb(_stretch(np.asarray(image)))
        return np.array(_flat(image))


def image_size(path):
    """(H, W) of a picture as `read_image` would return it; of a JPEG only the header is read."""
    with _opened(path) as image:
        _shrink(image, path, MAX_PIXELS)
        width, height = image.size
        turned = _orientation(image) in SWAPS_SIDES
        return (width, height) if turned else (height, width)


def read_mask(path, shape=None):
    """Read a mask as (H, W) uint8 class numbers.

    Palette and grey files hold the numbers themselves. A colour file is decoded when each of
    its colours is one of `voc_palette()`. `shape` is the (H, W) that the picture has.

    InputError: no such file, damaged, another size than the picture, or colours without meaning.
    """
    with _opened(path) as image:
        _refuse_huge(image, path, MAX_PIXELS)
        mask = _class_numbers(image, path)
    if shape is not None and mask.shape != tuple(shape):
        raise InputError(
            f"The mask {path} is {_size(mask.shape)} but its picture is {_size(shape)} "
            "(width x height); save the mask at the size of the picture."
        )
    return mask


def write_mask(path, mask):
    """Write a (H, W) uint8 mask as a PNG in VOC colours; the pixel values stay class numbers."""
    mask = np.asarray(mask)
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ValueError(f"a mask is (H, W) uint8, got {mask.shape} {mask.dtype}")
    image = Image.fromarray(mask)
    image.putpalette(voc_palette().tobytes())  # turns the mode from grey "L" to palette "P"
    with atomic(path) as temporary:
        image.save(temporary, format="PNG")


def write_jpeg(path, image, quality=90):
    """Write a (H, W, 3) uint8 picture, or the bytes of a finished JPEG, as they are."""
    with atomic(path) as temporary:
        if isinstance(image, bytes):
            temporary.write_bytes(image)
        else:
            Image.fromarray(image).save(temporary, format="JPEG", quality=quality)


def voc_palette():
    """(256, 3) uint8 colours of PASCAL VOC: the bits of the class number, dealt to R, G, B.

    Bit 0 of the number becomes the highest bit of red, bit 1 of green, bit 2 of blue, bit 3 the
    second highest of red, and so on: near numbers get far colours.
    """
    numbers = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        channel, height = bit % 3, 7 - bit // 3
        palette[:, channel] |= (((numbers >> bit) & 1) << height).astype(np.uint8)
    return palette


def is_picture_name(path):
    """Whether a file name ends like a picture (".jpg", ".PNG", ...); hidden files do not count."""
    path = Path(path)
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


@contextmanager
def _opened(path):
    """Open a picture; whatever goes wrong in the body, too, becomes an InputError."""
    path = Path(path)
    _refuse_non_files(path)
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; `_shrink` and `_refuse_huge` decide about them.
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                yield image
    except InputError:
        raise
    except PermissionError as error:
        raise InputError(f"Cannot open {path}: no permission to read it.") from error
    except (Image.DecompressionBombError, MemoryError) as error:
        raise _too_large(path) from error
    except Image.UnidentifiedImageError as error:
        raise InputError(
            f"{path} is not a picture that can be read; save it as JPEG or PNG, or remove it."
        ) from error
    except Exception as error:
        # Pillow raises OSError, SyntaxError, ValueError, struct.error ... on damaged files:
        # to the reader they all mean the same.
        raise InputError(
            f"The picture {path} is damaged ({error}); get or save it again, or remove it."
        ) from error


def _refuse_non_files(path):
    """InputError for a missing path, a folder or an empty file."""
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a picture; rename it or give its files.")
    if not path.exists():
        raise InputError(f"There is no file {path}; check the name, or the list that names it.")
    if path.stat().st_size == 0:
        raise InputError(f"The file {path} is empty; get or save it again, or remove it.")


def _shrink(image, path, max_pixels):
    """Ask the JPEG decoder for a smaller picture, in place; refuse other large files."""
    width, height = image.size
    scale = 1
    while width * height > max_pixels * scale**2 and scale < 8:
        scale *= 2
    if scale > 1 and image.format == "JPEG":
        image.draft(image.mode, (width // scale, height // scale))
    _refuse_huge(image, path, max_pixels)


def _refuse_huge(image, path, max_pixels):
    if image.width * image.height > max_pixels:
        raise _too_large(path, max_pixels)


def _too_large(path, max_pixels=MAX_PIXELS):
    return InputError(
        f"The picture {path} has more than {max_pixels / 1e6:g} million pixels; "
        "save a smaller copy of it."
    )


def _orientation(image):
    """EXIF orientation 1..8; a picture whose EXIF block is damaged counts as upright."""
    try:
        return image.getexif().get(ORIENTATION, 1)
    except Exception:
        return 1


def _upright(image):
    return image if _orientation(image) == 1 else ImageOps.exif_transpose(image)


def _flat(image):
    """An RGB picture; transparency is laid on white."""
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(ground, image)
    return image.convert("RGB")


def _stretch(values):
    """Stretch finite values to 0..255; a constant picture becomes mid grey, NaN becomes 0."""
    values = values.astype(np.float32)
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape, np.uint8)
    low, high = values[finite].min(), values[finite].max()
    if low == high:
        return np.full(values.shape, 128, np.uint8)
    scaled = (np.clip(np.where(finite, values, low), low, high) - low) / (high - low)
    return np.round(255 * scaled).astype(np.uint8)


def _grey_to_rgb(grey):
    return np.repeat(grey[..., None], 3, axis=2)


def _class_numbers(image, path):
    """(H, W) uint8 from an open mask file."""
    if image.mode in ("P", "L"):
        return np.array(image)
    if image.mode == "1":
        return np.array(image).astype(np.uint8)
    if image.mode in DEEP_MODES and image.mode != "F":
        numbers = np.asarray(image)
        if numbers.min() >= 0 and numbers.max() <= 255:
            return numbers.astype(np.uint8)
    if image.mode in ("RGB", "RGBA"):
        return _decode_colours(np.asarray(image.convert("RGB")), path)
    raise InputError(
        f"The mask {path} ({image.mode}) does not hold class numbers 0..255; "
        "save it as a palette or grey PNG whose pixel values are class numbers."
    )


def _decode_colours(rgb, path):
    """(H, W, 3) colours of `voc_palette()` back to (H, W) class numbers."""
    table = np.full(1 << 24, -1, np.int16)
    table[_colour_code(voc_palette())] = np.arange(256)
    codes = _colour_code(rgb)
    numbers = table[codes]
    if (numbers < 0).any():
        code = int(codes[numbers < 0][0])
        colour = (code >> 16, code >> 8 & 255, code & 255)
        raise InputError(
            f"The mask {path} is a colour picture and its colour {colour} is no VOC colour; "
            "save it as a palette or grey PNG whose pixel values are class numbers."
        )
    return numbers.astype(np.uint8)


def _colour_code(rgb):
    """One number for each colour: (..., 3) uint8 to (...) int."""
    r, g, b = np.moveaxis(np.asarray(rgb).astype(np.int32), -1, 0)
    return (r << 16) | (g << 8) | b


def _size(shape):
    return f"{shape[1]} x {shape[0]}"
