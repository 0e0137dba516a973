"""Pen and paper: noise tiles, smooth outlines and the `Sprite` on which one thing is drawn.

Everything is drawn on a canvas of twice the final size, so that edges come out smooth.
Colours are RGB triples 0..255; in the local frame of a sprite x points right, y points down,
and (0, 0) is where the thing touches the ground.
"""

import contextlib
import math
from functools import lru_cache

import cv2
import numpy as np

SIZE = 128  # pixels of a finished scene, per side
OVERSAMPLE = 2
CANVAS = SIZE * OVERSAMPLE  # pixels of the drawing canvas, per side

PARTS = ("none", "head", "body", "legs", "tail", "wing", "arms",
         "hull", "sail", "cabin", "window", "wheel")
PART = {name: number for number, name in enumerate(PARTS)}

# Sub-pixel positions are handed to OpenCV as fixed-point numbers with four binary digits.
SHIFT = 4

# name: (octaves, stretch along x, stretch along y, roughness)
NOISES = {
    "soft": ((6, 12, 24, 48, 96, 192), 1.0, 1.0, 1.2),
    "fine": ((48, 96, 192, 384), 1.0, 1.0, 0.5),
    "fur": ((60, 120, 240), 1.6, 0.45, 0.4),
    "wave": ((12, 24, 48, 96), 0.35, 2.4, 0.6),
    "blade": ((60, 120, 240), 1.8, 0.5, 0.3),
    "blotch": ((10, 20, 40), 1.0, 1.0, 0.8),
}


@lru_cache(maxsize=None)
def noise(kind, side=3 * CANVAS):
    """(side, side) float32 sheet of noise with mean 0 and deviation near 1, made once."""
    octaves, along_x, along_y, roughness = NOISES[kind]
    rng = np.random.default_rng(sum(map(ord, kind)))
    sheet, power = np.zeros((side, side), np.float32), 0.0
    for k, cells in enumerate(octaves):
        weight = (1 / (k + 1)) ** roughness
        shape = max(2, int(cells * along_y)), max(2, int(cells * along_x))
        coarse = rng.standard_normal(shape).astype(np.float32)
        sheet += weight * cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
        power += weight * weight
    return sheet / np.sqrt(power)


def tile(rng, kind, height=CANVAS, width=CANVAS):
    """A random (height, width) cut of a noise sheet, perhaps mirrored."""
    sheet = noise(kind)
    y = rng.integers(0, sheet.shape[0] - height)
    x = rng.integers(0, sheet.shape[1] - width)
    cut = sheet[y:y + height, x:x + width]
    return cut[:, ::-1] if rng.random() < 0.5 else cut


def pick(rng, choices):
    """One element of a sequence."""
    return choices[rng.integers(len(choices))]


def jitter(rng, colour, spread=14.0):
    """The colour made a little lighter or darker and a little off in hue, clipped to 0..255."""
    shifted = np.array(colour, float) + rng.normal(0, spread) + rng.normal(0, spread * 0.5, 3)
    return np.clip(shifted, 0, 255)


def _spline_weights(t):
    """(len(t), 4) weights of four neighbouring points on the Catmull-Rom curve between b and c."""
    t = np.asarray(t, float)
    return 0.5 * np.stack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3,
                           t + 4 * t**2 - 3 * t**3, -t**2 + t**3], 1)


@lru_cache(maxsize=None)
def _closed_basis(corners, steps):
    """(corners * steps, corners) matrix that turns corner points into a smooth outline."""
    weights = _spline_weights(np.linspace(0, 1, steps, endpoint=False))
    basis = np.zeros((corners, steps, corners))
    for i in range(corners):
        for k in range(4):
            basis[i, :, (i - 1 + k) % corners] += weights[:, k]
    return basis.reshape(corners * steps, corners)


