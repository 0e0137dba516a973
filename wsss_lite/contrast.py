"""Contrast of two colours by the rule of WCAG 2, and colours dark enough to be read as text.

    contrast((0, 0, 0), (255, 255, 255))    21.0, the most there is
    readable("#E69F00")                     the orange of Okabe and Ito, darker, 4.5 on white
"""

import numpy as np
from matplotlib.colors import to_rgb

TEXT = 4.5  # the least for text (WCAG 2, level AA)
WHITE = (255, 255, 255)


def rgb(colour):
    """(3,) floats 0..1 of a name, "#rrggbb", or three numbers 0..255 (floats: 0..1)."""
    if isinstance(colour, str):
        return np.array(to_rgb(colour))
    values = np.asarray(colour)[:3]
    return values / 255 if np.issubdtype(values.dtype, np.integer) else values.astype(float)


def luminance(colour):
    """Relative luminance, 0 (black) to 1 (white)."""
    value = rgb(colour)
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(one, other):
    """Ratio of the lighter to the darker of two colours, 1 to 21; either order."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def readable(colour, ground=WHITE, least=TEXT):
    """The colour as "#rrggbb", moved towards black (on a dark ground: white) until it can be read.

    Its hue stays, so that a name in this colour still belongs to the line of that colour.
    """
    start, end = rgb(colour), np.zeros(3) if luminance(ground) > 0.18 else np.ones(3)
    for share in np.linspace(0, 1, 101):
        mixed = (255 * ((1 - share) * start + share * end)).round().astype(int)
        if contrast(mixed, ground) >= least:
            break
    return "#{:02x}{:02x}{:02x}".format(*mixed)
