"""Arrays in, (H, W, 3) uint8 pictures out: masks, heat maps, overlays and contact sheets."""

import numpy as np
from matplotlib import colormaps
from PIL import Image

from wsss_lite.show.palette import VOID_COLOUR, lookup


def colour_mask(mask, classes):
    """(H, W) mask values to an (H, W, 3) uint8 picture; 255 is light grey."""
    return lookup(classes)[np.asarray(mask, np.uint8)]


def overlay(image, mask, classes, strength=0.55):
    """The picture with a mask laid over: tinted objects with a line around, void lightened.

    image: (H, W, 3) uint8; mask: (H, W). Background pixels stay as they are. Returns (H, W, 3)
    uint8.
    """
    image, mask = np.asarray(image), np.asarray(mask, np.uint8)
    if image.shape[:2] != mask.shape:
        raise ValueError(f"the picture is {image.shape[:2]} and the mask {mask.shape}")
    tint = colour_mask(mask, classes).astype(np.float32)
    alpha = np.where(mask == 0, 0, strength)
    alpha[edges(mask) & (mask > 0)] = 1
    mixed = image + alpha[..., None] * (tint - image)
    return mixed.round().astype(np.uint8)


def edges(mask):
    """(H, W) bool: pixels with another value above, below, left or right of them."""
    mask = np.asarray(mask)
    out = np.zeros(mask.shape, bool)
    across, down = mask[:, 1:] != mask[:, :-1], mask[1:] != mask[:-1]
    out[:, 1:] |= across
    out[:, :-1] |= across
    out[1:] |= down
    out[:-1] |= down
    return out


def heat(map, colours="magma"):
    """(h, w) values 0..1 as an (h, w, 3) uint8 picture in a perceptually even colour map.

    Values outside are cut, missing ones (nan) grey. jet is refused: it draws edges where the
    values have none.
    """
    if "jet" in colours or colours in ("rainbow", "hsv"):
        raise ValueError(f"{colours} shows edges that are not there; take magma or viridis")
    map = np.asarray(map, np.float32)
    out = colormaps[colours](np.clip(np.nan_to_num(map), 0, 1), bytes=True)[..., :3]
    out[np.isnan(map)] = VOID_COLOUR
    return out


def overlay_heat(image, map, colours="magma"):
    """A heat map over its picture, which fades to grey so that hot places stand out.

    image: (H, W, 3) uint8; map: (h, w) in 0..1, enlarged to the picture. Returns (H, W, 3) uint8.
    """
    image = np.asarray(image)
    map = resize(np.nan_to_num(np.asarray(map, np.float32)), image.shape[:2]).clip(0, 1)
    grey = image.astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
    calm = 0.35 * image + 0.65 * grey[..., None]
    alpha = (0.45 + 0.3 * map)[..., None]
    return (calm + alpha * (heat(map, colours) - calm)).round().clip(0, 255).astype(np.uint8)


def as_picture(array, classes=()):
    """Any of the arrays that `strip` takes as an (H, W, 3) uint8 picture."""
    array = np.asarray(array)
    if array.ndim == 3 and array.shape[2] == 3 and array.dtype == np.uint8:
        return array
    if array.ndim == 2 and array.dtype == bool:
        return np.repeat(array[..., None].astype(np.uint8) * 255, 3, 2)
    if array.ndim == 2 and array.dtype == np.uint8:
        if not classes:
            raise ValueError("a mask needs legend=classes, so that its colours have names")
        return colour_mask(array, classes)
    if array.ndim == 2 and np.issubdtype(array.dtype, np.floating):
        return heat(array)
    raise ValueError(f"cannot show an array of shape {array.shape} and type {array.dtype}")


def resize(array, size, smooth=True):
    """An array (H, W) or (H, W, 3) at another (H, W); bilinear, or nearest for masks."""
    array = np.asarray(array)
    how = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    # Filtering would widen when it shrinks, which is what a thumbnail wants.
    return np.asarray(Image.fromarray(array).resize((size[1], size[0]), how))


def fit(array, side, smooth=True):
    """The array with its longer side at `side` pixels, proportions kept."""
    height, width = array.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(height * scale)), max(1, round(width * scale)))
    return resize(array, size, smooth)


def on_tile(picture, side):
    """The picture in the middle of a white square."""
    tile = np.full((side, side, 3), 255, np.uint8)
    y, x = (side - picture.shape[0]) // 2, (side - picture.shape[1]) // 2
    tile[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return tile


def contact_sheet(images, masks, classes, columns=6, tile=128):
    """Many pictures on one: each beside its overlay, `columns` such pairs in a row.

    images: (H, W, 3) uint8 of any sizes; masks: (H, W) each. Returns (H, W, 3) uint8 on white.
    """
    if not len(images):
        raise ValueError("a contact sheet needs a picture")
    pairs = []
    for image, mask in zip(images, masks, strict=True):
        small = fit(image, tile)
        label = fit(mask, tile, smooth=False)
        pairs.append((on_tile(small, tile), on_tile(overlay(small, label, classes), tile)))
    columns = min(columns, len(pairs))
    rows, gap = -(-len(pairs) // columns), max(4, tile // 16)
    step = (tile + gap, 2 * tile + 1 + gap)
    sheet = np.full((rows * step[0] + gap, columns * step[1] + gap, 3), 255, np.uint8)
    for k, (left, right) in enumerate(pairs):
        y, x = gap + k // columns * step[0], gap + k % columns * step[1]
        sheet[y : y + tile, x : x + tile] = left
        sheet[y : y + tile, x + tile + 1 : x + 2 * tile + 1] = right
    return sheet