@lru_cache(maxsize=None)
def _open_basis(corners, steps):
    """(m, corners + 2) matrix for a smooth line; the end points are doubled outwards."""
    weights = _spline_weights(np.linspace(0, 1, steps, endpoint=False))
    basis = np.zeros((corners - 1, steps, corners + 2))
    for i in range(corners - 1):
        basis[i, :, i:i + 4] = weights
    last = np.eye(corners + 2)[corners:corners + 1]
    return np.vstack([basis.reshape(-1, corners + 2), last])


@lru_cache(maxsize=None)
def _circle(corners):
    t = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([np.cos(t), np.sin(t)], 1)


def smooth(points, steps=6):
    """(n * steps, 2) closed smooth outline through n corner points."""
    return _closed_basis(len(points), steps) @ np.asarray(points, float)


def curve(points, steps=8):
    """(m, 2) open smooth line through the given points."""
    p = np.asarray(points, float)
    ends = np.vstack([2 * p[0] - p[1], p, 2 * p[-1] - p[-2]])
    return _open_basis(len(p), steps) @ ends


def oval(x, y, rx, ry, turn=0.0, corners=24):
    """(corners, 2) outline of an ellipse turned by `turn` radians."""
    outline = _circle(corners) * (rx, ry)
    if turn:
        c, s = math.cos(turn), math.sin(turn)
        outline = outline @ np.array([[c, s], [-s, c]])
    return outline + (x, y)


def limb(start, end, width0, width1):
    """Outline of a tapering limb from `start` to `end`; widths are half widths."""
    start, end = np.array(start, float), np.array(end, float)
    along = end - start
    side = np.array([-along[1], along[0]]) / (np.linalg.norm(along) + 1e-9)
    middle, width = (start + end) / 2, (width0 + width1) / 2
    return smooth([start + side * width0, middle + side * width, end + side * width1,
                   end - side * width1, middle - side * width, start - side * width0])


def rectangle(x0, y0, x1, y1):
    """Corners of an upright rectangle."""
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], float)


