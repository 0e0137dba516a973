"""One picture-book scene from one number: picture, masks, parts, stuff, objects and caption.

    scene = draw(seed=7, knobs=Knobs(cooccurrence=0.5))

A scene follows its `plan`: every class of the cast is visible, so the tags of a scene depend on
the cast alone.
"""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from wsss_lite.data.camera import Camera, develop, shoot
from wsss_lite.data.casting import (CLASSES, CONTEXTS, HOME, Actor, Knobs, Plan, plan, stream)
from wsss_lite.data.contexts import STUFF, set_stage
from wsss_lite.data.drawing import CANVAS, OVERSAMPLE, PART, PARTS, SIZE, Sprite, noise
from wsss_lite.data.objects import blocks, paint, trailer

__all__ = ["CLASSES", "CONTEXTS", "PARTS", "STUFF", "SIZE", "VOID", "Actor", "Camera", "Knobs",
           "Plan", "Scene", "draw", "plan"]

cv2.setNumThreads(1)  # scenes are small: threads only get in each other's way

VOID = 255
GRAIN = {"fur": .075, "fine": .04}  # strength of the surface grain
SMALLEST = 20  # pixels; a smaller object is not annotated
VOID_SHARE = 0.15  # most of an object that may be void
LARGER = 1.62  # objects against the sizes below

# How much of an object must be seen, of the part of it that lies inside the picture.
# Vehicles may be half hidden.
LEAST_SEEN = {"car": .55, "boat": .55, "train": .5, "horse": .55, "person": .7, "cat": .6,
              "dog": .6, "bird": .8}
# A cat or a dog without its head is neither: at least this share of what is seen is head.
HEAD_SEEN = {"cat": .2, "dog": .2, "horse": .04, "person": .06}
# Below the feet of somebody behind something else this many pixels must be free, or he seems
# to stand on its roof.
STEP = 18
# Size of one local unit on the canvas: (from, to) before depth.
SIZES = {"cat": (62, 98), "dog": (62, 98), "person": (100, 152), "bird": (46, 72),
         "car": (42, 64), "horse": (70, 106), "boat": (50, 88), "train": (54, 84)}
MARGIN = {"person": 20, "car": 50, "horse": 56, "boat": 52}


@dataclass(repr=False)
class Scene:
    """A drawn scene; arrays are (SIZE, SIZE), the image (SIZE, SIZE, 3) uint8.

    `mask` holds class numbers (k = CLASSES[k - 1], 255 void), `instances` object numbers (k =
    objects[k - 1], 255 void), `parts` and `stuff` hard labels into PARTS and STUFF, without
    void; stuff under an object is 0. `file` is the content of the picture file.
    """

    image: np.ndarray
    mask: np.ndarray
    instances: np.ndarray
    parts: np.ndarray
    stuff: np.ndarray
    objects: list
    caption: str
    context: str
    coupled: bool
    file: bytes

    def __repr__(self):
        return f"Scene({self.caption!r}, context={self.context!r}, coupled={self.coupled})"


class Prop(NamedTuple):
    """An actor given its place: everything that is needed to draw it."""

    actor: Actor
    x: float
    y: float
    scale: float
    flip: bool
    turn: float
    wagons: int
    rest: str  # what a boat on land rests on: "", "trailer" or "blocks"
    brush: int  # seed of the colours


def draw(seed, knobs=Knobs(), context=None, cast=None):
    """The scene with this seed.

    `context` and `cast` (names or Actors; () for none) override the plan of the seed.
    """
    made = plan(seed, knobs)
    chosen = made.context if context is None else context
    if chosen not in CONTEXTS:
        raise ValueError(f"No context {chosen!r}; there are {', '.join(CONTEXTS)}.")
    actors = made.cast if cast is None else tuple(as_actor(one) for one in cast)
    coupled = made.coupled if context is None and cast is None else belongs(actors, chosen)
    stage = set_stage(chosen, stream(seed, 3), knobs.clutter, needs_shore(actors))
    props, sprites = arrange(seed, stage, actors, knobs)
    labels, parts = compose(stage, props, sprites)
    return photograph(seed, stage, props, labels, parts, knobs.camera, coupled)


def as_actor(one):
    """An Actor from a class name or 'class:pose'."""
    if isinstance(one, Actor):
        return one
    cls, _, pose = str(one).partition(":")
    if cls not in CLASSES:
        raise ValueError(f"No class {cls!r}; there are {', '.join(CLASSES)}.")
    standing = {"cat": "stand", "dog": "stand", "person": "stand", "bird": "perch"}
    return Actor(cls, pose or standing.get(cls, ""))


