"""The five contexts: meadow, lake, street, rails and room, each with its stuff labels.

A painter fills a `Stage`: the picture, the stuff labels (hard, the nearest thing wins) and the
places where something may stand, float or roll. All numbers are canvas pixels.
"""

import cv2
import numpy as np

from wsss_lite.data.drawing import CANVAS as W
from wsss_lite.data.drawing import SHIFT, Sprite, jitter, limb, pick, rectangle, tile

STUFF = ("other", "sky", "hills", "grass", "water", "road", "rails", "room", "trees", "building")
STUFF_ID = {name: number for number, name in enumerate(STUFF)}

WHITE = np.array((246, 246, 244), np.float32)
SKIES = [((112, 172, 226), (220, 236, 246)), ((140, 186, 224), (240, 240, 232)),
         ((160, 178, 214), (246, 222, 194)), ((176, 192, 210), (232, 234, 236))]
MEADOWS = [(124, 160, 88), (146, 164, 88), (108, 148, 96), (172, 166, 100)]
VERGES = [(124, 160, 88), (150, 160, 94), (168, 162, 110)]
WATERS = [(92, 150, 180), (76, 128, 160), (110, 166, 170), (120, 150, 178)]
LEAVES = [(78, 124, 66), (96, 136, 70), (64, 104, 74), (166, 138, 66)]
FACADES = [(190, 150, 120), (170, 112, 94), (204, 194, 176), (150, 160, 172), (208, 176, 132),
           (176, 184, 166)]
WALLS = [(222, 210, 188), (188, 202, 204), (210, 188, 176), (194, 204, 178), (204, 196, 212)]
FLOORS = [(172, 130, 92), (150, 114, 84), (196, 166, 128), (132, 104, 84)]
FABRICS = [(166, 84, 74), (84, 110, 128), (120, 128, 92), (184, 148, 94)]
PICTURES = [(192, 66, 64), (66, 100, 168), (226, 180, 80), (78, 142, 108), (142, 92, 150)]


class Stage:
    """A painted context: `rgb` (W, W, 3) float32, `stuff` (W, W) uint8, and where things go.

    `ground`, `water` and `lane` are (y from, y to) ranges for feet, keels and wheels; `rail` is
    the y of the nearer rail and `walk` that of a pavement, None where there is none.
    """

    def __init__(self, context, rng, clutter):
        self.context, self.rng, self.clutter = context, rng, clutter
        self.rgb = np.empty((W, W, 3), np.float32)
        self.stuff = np.zeros((W, W), np.uint8)
        self.horizon = rng.uniform(96, 130)
        self.ground = self.lane = (self.horizon + 28, W - 6)
        self.water = self.rail = self.walk = None

    def perhaps(self, chance):
        """True with a chance that grows with the clutter knob and is itself at clutter 0.7."""
        return self.rng.random() < chance * min(1., self.clutter * 1.4)

    def some(self, mean):
        """range(n) for a random number of things, `mean` at clutter 1."""
        return range(self.rng.poisson(mean * self.clutter))

    def paste(self, sprite, stuff="other"):
        """Lay a finished sprite over the picture and label what it covers."""
        sprite.paste(self.rgb)
        self.stuff[sprite.alpha > 127] = STUFF_ID[stuff]

    def strip(self, top, bottom, colours, texture, grain, stuff):
        """Fill the rows top..bottom with a colour gradient and a grain."""
        top, bottom = int(top), int(min(bottom, W))
        if bottom > top:
            rows = gradient(*colours, bottom - top)
            grained = 1 + grain * tile(self.rng, texture, bottom - top, W)
            self.rgb[top:bottom] = rows * grained[..., None]
            self.stuff[top:bottom] = STUFF_ID[stuff]

    def area(self, outline, colour, texture, grain, stuff):
        """Fill the outline of a region that is not made of rows."""
        coverage = np.zeros((W, W), np.uint8)
        fixed = np.round(np.asarray(outline) * 2**SHIFT).astype(np.int32)
        cv2.fillPoly(coverage, [fixed], 255, cv2.LINE_AA, SHIFT)
        x, y, w, h = cv2.boundingRect(coverage)
        if not w:
            return
        alpha = coverage[y:y + h, x:x + w, None].astype(np.float32) / 255
        fill = np.asarray(colour, np.float32) * (1 + grain * tile(self.rng, texture, h, w))[
            ..., None]
        window = self.rgb[y:y + h, x:x + w]
        window[:] = window * (1 - alpha) + fill * alpha
        self.stuff[coverage > 127] = STUFF_ID[stuff]

    def colour(self, choices, spread=8.):
        """One of the colours, varied."""
        return jitter(self.rng, pick(self.rng, choices), spread)