class Sprite:
    """One thing on a transparent sheet: colour, coverage and part labels, all CANVAS wide.

    `rgb` is premultiplied by `alpha`; `parts` holds hard labels (indices into PARTS).
    """

    def __init__(self, x, y, scale, flip=False, turn=0.0):
        self.rgb = np.zeros((CANVAS, CANVAS, 3), np.uint8)
        self.alpha = np.zeros((CANVAS, CANVAS), np.uint8)
        self.parts = np.zeros((CANVAS, CANVAS), np.uint8)
        c, s = math.cos(turn) * scale, math.sin(turn) * scale
        mirror = -1 if flip else 1
        self.matrix = np.array([[c * mirror, s], [-s * mirror, c]])
        self.foot = np.array([x, y], float)
        self.scale = scale
        self.label = PART["body"]
        self.grain = "fine"  # what its surface is like, for `finish`

    def part(self, name):
        """Label whatever is drawn next as this part."""
        self.label = PART[name]

    @contextlib.contextmanager
    def frame(self, x, y, zoom=1.0):
        """Inside `with`, draw in a smaller frame whose origin is (x, y)."""
        kept = self.matrix, self.foot, self.scale
        self.foot = np.array([x, y], float) @ self.matrix + self.foot
        self.matrix, self.scale = self.matrix * zoom, self.scale * zoom
        try:
            yield self
        finally:
            self.matrix, self.foot, self.scale = kept

    def _fixed(self, points):
        """Local points as fixed-point canvas coordinates."""
        canvas = np.asarray(points, float) @ self.matrix + self.foot
        return np.round(canvas * 2**SHIFT).astype(np.int32)

    def shape(self, outline, colour, edge=0.62):
        """Fill an outline; `edge` is the darkness of its border line, None for no line."""
        self.joined([(None, outline)], colour, edge)

    def blob(self, points, colour, edge=0.62):
        """Fill the smooth outline through the points."""
        self.shape(smooth(points), colour, edge)

    def oval(self, x, y, rx, ry, colour, turn=0.0, edge=0.62):
        """Fill an ellipse."""
        self.shape(oval(x, y, rx, ry, turn), colour, edge)

    def joined(self, pieces, colour, edge=0.62):
        """Fill several (part, outline) pieces as one: a border around them, no seams between.

        Where pieces overlap the later one gives the part label; a part None keeps the pen's.
        """
        outlines = [self._fixed(outline) for _, outline in pieces]
        fill = tuple(float(v) for v in colour)
        if edge:
            border = tuple(v * edge for v in fill)
            cv2.polylines(self.rgb, outlines, True, border, 2, cv2.LINE_AA, SHIFT)
            cv2.polylines(self.alpha, outlines, True, 255, 1, cv2.LINE_AA, SHIFT)
        for (name, _), outline in zip(pieces, outlines):
            label = self.label if name is None else PART[name]
            cv2.fillPoly(self.rgb, [outline], fill, cv2.LINE_AA, SHIFT)
            cv2.fillPoly(self.alpha, [outline], 255, cv2.LINE_AA, SHIFT)
            cv2.fillPoly(self.parts, [outline], label, cv2.LINE_8, SHIFT)

    def line(self, points, width, colour, edge=0.62, bend=True):
        """A stroke of the given local width; smooth when `bend`, else straight pieces."""
        path = [self._fixed(curve(points) if bend else points)]
        thick = max(1, int(round(width * self.scale)))
        fill = tuple(float(v) for v in colour)
        bordered = bool(edge) and thick > 2
        if bordered:
            border = tuple(v * edge for v in fill)
            cv2.polylines(self.rgb, path, False, border, thick + 1, cv2.LINE_AA, SHIFT)
        cv2.polylines(self.alpha, path, False, 255, thick + bordered, cv2.LINE_AA, SHIFT)
        cv2.polylines(self.rgb, path, False, fill, thick, cv2.LINE_AA, SHIFT)
        cv2.polylines(self.parts, path, False, self.label, thick, cv2.LINE_8, SHIFT)

    def bounds(self):
        """(x, y, width, height) of what has been drawn; zeros when nothing is on the canvas."""
        return cv2.boundingRect(self.alpha)

    def finish(self, rng, texture="fur", grain=0.07, relief=0.34):
        """Give the flat colours a light from the upper left, mottling and a surface grain."""
        x, y, w, h = self.bounds()
        if not w:
            return
        coverage = self.alpha[y:y + h, x:x + w]
        light = 1 + relief * emboss(coverage, self.scale) + grain * tile(rng, texture, h, w)
        light += 0.05 * tile(rng, "soft", h, w)
        window = self.rgb[y:y + h, x:x + w]
        window[:] = np.clip(window * light[..., None], 0, 255).astype(np.uint8)
        np.minimum(window, coverage[..., None], out=window)
        self._close_parts(coverage > 127, self.parts[y:y + h, x:x + w])

    def _close_parts(self, drawn, labels):
        """Give every drawn pixel a part: borders are a little wider than what was labelled."""
        for _ in range(2):
            spread = cv2.dilate(labels, np.ones((3, 3), np.uint8))
            labels[:] = np.where(labels > 0, labels, spread)
        labels[labels == 0] = self.label
        labels[~drawn] = 0

    def paste(self, canvas):
        """Lay the sprite over an (CANVAS, CANVAS, 3) float32 picture, in place."""
        x, y, w, h = self.bounds()
        if w:
            under = canvas[y:y + h, x:x + w]
            see_through = 1 - self.alpha[y:y + h, x:x + w, None].astype(np.float32) / 255
            under[:] = under * see_through + self.rgb[y:y + h, x:x + w]


def emboss(coverage, scale):
    """Relief in about -1..1: bright at upper left borders, dark at lower right ones."""
    d = max(2, int(scale * 0.07))
    blur = max(3, int(scale * 0.18)) | 1
    padded = cv2.copyMakeBorder(coverage, d, d, d, d, cv2.BORDER_CONSTANT, value=0)
    soft = cv2.GaussianBlur(padded, (blur, blur), 0).astype(np.float32) / 255
    return soft[2 * d:, 2 * d:] - soft[:-2 * d, :-2 * d]
