"""The colours of classes: the same class has the same one everywhere, in a picture and a bar."""

import hashlib

import numpy as np
from matplotlib import colormaps

VOID = 255
BACKGROUND_COLOUR = (34, 34, 34)
VOID_COLOUR = (208, 208, 208)

# Okabe and Ito (2008): told apart with every common kind of colour blindness. Cat and dog, boat
# and train, horse and person, which share pictures and are confused, lie far apart in it.
OKABE_ITO = {
    "cat": (230, 159, 0),
    "boat": (86, 180, 233),
    "horse": (0, 158, 115),
    "bird": (240, 228, 66),
    "dog": (0, 114, 178),
    "train": (213, 94, 0),
    "person": (204, 121, 167),
    "car": (136, 34, 85),  # Okabe and Ito's eighth is black, here the background: Tol's wine
}
# The other classes of VOC, in shades beside those eight.
MORE = {
    "aeroplane": (51, 34, 136),
    "bicycle": (17, 119, 51),
    "bottle": (153, 153, 51),
    "bus": (238, 119, 51),
    "chair": (170, 68, 153),
    "cow": (221, 204, 119),
    "diningtable": (121, 85, 61),
    "motorbike": (204, 51, 17),
    "pottedplant": (68, 170, 102),
    "sheep": (187, 204, 238),
    "sofa": (102, 153, 204),
    "tvmonitor": (68, 187, 200),
}
KNOWN = OKABE_ITO | MORE


def colours(classes):
    """{name: (r, g, b)} of the classes, with "background" first and "void" last.

    A name keeps its colour in every list it occurs in. Names that this package does not know get
    one from their spelling, so that this holds for them too (save for a rare clash of two).
    """
    out = {"background": BACKGROUND_COLOUR}
    spare = [c for name, c in KNOWN.items() if name not in classes]
    for name in classes:
        colour = KNOWN.get(name)
        if colour is None:
            colour = _free_colour(name, spare, set(out.values()))
        out[name] = colour
    return out | {"void": VOID_COLOUR}


def _free_colour(name, spare, taken):
    """A colour of the list that is not taken, starting where the spelling of the name points."""
    start = int(hashlib.sha256(name.encode()).hexdigest(), 16)
    names = list(KNOWN.values())
    for k in range(len(names)):
        colour = names[(start + k) % len(names)]
        if colour in spare and colour not in taken:
            return colour
    # More classes than colours: walk round the hues.
    for k in range(997):
        hue = colormaps["hsv"]((start + 89 * k) % 997 / 997)
        colour = tuple(int(255 * (0.25 + 0.6 * v)) for v in hue[:3])
        if colour not in taken:
            break
    return colour


def lookup(classes):
    """(256, 3) uint8 table from mask value to colour; values without a class look void."""
    table = np.full((256, 3), VOID_COLOUR, np.uint8)
    table[: len(classes) + 1] = list(colours(classes).values())[:-1]
    return table