def gradient(top, bottom, height):
    """(height, 1, 3) float32 going from one colour to another."""
    t = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    return np.asarray(top, np.float32) * (1 - t) + np.asarray(bottom, np.float32) * t


def set_stage(context, rng, clutter, shore=False):
    """Paint a context. A lake with `shore` has a bank wide enough to stand on."""
    stage = Stage(context, rng, clutter)
    if context != "room":
        sky(stage)
    if context in ("meadow", "lake", "rails"):
        hills(stage)
    if context == "lake":
        lake(stage, shore)
    else:
        {"meadow": meadow, "street": street, "rails": rails, "room": room}[context](stage)
    return stage


def sky(stage):
    """A gradient with clouds over the whole canvas."""
    rng = stage.rng
    top, bottom = pick(rng, SKIES)
    height = int(stage.horizon) + 14  # hills and ground cover the rest
    fade = np.linspace(1, .3, W, dtype=np.float32)[:height, None]
    blue = gradient(jitter(rng, top, 8), jitter(rng, bottom, 6), W)[:height]
    clouds = np.clip((tile(rng, "soft", height, W) - rng.uniform(.2, 1.2)) * 1.1, 0, .85)
    clouds = (clouds * fade)[..., None]
    stage.rgb[:height] = blue + (WHITE - blue) * clouds
    stage.stuff[:] = STUFF_ID["sky"]


def hills(stage):
    """One or two ranges of hills behind the horizon."""
    rng = stage.rng
    ranges = [(150, 174, 184), (120, 150, 122)][:1 + int(rng.random() < .8)]
    for k, colour in enumerate(ranges, 1):
        x = np.arange(0, W + 8, 8)
        waves = np.sin(x / rng.uniform(28, 60) + rng.uniform(0, 6)) * rng.uniform(.3, 1)
        crest = stage.horizon - rng.uniform(8, 34) / k - 14 * waves / k
        foot = [(W + 8, stage.horizon + 6), (0, stage.horizon + 6)]
        outline = np.vstack([np.stack([x, crest], 1), foot])
        stage.area(outline, jitter(rng, colour, 8), "soft", .06, "hills")


# ------------------------------------------------------------------ contexts
def meadow(stage):
    rng, horizon = stage.rng, stage.horizon
    green = np.array(pick(rng, MEADOWS))
    shades = jitter(rng, green, 8), jitter(rng, green * .8, 8)
    stage.strip(horizon, W, shades, "blade", .08, "grass")
    for _ in stage.some(2.2):
        tree(stage, rng.uniform(0, W), horizon + rng.uniform(2, 16), rng.uniform(50, 100))
    if stage.perhaps(.35):
        fence(stage, horizon + rng.uniform(10, 34), [(150, 116, 80), (226, 222, 212)])
    for _ in stage.some(1.6):
        bush(stage, rng.uniform(0, W), horizon + rng.uniform(8, 70), rng.uniform(30, 56))
    for _ in stage.some(1.2):
        rock(stage, rng.uniform(0, W), horizon + rng.uniform(20, 110), rng.uniform(14, 40))
    if stage.perhaps(.7):
        flowers(stage, horizon + 14, int(rng.uniform(15, 70)))


def lake(stage, shore):
    """Water from the horizon to a bank; `shore` makes the bank wide."""
    rng, horizon = stage.rng, stage.horizon
    for _ in stage.some(2.):
        tree(stage, rng.uniform(0, W), horizon + 3, rng.uniform(26, 56))
    blue = np.array(pick(rng, WATERS))
    shades = jitter(rng, blue * 1.22, 6), jitter(rng, blue * .82, 6)
    stage.strip(horizon, W, shades, "wave", .10, "water")
    surface = stage.rgb[int(horizon):]
    glints = np.clip((tile(rng, "wave", len(surface), W) - 1.1) * 1.2, 0, .6)[..., None]
    surface += (WHITE - surface) * glints
    wide, narrow = rng.uniform(48, 80), rng.uniform(-40, 40)
    bank = W - (wide if shore else narrow)
    if bank < W - 10:
        bank_of_lake(stage, bank)
    for _ in stage.some(.8):
        rock(stage, rng.uniform(0, W), rng.uniform(horizon + 22, bank - 16), rng.uniform(16, 36))
    stage.water = horizon + 22, min(bank, W) - 14
    stage.ground = stage.lane = (bank + 14, W - 4) if shore else (W - 8, W - 4)


