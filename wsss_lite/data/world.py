"""What every data set looks like to the rest of the package."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Box:
    """A box in pixels, half-open: rows y0..y1-1 and columns x0..x1-1 of an object.

    `cls` is the class number as it stands in a mask (1..C).
    """

    cls: int
    x0: int
    y0: int
    x1: int
    y1: int
    difficult: bool = False


class Extreme(NamedTuple):
    """The four ends of an object, each (y, x), and its class number."""

    cls: int
    top: tuple
    left: tuple
    bottom: tuple
    right: tuple


class World:
    """A set of pictures with tags, perhaps with masks. Mask value k means `classes[k - 1]`."""

    name = ""
    classes = ()  # foreground names
    splits = ()
    has_masks = False

    def ids(self, split):
        """Picture names of a split, in a fixed order."""
        raise NotImplementedError

    def image_path(self, id):
        raise NotImplementedError

    def image(self, id):
        """(H, W, 3) uint8, RGB."""
        raise NotImplementedError

    def tags(self, id):
        """(C,) bool: which classes are in the picture."""
        raise NotImplementedError

    def mask(self, id):
        """(H, W) uint8: 0 background, k = classes[k - 1], 255 void."""
        raise NotImplementedError

    def instances(self, id):
        """(H, W) uint8: 0 nothing, k = the k-th annotated object, 255 void."""
        raise NotImplementedError

    def need_masks(self, ids):
        """InputError if the mask of one of these pictures is missing; looks, does not read."""

    def boxes(self, id):
        """List of `Box`."""
        raise NotImplementedError

    def drawn(self, id, kind):
        """What a person drew, None where there is no such.

        "scribbles" and "points": (H, W) uint8, 255 elsewhere; "extreme": list of `Extreme`.
        """
        return None

    def fingerprint(self):
        """Hex string that changes whenever pictures, tags or lists change."""
        raise NotImplementedError
