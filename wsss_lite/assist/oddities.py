"""Scenes of things that have no name: blobs, figures with some limbs, piles of boards and wheels.

Who learns to cut out eight classes learns those eight. SAM saw eleven million pictures of
everything; this is what stands in for them. Nothing here is drawn after a class of PocketVOC, but
ovals, limbs and boards are what all of its drawings are made of.
"""

import cv2
import numpy as np

from wsss_lite.data import scenes
from wsss_lite.data.camera import develop, shoot
from wsss_lite.data.casting import CONTEXTS, Actor, Knobs, stream
from wsss_lite.data.contexts import set_stage
from wsss_lite.data.drawing import CANVAS, PARTS, SIZE, Sprite, jitter, limb, noise, pick

FIRST_SEED = 9_000_000  # far from those of the splits
FEWEST, MOST = 2, 5  # things in a scene
SCALES = (45.0, 170.0)  # of one local unit, in pixels of the canvas; drawn evenly in logarithm
LABELS = range(1, len(PARTS))  # pieces are numbered with the part labels, whose names mean nothing


def odd_scene(seed, knobs=Knobs()):
    """(picture (SIZE, SIZE, 3) uint8, things, pieces): things (SIZE, SIZE) uint8 number the things
    with 255 for void, pieces label what each is made of."""
    rng = stream(seed, 1)
    stage = set_stage(pick(rng, CONTEXTS), stream(seed, 3), knobs.clutter)
    props = [placed(rng) for _ in range(rng.integers(FEWEST, MOST + 1))]
    labels, pieces = scenes.compose(stage, props, [made(prop) for prop in props])
    hard, stuff = scenes.sample(labels), scenes.sample(stage.stuff)
    stuff[hard > 0] = 0
    light = rng.uniform(0.92, 1.06)  # from here on as in `scenes.photograph`
    canvas = stage.rgb * light + 1.5 * noise("fine")[:CANVAS, :CANVAS, None]
    canvas = np.clip(canvas, 0, 255).astype(np.uint8)
    rgb = cv2.resize(canvas, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    picture = develop(shoot(rgb, hard, stuff, knobs.camera, seed), knobs.camera.jpeg)[1]
    return picture, scenes.mark_void(hard, labels), scenes.sample(pieces)


def placed(rng):
    """A `Prop` somewhere on the canvas, on the ground or not."""
    scale = float(np.exp(rng.uniform(*np.log(SCALES))))
    x, y = rng.uniform(0.1, 0.9) * CANVAS, rng.uniform(0.3, 1.0) * CANVAS
    turn, brush = rng.normal(0, 0.4), int(rng.integers(1 << 30))
    flip = bool(rng.random() < 0.5)
    return scenes.Prop(Actor("thing"), x, y, scale, flip, turn, 0, "", brush)


def made(prop):
    """The `Sprite` of a prop, still without its surface."""
    rng = np.random.default_rng(prop.brush)
    sprite = Sprite(prop.x, prop.y, prop.scale, prop.flip, prop.turn)
    sprite.grain = pick(rng, ("fur", "fine"))
    pick(rng, (blob, figure, figure, pile, pile))(sprite, rng)
    return sprite


def colour(rng):
    """Any colour, more often a dull one."""
    grey, hue = rng.uniform(40, 225), rng.normal(0, rng.uniform(5, 60), 3)
    return np.clip(grey + hue, 15, 245)


def blob(sprite, rng):
    """One outline, round or with corners, with a spot on it."""
    corners = int(rng.integers(3, 10))
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners) * 0.3
                     + np.linspace(0, 2 * np.pi, corners, endpoint=False))  # fmt: skip
    radii = rng.uniform(0.35, 0.8, corners)[:, None]
    outline = radii * np.stack([np.cos(angles), np.sin(angles)], 1) - (0, 0.5)
    own = colour(rng)
    (sprite.blob if rng.random() < 0.6 else sprite.shape)(outline, own)
    sprite.label = LABELS[1]
    x, y = rng.uniform(-0.15, 0.15, 2)
    sprite.oval(x, y - 0.5, *rng.uniform(0.08, 0.25, 2), jitter(rng, own, 60), edge=None)


def figure(sprite, rng):
    """A trunk with limbs that end anywhere, one of which may carry a knob."""
    own, other = colour(rng), colour(rng)
    rx, ry = rng.uniform(0.2, 0.7), rng.uniform(0.15, 0.45)
    middle = np.array([0, -rng.uniform(0.4, 0.9)])
    for number in range(rng.integers(1, 7)):
        sprite.label = LABELS[2 + number % 4]
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.3, 0.9)
        way = np.array([np.cos(angle), np.sin(angle)])
        start = middle + way * (rx, ry) * 0.7
        thick = rng.uniform(0.03, 0.16)
        shade = jitter(rng, own if rng.random() < 0.6 else other, 15)
        sprite.shape(limb(start, start + way * reach, thick, thick * rng.uniform(0.4, 1)), shade)
        if rng.random() < 0.3:
            sprite.label = LABELS[6]
            sprite.oval(*(start + way * reach), *rng.uniform(0.08, 0.3, 2), shade)
    sprite.label = LABELS[1]
    sprite.oval(*middle, rx, ry, own, rng.normal(0, 0.4))


def pile(sprite, rng):
    """Boards, triangles and discs on top of each other, each of its own colour."""
    left, right, level = -rng.uniform(0.2, 0.9), rng.uniform(0.2, 0.9), 0.0
    for number in range(rng.integers(1, 5)):
        sprite.label = LABELS[1 + number]
        height, slant = rng.uniform(0.1, 0.8), rng.uniform(-0.3, 0.3, 2)
        top = level - height
        corners = [(left, level), (right, level), (right + slant[1], top), (left + slant[0], top)]
        sprite.shape(corners[: 3 if rng.random() < 0.25 else 4], colour(rng))
        if rng.random() < 0.4:
            sprite.label = LABELS[7]
            radius = rng.uniform(0.08, 0.22)
            sprite.oval(rng.uniform(left, right), level, radius, radius, colour(rng))
        left, right = np.sort(rng.uniform(left, right, 2) + (-0.1, 0.1))
        level = top + 0.03