def belongs(actors, context):
    """Whether a context is one where such a cast is at home."""
    homes = {HOME[actor.cls] for actor in actors if actor.cls in HOME}
    return context in homes if homes else context not in HOME.values()


def needs_shore(actors):
    """Whether somebody needs land to stand on beside a lake."""
    afloat = {"boat": ("",), "person": ("sit",), "bird": ("fly",)}
    return any(actor.pose not in afloat.get(actor.cls, ()) for actor in actors)


# ------------------------------------------------------------------ placing
def arrange(seed, stage, actors, knobs):
    """(props, sprites) from back to front, placed so that all are well seen.

    Tries again with other places until it works, content with less as it goes on.
    """
    for attempt in range(400):
        rng = stream(seed, 4, attempt)
        props = sorted(place(rng, stage, actors, knobs.size), key=lambda prop: prop.y)
        sprites = [make_sprite(prop, knobs) for prop in props]
        if well_seen(props, sprites, patience=max(0., 1 - attempt / 60)):
            return props, sprites
    raise RuntimeError(f"Scene {seed}: no room for {[actor.cls for actor in actors]}.")


def place(rng, stage, actors, size):
    """A Prop for each actor."""
    props, with_train = [], any(actor.cls == "train" for actor in actors)
    for actor in actors:
        host = next((p for p in reversed(props) if p.actor.cls == HOST.get(actor.pose)), None)
        if actor.cls == "person" and host is None and actor.pose == "stand":
            host = next((p for p in props if p.actor.cls == "horse"), None)
        if actor.cls == "person" and host is not None:
            props.append(companion(rng, actor, host))
        else:
            props.append(alone(rng, stage, actor, size, with_train))
    return props


HOST = {"ride": "horse", "sit": "boat"}


def companion(rng, actor, host):
    """Somebody on a horse, in a boat, or leading a horse."""
    forward = -1 if host.flip else 1
    x, y, scale = host.x, host.y + .01, host.scale
    if actor.pose == "sit":
        lift = .2 + (REST_HEIGHT if host.rest else 0)
        x, y = x - scale * .42 * forward, y - lift * scale - .02
    elif actor.pose == "stand":
        reach = rng.uniform(.8, 1.15)
        x = np.clip(x + forward * scale * reach, 16, CANVAS - 16)
        y, scale = y + rng.uniform(0, 8), scale * rng.uniform(.98, 1.2)
    return Prop(actor, x, y, scale, host.flip, 0., 0, "", int(rng.integers(1 << 30)))


REST_HEIGHT = .34  # a boat on land stands this high above the ground, in its own units


def alone(rng, stage, actor, size, with_train):
    """A place for somebody who depends on nobody."""
    cls, pose = actor
    if pose in ("ride", "sit") and cls == "person":
        actor, pose = Actor("person", "stand"), "stand"
    if cls == "bird" and pose == "fly" and stage.context == "room":
        actor, pose = Actor("bird", "perch"), "perch"
    flip, rest, wagons, turn = bool(rng.random() < .5), "", int(rng.integers(1, 4)), 0.
    scale = rng.uniform(*SIZES[cls]) * LARGER * size
    margin = MARGIN.get(cls, 34)
    x = rng.uniform(margin, CANVAS - margin)
    if pose == "fly":
        top = max(30., .7 * scale)
        y, turn = rng.uniform(top, max(top + 16, stage.horizon - 4)), rng.normal(0, .12)
    elif cls == "train":
        x, y = rng.uniform(.55, 1.05) * CANVAS, train_level(rng, stage)
        x = CANVAS - x if flip else x
    else:
        y, rest = level(rng, stage, cls, with_train)
        scale *= .72 + .5 * (y - stage.horizon - 24) / (CANVAS - stage.horizon)
    return Prop(actor, x, y, scale, flip, turn, wagons, rest, int(rng.integers(1 << 30)))


def train_level(rng, stage):
    """y of the wheels: on the rails, else in the back half of the open ground."""
    if stage.rail is not None:
        return stage.rail
    low, high = stage.lane
    return rng.uniform(low, low + .5 * (high - low))


