"""Pictures as PNG, JPEG or WebP: in a file, or inside the HTML that a notebook stores."""

import base64
import io
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from wsss_lite.files import atomic

WIDTH = 256  # pixels on screen, the least a picture gets
LARGEST = 20_000  # bytes of one embedded picture; base64 adds a third


def write_png(path, array):
    """Write a (H, W) or (H, W, 3) uint8 array, whole or not at all; returns the path."""
    array = np.asarray(array)
    if array.dtype != np.uint8:
        raise ValueError(f"a picture to write is uint8, not {array.dtype}")
    with atomic(path) as half:
        Image.fromarray(array).save(half, "PNG", optimize=True)
    return Path(path)


def encode(picture, largest=LARGEST):
    """(mime type, bytes) of an (H, W, 3) uint8 picture, at most `largest` bytes.

    PNG, in a palette where 256 colours suffice; a photograph that becomes too large as PNG is
    stored as JPEG.
    """
    full = Image.fromarray(picture)
    few = full.getcolors(256)
    image = full.convert("P", palette=Image.Palette.ADAPTIVE, colors=256) if few else full
    data = packed(image, "PNG", optimize=True)
    quality = 92
    while len(data) > largest and quality > 20:
        data = packed(full, "JPEG", quality=quality, subsampling=0)
        quality -= 8
    return ("image/png" if data[:4] == b"\x89PNG" else "image/jpeg"), data


def small_copy(picture, quality=60):
    """(mime type, bytes) of a picture in a few kilobytes: PNG with few colours, else WebP."""
    full = Image.fromarray(picture)
    if full.getcolors(256):
        return encode(picture)
    return "image/webp", packed(full, "WEBP", quality=quality, method=6)


def packed(image, kind, **options):
    """The bytes of a PIL image in a format that PIL knows; options: those of its `save`."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def img(picture, alt, width=WIDTH, small=False):
    """An `<img>` element that carries its picture inside, shown `width` pixels wide."""
    kind, data = small_copy(picture) if small else encode(picture)
    return element(kind, data, alt, width)


def element(kind, data, alt, width):
    """An `<img>` element of bytes that are encoded already, `kind` being their mime type."""
    code = base64.b64encode(data).decode()
    return f'<img alt="{escape(alt)}" width="{width}" src="data:{kind};base64,{code}">'