def bank_of_lake(stage, bank):
    """Sand (stuff `other`) or grass in front of the water."""
    rng = stage.rng
    x = np.arange(0, W + 8, 8)
    edge = bank + 5 * np.sin(x / 30 + rng.uniform(0, 6))
    outline = np.vstack([np.stack([x, edge], 1), [(W + 8, W), (0, W)]])
    sandy = rng.random() < .5
    colour = jitter(rng, (200, 182, 140) if sandy else (130, 154, 94), 8)
    stage.area(outline, colour, "fine", .08, "other" if sandy else "grass")
    for _ in stage.some(2.):
        bush(stage, rng.uniform(0, W), W + 4, rng.uniform(26, 44), (110, 138, 74))


def street(stage):
    """Houses, a pavement and a road."""
    rng, horizon, x = stage.rng, stage.horizon, -stage.rng.uniform(0, 30)
    while x < W:
        width = rng.uniform(46, 92)
        if rng.random() < .25 + .6 * stage.clutter:
            house(stage, x, width, horizon + 6, rng.uniform(50, 124))
        else:
            tree(stage, x + width / 2, horizon + 6, rng.uniform(70, 110))
        x += width + rng.uniform(0, 8)
    pavement = jitter(rng, (188, 182, 174), 8), jitter(rng, (178, 172, 164), 8)
    stage.strip(horizon + 4, W, pavement, "fine", .04, "road")
    kerb, near = horizon + rng.uniform(26, 44), W - rng.uniform(0, 24)
    asphalt = jitter(rng, (112, 112, 116), 10), jitter(rng, (96, 96, 102), 10)
    stage.strip(kerb, near, asphalt, "fine", .05, "road")
    cv2.line(stage.rgb, (0, int(kerb)), (W, int(kerb)), (206, 202, 196), 2, cv2.LINE_AA)
    dashes(stage, int((kerb + near) / 2 + rng.uniform(-6, 14)))
    for _ in stage.some(1.6):
        lamp(stage, rng.uniform(0, W), kerb - 2, rng.uniform(50, 74))
    for _ in stage.some(1.):
        bush(stage, rng.uniform(0, W), kerb - 6, rng.uniform(24, 38))
    stage.ground = stage.lane = kerb + 22, near - 4
    stage.walk = kerb - 2


def dashes(stage, y):
    """The white middle line of a road."""
    for x in range(-int(stage.rng.integers(0, 40)), W, 52):
        cv2.rectangle(stage.rgb, (x, y), (x + 26, y + 3), (226, 224, 214), -1)


def rails(stage):
    """A meadow with a track bed, rails and perhaps masts and a wire."""
    rng, horizon = stage.rng, stage.horizon
    green = np.array(pick(rng, VERGES))
    shades = jitter(rng, green, 8), jitter(rng, green * .8, 8)
    stage.strip(horizon, W, shades, "blade", .08, "grass")
    for _ in stage.some(2.6):
        tree(stage, rng.uniform(0, W), horizon + rng.uniform(2, 12), rng.uniform(44, 90))
    y, width = rng.uniform(166, 212), rng.uniform(20, 30)
    track(stage, y, width)
    if stage.perhaps(.5):
        overhead_wire(stage, y)
    for _ in stage.some(1.5):
        bush(stage, rng.uniform(0, W), rng.uniform(y + 24, W + 10), rng.uniform(26, 44))
    stage.rail = y + 3
    stage.ground = stage.lane = y + 18, W - 4


def track(stage, y, width):
    """Gravel, sleepers and two rails; all of it counts as rails."""
    rng = stage.rng
    gravel = jitter(rng, (156, 148, 138), 6), jitter(rng, (136, 126, 118), 6)
    stage.strip(y - width * .35, y + width * .8, gravel, "fine", .12, "rails")
    for x in np.arange(-rng.uniform(0, 14), W, 13.):
        sleeper = [(x, y - 6), (x + 6, y - 6), (x + 7, y + 10), (x - 1, y + 10)]
        fixed = np.int32(np.array(sleeper) * 2**SHIFT)
        cv2.fillPoly(stage.rgb, [fixed], (98, 76, 60), cv2.LINE_AA, SHIFT)
    for rise, thick in ((-3, 2), (6, 3)):
        level = int(y + rise)
        cv2.line(stage.rgb, (0, level), (W, level), (84, 84, 90), thick + 1)
        cv2.line(stage.rgb, (0, level - 1), (W, level - 1), (190, 192, 196), 1)