def level(rng, stage, cls, with_train):
    """(y, rest) of something that stands, floats or rolls by itself."""
    if cls == "boat" and stage.water is not None:
        return rng.uniform(*stage.water), ""
    low, high = stage.lane if cls == "car" else stage.ground
    rest = ("trailer" if rng.random() < .6 else "blocks") if cls == "boat" else ""
    behind = rng.random() < .5
    if with_train:
        # In front of the train: behind it, a head above a roof looks like somebody on top.
        low = stage.rail + 22 if stage.rail is not None else low + .6 * (high - low)
    elif stage.walk is not None and cls in ("person", "cat", "dog", "bird") and behind:
        return stage.walk, rest
    elif stage.rail is not None and behind and cls != "boat":
        low, high = stage.horizon + 16, stage.rail - 16
    return rng.uniform(low, max(low + 2, high)), rest


def make_sprite(prop, knobs):
    """Draw one prop on its own sheet, still without its surface."""
    rng = np.random.default_rng(prop.brush)
    y = prop.y - (REST_HEIGHT * prop.scale if prop.rest else 0)
    sprite = Sprite(prop.x, y, prop.scale, prop.flip, prop.turn)
    sprite.grain = paint(sprite, rng, prop.actor.cls, prop.actor.pose, knobs, prop.wagons)
    return sprite


def well_seen(props, sprites, patience):
    """Whether enough of every object is visible; `patience` 1 asks for all of LEAST_SEEN."""
    hidden = np.zeros((CANVAS, CANVAS), bool)
    for prop, sprite in reversed(list(zip(props, sprites))):
        own = sprite.alpha > 127
        whole, seen = np.count_nonzero(own), np.count_nonzero(own & ~hidden)
        # Twice the smallest area, on the canvas: sampling must not push it below the limit.
        if seen < 2 * SMALLEST * OVERSAMPLE**2 * (.7 + .3 * patience):
            return False
        if seen < patience * LEAST_SEEN[prop.actor.cls] * whole:
            return False
        if prop.actor.cls in HEAD_SEEN:
            head = np.count_nonzero((sprite.parts == PART["head"]) & ~hidden)
            if head < patience * HEAD_SEEN[prop.actor.cls] * seen:
                return False
        if prop.actor.cls in ("person", "cat", "dog") and prop.actor.pose not in ("ride", "sit"):
            if np.count_nonzero(hidden[below(sprite)]) > (1 - patience) * 4 * whole + 12:
                return False
        hidden |= own
    return True


def below(sprite):
    """The window of the canvas from the knees of somebody to a step below the feet."""
    x, y, w, h = cv2.boundingRect((sprite.parts == PART["legs"]).astype(np.uint8))
    return slice(y + h // 2, y + h + STEP), slice(x, x + w)


# ------------------------------------------------------------------ composing
def compose(stage, props, sprites):
    """Lay the sprites on the stage; returns (object numbers, parts), (CANVAS, CANVAS) uint8."""
    labels = np.zeros((CANVAS, CANVAS), np.uint8)
    parts = np.zeros((CANVAS, CANVAS), np.uint8)
    for number, (prop, sprite) in enumerate(zip(props, sprites), 1):
        ground_shadow(stage, prop, sprite)
        if prop.rest:
            support = Sprite(prop.x, prop.y, prop.scale, prop.flip)
            rng = np.random.default_rng(prop.brush + 1)
            (trailer if prop.rest == "trailer" else blocks)(support, rng)
            support.finish(rng, "fine", .05)
            stage.paste(support)
            covered = support.alpha > 127
            labels[covered] = parts[covered] = 0
        sprite.finish(np.random.default_rng(prop.brush + 2), sprite.grain, GRAIN[sprite.grain])
        sprite.paste(stage.rgb)
        own = sprite.alpha > 127
        labels[own], parts[own] = number, sprite.parts[own]
    return labels, parts


def ground_shadow(stage, prop, sprite):
    """A dark ellipse below something that touches the ground or the water."""
    if prop.actor.pose in ("fly", "ride", "sit") and prop.actor.cls in ("bird", "person"):
        return
    x, _, width, _ = sprite.bounds()
    y, depth = int(prop.y) + 1, max(2, int(prop.scale * .07))
    if not width or y > CANVAS + 30:
        return
    shade = np.zeros((CANVAS, CANVAS), np.uint8)
    cv2.ellipse(shade, (x + width // 2, y), (int(width * .52), depth), 0, 0, 360, 255, -1)
    top, bottom = max(0, y - 30), min(CANVAS, y + 34)
    soft = cv2.blur(shade, (9, 5))[top:bottom, :, None].astype(np.float32) / 255
    stage.rgb[top:bottom] *= 1 - (.22 if prop.actor.cls == "boat" else .32) * soft


def photograph(seed, stage, props, labels, parts, camera, coupled):
    """Turn the canvas into a finished Scene."""
    light = stream(seed, 6).uniform(.92, 1.06)
    canvas = stage.rgb * light + 1.5 * noise("fine")[:CANVAS, :CANVAS, None]
    canvas = np.clip(canvas, 0, 255).astype(np.uint8)
    rgb = cv2.resize(canvas, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    hard, parts, stuff = sample(labels), sample(parts), sample(stage.stuff)
    stuff[hard > 0] = 0
    instances = mark_void(hard, labels)
    classes = [0] + [CLASSES.index(prop.actor.cls) + 1 for prop in props]
    lookup = np.zeros(256, np.uint8)
    lookup[:len(classes)], lookup[VOID] = classes, VOID
    content, image = develop(shoot(rgb, hard, stuff, camera, seed), camera.jpeg)
    objects = [describe(number, prop, hard) for number, prop in enumerate(props, 1)]
    text = caption(stream(seed, 7), props, stage.context)
    return Scene(image, lookup[instances], instances, parts, stuff, objects, text,
                 stage.context, coupled, content)


def sample(labels):
    """Every second pixel of a label canvas, as labels cannot be averaged."""
    return labels[1::OVERSAMPLE, 1::OVERSAMPLE].copy()


def mark_void(hard, labels):
    """Object numbers with 255 where a pixel is half object and half something else.

    Such pixels form a line at most one pixel wide. Around an object of which they would be more
    than VOID_SHARE there are none.
    """
    half = sum((labels[dy::2, dx::2] == hard).astype(np.uint8) for dy in (0, 1) for dx in (0, 1))
    void = half == 2
    block = void[:-1, :-1] & void[1:, :-1] & void[:-1, 1:] & void[1:, 1:]
    void[:-1, :-1][block] = False
    for _ in range(len(hard)):
        marked = np.where(void, VOID, hard).astype(np.uint8)
        crowded = [touching for number in np.unique(hard[hard > 0])
                   if (touching := void_of(marked, number)) is not None]
        if not crowded:
            return marked
        void &= ~np.logical_or.reduce(crowded)
    return hard


def void_of(marked, number):
    """The void pixels that touch an object, when they are more than its share; else None."""
    own = (marked == number).astype(np.uint8)
    touching = (cv2.dilate(own, np.ones((3, 3), np.uint8)) > 0) & (marked == VOID)
    count = int(touching.sum())
    return touching if count > VOID_SHARE * (count + int(own.sum())) else None


def describe(number, prop, hard):
    """The facts of one object, ready for a JSON file; the box is half-open."""
    rows, columns = np.nonzero(hard == number)
    cls = prop.actor.cls
    box = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
    return {"cls": CLASSES.index(cls) + 1, "name": cls, "pose": prop.actor.pose, "box": box,
            "area": int(rows.size), "rest": prop.rest}


# ------------------------------------------------------------------ words
WHERE = {"meadow": ("in a meadow", "on the grass", "in a green field"),
         "lake": ("at a lake", "by the water", "at the lake"),
         "street": ("in a street", "in town", "by the road"),
         "rails": ("by the railway", "at the tracks", "beside the rails"),
         "room": ("in a room", "indoors", "inside a house")}
COUNT = ("no", "a", "two", "three", "four", "five")
PLURAL = {"person": "people"}
FRAMES = ("{things} {where}", "a picture of {things} {where}", "{where}: {things}",
          "one can see {things} {where}")


def caption(rng, props, context):
    """A sentence that names everything in the scene and where it is."""
    where = WHERE[context][rng.integers(3)]
    frame = FRAMES[rng.integers(len(FRAMES))]
    number = {}
    for prop in props:
        number[prop.actor.cls] = number.get(prop.actor.cls, 0) + 1
    names = list(number)
    rng.shuffle(names)
    phrases = [phrase(name, number[name], props) for name in names]
    things = " and ".join([", ".join(phrases[:-1])] * bool(phrases[:-1]) + phrases[-1:])
    return frame.format(things=things or "nobody", where=where)


def phrase(name, number, props):
    """'two people', 'a bird in the air', 'a boat on a trailer'."""
    if number > 1:
        return f"{COUNT[number]} {PLURAL.get(name, name + 's')}"
    prop = next(prop for prop in props if prop.actor.cls == name)
    detail = {"fly": " in the air", "ride": " on horseback"}.get(prop.actor.pose, "")
    detail += {"trailer": " on a trailer", "blocks": " on land"}.get(prop.rest, "")
    return f"a {name}{detail}"