def overhead_wire(stage, y):
    steel = (96, 100, 106)
    for x in np.arange(stage.rng.uniform(0, 90), W, 110).astype(int):
        cv2.line(stage.rgb, (x, int(y - 8)), (x, int(y - 130)), steel, 3, cv2.LINE_AA)
        cv2.line(stage.rgb, (x, int(y - 122)), (x + 22, int(y - 122)), steel, 2, cv2.LINE_AA)
    cv2.line(stage.rgb, (0, int(y - 118)), (W, int(y - 118)), (74, 74, 78), 1, cv2.LINE_AA)


def room(stage):
    """A furnished room, or now and then a bare hall."""
    rng, floor = stage.rng, stage.rng.uniform(150, 180)
    wall_and_floor(stage, floor)
    if stage.perhaps(.75):
        house_window(stage, rng.uniform(20, 150), 100, rng.uniform(50, 80))
    for _ in stage.some(1.):
        picture(stage)
    if rng.random() < .75:
        furniture(stage, floor)
    stage.horizon = floor
    stage.ground, stage.lane = (floor + 18, W - 8), (floor + 26, W - 8)


def wall_and_floor(stage, floor):
    rng, wall = stage.rng, stage.colour(WALLS)
    stage.rgb[:] = wall * (1 + .015 * tile(rng, "soft"))[..., None]
    if rng.random() < .5:
        thick = int(rng.integers(2, 9))
        for x in np.arange(rng.uniform(0, 20), W, 22.).astype(int):
            cv2.line(stage.rgb, (x, 0), (x, int(floor)), tuple(float(v) for v in wall * .94), thick)
    wood = stage.colour(FLOORS)
    stage.strip(floor, W, (wood, wood * .86), "wave", .045, "room")
    y, step = floor, 7.
    while y < W:
        cv2.line(stage.rgb, (0, int(y)), (W, int(y)), tuple(float(v) for v in wood * .78), 1)
        y, step = y + step, step * 1.35
    cv2.rectangle(stage.rgb, (0, int(floor) - 6), (W, int(floor)), (232, 228, 220), -1)
    stage.stuff[:] = STUFF_ID["room"]


def furniture(stage, floor):
    """Sofa, plant and carpet."""
    rng = stage.rng
    if stage.perhaps(.6):
        sofa(stage, rng.uniform(40, 216), floor + rng.uniform(8, 20), rng.uniform(60, 84))
    if stage.perhaps(.5):
        plant(stage, rng.uniform(10, 246), floor + rng.uniform(4, 24))
    if stage.perhaps(.5):
        x, y = rng.uniform(60, 196), floor + rng.uniform(36, 60)
        rx, ry = rng.uniform(60, 100), rng.uniform(14, 24)
        t = np.linspace(0, 2 * np.pi, 40)
        outline = np.stack([x + rx * np.cos(t), y + ry * np.sin(t)], 1)
        colour = stage.colour([(166, 76, 72), (76, 92, 128), (194, 176, 140), (110, 128, 104)])
        stage.area(outline, colour, "fine", .06, "room")


# ------------------------------------------------------------------ things that nobody names
def tree(stage, x, y, size):
    rng, sprite = stage.rng, Sprite(x, y, size)
    trunk = limb((0, 0), (rng.normal(0, .03), -.6), .06, .04)
    sprite.shape(trunk, jitter(rng, (106, 80, 58), 8))
    leaves = stage.colour(LEAVES, 10)
    if rng.random() < .4:
        for level in range(3):
            half, foot = .34 - level * .08, -.3 - level * .26
            sprite.shape([(-half, foot), (0, foot - .46), (half, foot)],
                         leaves * (.85 + .1 * level), edge=.75)
    else:
        for _ in range(7):
            shade = leaves * rng.uniform(.85, 1.1)
            sprite.oval(rng.uniform(-.26, .26), -.78 + rng.uniform(-.22, .2),
                        rng.uniform(.16, .26), rng.uniform(.14, .22), shade, edge=.8)
    sprite.finish(rng, "fine", .13, .4)
    stage.paste(sprite, "trees")


def bush(stage, x, y, size, colour=(84, 122, 66)):
    rng, sprite = stage.rng, Sprite(x, y, size)
    leaves = jitter(rng, colour, 12)
    for _ in range(6):
        sprite.oval(rng.uniform(-.4, .4), -.18 - rng.uniform(0, .2), rng.uniform(.16, .28),
                    rng.uniform(.14, .2), leaves * rng.uniform(.85, 1.12), edge=.8)
    sprite.finish(rng, "fine", .13, .4)
    stage.paste(sprite, "trees")


def rock(stage, x, y, size):
    sprite = Sprite(x, y, size)
    sprite.blob([(-.5, 0), (-.45, -.25), (-.1, -.45), (.3, -.36), (.5, -.1), (.45, 0)],
                jitter(stage.rng, (140, 136, 130), 14))
    sprite.finish(stage.rng, "fine", .12, .5)
    stage.paste(sprite)


def flowers(stage, top, number):
    """Dots of colour in the grass, larger when nearer; they stay grass."""
    rng = stage.rng
    for _ in range(number):
        x, y = rng.uniform(0, W), rng.uniform(top, W)
        colour = pick(rng, [(238, 230, 230), (226, 192, 84), (206, 100, 116), (156, 122, 196)])
        radius = 1 + 1.6 * (y - top) / (W - top)
        cv2.circle(stage.rgb, (int(x * 16), int(y * 16)), int(radius * 16), colour, -1,
                   cv2.LINE_AA, SHIFT)


def fence(stage, y, colours):
    sprite, colour = Sprite(0, y, 40.), stage.colour(colours, 6)
    for rise in (-.55, -.28):
        sprite.line([(-.2, rise), (6.6, rise)], .08, colour, bend=False)
    for x in np.arange(.1, 6.6, .55):
        sprite.line([(x, 0), (x, -.75)], .1, colour * .92, bend=False)
    sprite.finish(stage.rng, "fine", .06, .2)
    stage.paste(sprite)


def lamp(stage, x, y, size):
    sprite = Sprite(x, y, size, flip=stage.rng.random() < .5)
    post = [(0, 0), (0, -1.4), (.1, -1.5), (.25, -1.5)]
    sprite.line(post, .045, (74, 78, 84), bend=False)
    sprite.oval(.3, -1.47, .08, .04, (238, 226, 180))
    sprite.finish(stage.rng, "fine", .03, .2)
    stage.paste(sprite)


def house(stage, x, width, y, height):
    rng, sprite, colour = stage.rng, Sprite(x, y, 1.), stage.colour(FACADES, 12)
    sprite.shape(rectangle(0, -height, width, 0), colour)
    sprite.shape(rectangle(-2, -height - 6, width + 2, -height), colour * .7)
    for top in np.arange(-height + 12, -14, 26):
        for left in np.arange(8, width - 14, 22):
            glass = pick(rng, [(120, 150, 172), (92, 112, 130), (234, 214, 160)])
            sprite.shape(rectangle(left, top, left + 11, top + 15), glass, edge=.6)
    sprite.finish(rng, "fine", .05, .0)
    stage.paste(sprite, "building")


def house_window(stage, x, y, side):
    sprite, frame = Sprite(x, y, 1.), (234, 230, 222)
    sprite.shape(rectangle(-5, -side - 5, side + 5, 5), frame)
    sprite.shape(rectangle(0, -side, side, 0), jitter(stage.rng, (150, 190, 216), 12))
    sprite.line([(side / 2, 0), (side / 2, -side)], 3, frame, bend=False)
    sprite.line([(0, -side / 2), (side, -side / 2)], 3, frame, bend=False)
    stage.paste(sprite, "room")


def picture(stage):
    rng = stage.rng
    w, h = rng.uniform(22, 40, 2)
    sprite = Sprite(rng.uniform(10, 220), rng.uniform(50, 90), 1.)
    sprite.shape(rectangle(0, -h, w, 0), (112, 84, 62))
    sprite.shape(rectangle(4, -h + 4, w - 4, -4), stage.colour(PICTURES, 20))
    sprite.oval(w / 2, -h / 2, w * .2, h * .2, stage.colour(PICTURES, 20))
    stage.paste(sprite)


def sofa(stage, x, y, size):
    sprite, fabric = Sprite(x, y, size), stage.colour(FABRICS, 12)
    sprite.shape([(-.9, -.1), (-.9, -.9), (-.7, -1.), (.7, -1.), (.9, -.9), (.9, -.1)],
                 fabric * .9, edge=.7)
    sprite.shape(rectangle(-.72, -.46, .72, -.1), fabric)
    sprite.line([(0, -.46), (0, -.1)], .03, fabric * .7, bend=False)
    for side in (-1, 1):
        sprite.shape(rectangle(side * .72, -.6, side * .98, -.02), fabric * 1.04)
    sprite.finish(stage.rng, "fine", .05, .3)
    stage.paste(sprite)


def plant(stage, x, y):
    bush(stage, x, y - 34, 60, (76, 120, 70))
    sprite = Sprite(x, y, 40.)
    sprite.shape([(-.34, 0), (-.44, -.8), (.44, -.8), (.34, 0)],
                 jitter(stage.rng, (182, 106, 76), 10))
    sprite.finish(stage.rng, "fine", .05, .4)
    stage.paste(sprite)
