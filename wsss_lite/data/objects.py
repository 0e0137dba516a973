"""How a bird, a boat, a car, a cat, a dog, a horse, a person and a train are drawn.

Each painter gets a `Sprite` whose origin is on the ground below the thing, a random generator
and a pose, labels the parts as it goes, and returns the name of the surface grain.
"""

import numpy as np

from wsss_lite.data.drawing import jitter, limb, pick, rectangle, smooth

COATS = [(206, 138, 78), (128, 128, 132), (74, 70, 70), (222, 202, 166), (134, 92, 60),
         (226, 222, 214), (172, 148, 120), (158, 116, 88)]
HORSE_COATS = [(140, 84, 48), (96, 60, 42), (186, 138, 94), (66, 58, 56), (212, 204, 194),
               (150, 146, 146)]
SKINS = [(238, 196, 164), (214, 164, 124), (160, 110, 78), (104, 70, 52)]
SHIRTS = [(192, 66, 64), (66, 100, 168), (226, 180, 80), (78, 142, 108), (226, 226, 224),
          (142, 92, 150), (66, 70, 84), (216, 128, 76)]
TROUSERS = [(56, 68, 102), (72, 66, 62), (120, 104, 84), (46, 46, 52), (110, 118, 134)]
HAIRS = [(44, 34, 30), (100, 66, 36), (196, 158, 92), (146, 74, 44), (122, 120, 118)]
FEATHERS = [(190, 74, 62), (78, 120, 180), (232, 232, 228), (76, 76, 84), (222, 178, 80),
            (120, 146, 92), (150, 110, 80)]
PAINTS = [(190, 60, 56), (60, 98, 168), (226, 226, 222), (66, 72, 80), (228, 180, 70),
          (76, 136, 108), (150, 158, 168)]
HULLS = [(150, 66, 56), (58, 84, 130), (228, 226, 220), (120, 84, 56), (66, 110, 100),
         (222, 166, 70)]
SAILS = [(238, 234, 222), (220, 120, 88), (236, 206, 132), (196, 216, 230)]
LIVERIES = [(186, 64, 56), (60, 102, 156), (74, 126, 92), (216, 216, 212), (220, 164, 66)]
STRIPES = [(236, 232, 222), (46, 50, 60), (228, 192, 96)]

BLACK, TYRE, SHOE = (18, 16, 16), (42, 42, 46), (56, 48, 46)
# Heads are drawn larger than life, so that they are 25 to 30 % of the animal.
PET_HEAD = {"stand": 1.1, "sit": 1.02}


# ------------------------------------------------------------------ cats and dogs
def pet(sprite, rng, kind, pose, shared_body):
    """A cat or a dog. With `shared_body` only the head tells which one it is."""
    base, pattern, tail = pet_coat(rng, kind, shared_body)
    if pose == "sit":
        head = sitting_pet(sprite, rng, base, pattern, tail)
    else:
        head = standing_pet(sprite, rng, base, pattern, tail)
    x, y = np.array(head) + rng.normal(0, 0.02, 2)
    sprite.part("head")
    with sprite.frame(x, y, PET_HEAD[pose]):
        (cat_head if kind == "cat" else dog_head)(sprite, rng, base)
    return "fur"


def pet_coat(rng, kind, shared_body):
    """(base colour, pattern, tail): drawn alike for both kinds, or from their own sets."""
    if rng.random() < shared_body:
        return (jitter(rng, pick(rng, COATS), 18),
                pick(rng, ("plain", "stripes", "spots", "patch")),
                pick(rng, ("up", "curl", "low")))
    if kind == "cat":
        return jitter(rng, pick(rng, COATS[:2]), 18), "stripes", "curl"
    return jitter(rng, pick(rng, COATS[3:6]), 18), pick(rng, ("spots", "patch")), "up"


TAILS = {
    "up": [(-.02, 0), (-.14, -.14), (-.2, -.36), (-.14, -.46)],
    "curl": [(-.02, 0), (-.2, -.02), (-.3, -.18), (-.2, -.32), (-.12, -.24)],
    "low": [(-.02, 0), (-.16, .06), (-.24, .2), (-.36, .22)],
}


def standing_pet(sprite, rng, base, pattern, tail):
    """Body, legs and tail of an animal on four feet; returns where the head goes."""
    far, belly = base * 0.78, np.clip(base * 1.1 + 8, 0, 255)
    sprite.part("tail")
    sprite.line(np.array(TAILS[tail]) + (-.46, -.56), .085, base)
    stride = rng.uniform(-.1, .1)
    sprite.part("legs")
    for x, step in ((-.32, -stride), (.34, stride)):
        sprite.joined([(None, limb((x + .06, -.42), (x + .06 + step, -.03), .085, .05))], far)
        sprite.oval(x + .08 + step, -.03, .075, .035, far)
    trunk = smooth([(-.50, -.50), (-.45, -.66), (-.15, -.69), (.2, -.67), (.45, -.68),
                    (.53, -.5), (.42, -.34), (.1, -.31), (-.2, -.30), (-.45, -.34)])
    neck = smooth([(.24, -.66), (.34, -.84), (.62, -.8), (.54, -.5), (.4, -.42)])
    near = [(-.38, stride), (.30, -stride)]
    legs = [("legs", limb((x, -.42), (x + step, -.03), .1, .055)) for x, step in near]
    sprite.joined(legs + [("body", trunk), ("body", neck)], base)
    for x, step in near:
        sprite.oval(x + .02 + step, -.03, .08, .038, belly)
    sprite.part("body")
    coat_pattern(sprite, rng, pattern, base, (-.42, -.64, .36, -.36))
    return .53, -.86


def sitting_pet(sprite, rng, base, pattern, tail):
    """Body, legs and tail of a sitting animal; returns where the head goes."""
    belly = np.clip(base * 1.1 + 8, 0, 255)
    sprite.part("tail")
    sprite.line(np.array(TAILS[tail]) * (1, .75) + (-.24, -.1), .085, base)
    trunk = smooth([(-.3, -.03), (-.35, -.28), (-.2, -.52), (-.02, -.72), (.2, -.72),
                    (.3, -.45), (.3, -.04), (0, 0)])
    sprite.joined([("body", trunk)], base)
    sprite.part("body")
    coat_pattern(sprite, rng, pattern, base, (-.24, -.6, .1, -.2))
    sprite.part("legs")
    sprite.blob([(-.3, -.05), (-.28, -.24), (-.12, -.3), (.0, -.2), (.02, -.04)], base, edge=.8)
    sprite.joined([(None, limb((x, -.36), (x, -.03), .075, .06)) for x in (.1, .24)], base, .8)
    for x in (-.1, .1, .24):
        sprite.oval(x + .02, -.03, .085, .038, belly)
    return .13, -.9


def coat_pattern(sprite, rng, pattern, base, box):
    """Stripes, spots or a patch inside a box of local coordinates."""
    x0, y0, x1, y1 = box
    dark = np.clip(base * .62 if base.mean() > 100 else base * 1.6 + 25, 0, 255)
    if pattern == "stripes":
        for x in np.linspace(x0 + .05, x1 - .05, 6):
            path = [(x, y0), (x - .03, (y0 + y1) / 2), (x - .01, y1 - .05)]
            sprite.line(path, .035, dark, edge=None)
    elif pattern == "spots":
        for _ in range(7):
            x, y = rng.uniform(x0 + .05, x1 - .05), rng.uniform(y0 + .05, y1 - .05)
            sprite.oval(x, y, rng.uniform(.025, .06), rng.uniform(.02, .05), dark, edge=None)
    elif pattern == "patch":
        x, middle = rng.uniform(x0 + .15, x1 - .15), (y0 + y1) / 2
        sprite.blob([(x - .14, y0 + .03), (x + .12, y0 + .03), (x + .13, middle), (x, y1 - .08),
                     (x - .15, middle)], dark, edge=None)


def cat_head(sprite, rng, base):
    """Pointed ears, slit eyes and whiskers around (0, 0)."""
    muzzle = np.clip(base * 1.1 + 8, 0, 255)
    ears = [(None, [(s * .06, -.13), (s * .21, -.34), (s * .23, -.04)]) for s in (-1, 1)]
    sprite.joined(ears + [(None, smooth([(-.235, 0), (-.16, -.165), (0, -.2), (.16, -.165),
                                         (.235, 0), (.16, .16), (0, .2), (-.16, .16)]))], base)
    for s in (-1, 1):
        sprite.shape([(s * .11, -.16), (s * .19, -.27), (s * .2, -.1)], (210, 150, 146), None)
    sprite.oval(0, .09, .11, .075, muzzle, edge=.85)
    iris = pick(rng, [(150, 196, 96), (222, 190, 84), (112, 180, 190)])
    for s in (-1, 1):
        sprite.oval(s * .105, -.03, .055, .05, iris)
        sprite.oval(s * .105, -.03, .016, .045, BLACK, edge=None)
        for rise in (-.015, .03):
            whisker = [(s * .08, .08 + rise), (s * .28, .06 + rise * 2.2)]
            sprite.line(whisker, .01, (236, 236, 236), None, bend=False)
    sprite.shape([(-.035, .05), (.035, .05), (0, .09)], (204, 112, 120))


def dog_head(sprite, rng, base):
    """Hanging ears, a long muzzle and a tongue around (0, 0)."""
    muzzle, ear = np.clip(base * 1.1 + 8, 0, 255), np.clip(base * .58, 0, 255)
    sprite.oval(0, -.02, .215, .205, base)
    for s in (-1, 1):
        sprite.blob([(s * .13, -.2), (s * .25, -.16), (s * .31, .04), (s * .25, .17),
                     (s * .18, .05)], ear)
    if rng.random() < .7:
        sprite.shape([(-.04, .15), (.04, .15), (.035, .24), (-.035, .24)], (212, 104, 114))
    sprite.oval(0, .09, .135, .12, muzzle, edge=.8)
    sprite.oval(0, .03, .058, .042, (30, 26, 28))
    sprite.line([(0, .07), (0, .13), (.06, .16)], .014, muzzle * .5, None)
    for s in (-1, 1):
        sprite.oval(s * .09, -.07, .034, .036, (34, 26, 24))
        sprite.oval(s * .085, -.08, .011, .011, (242, 242, 242), edge=None)


# ------------------------------------------------------------------ horse, person, bird
def horse(sprite, rng):
    """A horse seen from the side, looking right."""
    base = jitter(rng, pick(rng, HORSE_COATS))
    mane = np.clip(base * .45, 0, 255) if base.mean() < 195 else base * .72
    sprite.part("tail")
    sprite.blob([(-.5, -.84), (-.62, -.8), (-.74, -.55), (-.70, -.28), (-.6, -.3),
                 (-.58, -.6)], mane)
    steps = rng.normal(0, .10, 4)
    sprite.part("legs")
    for x, step in zip((-.34, .34), steps[:2]):
        sprite.joined(horse_leg(x, step), base * .76)
        hoof(sprite, x + step)
    trunk = smooth([(-.58, -.66), (-.52, -.83), (-.22, -.86), (.1, -.81), (.35, -.88),
                    (.54, -.74), (.46, -.54), (.12, -.46), (-.22, -.48), (-.5, -.52)])
    neck = smooth([(.22, -.82), (.42, -1.02), (.58, -1.25), (.72, -1.22), (.72, -1.05),
                   (.60, -.84), (.52, -.62), (.36, -.6)])
    near = list(zip((-.44, .40), steps[2:]))
    legs = [piece for x, step in near for piece in horse_leg(x, step)]
    sprite.joined(legs + [("body", trunk), ("body", neck)], base)
    for x, step in near:
        hoof(sprite, x + step)
    horse_head(sprite, rng, base, mane)
    return "fur"


def horse_leg(x, step):
    """Pieces of a leg from the trunk to the hoof."""
    return [("legs", limb((x, -.62), (x + step * .6, -.32), .1, .05)),
            ("legs", limb((x + step * .6, -.36), (x + step, -.05), .044, .036))]


def hoof(sprite, x):
    sprite.part("legs")
    sprite.shape([(x - .05, -.06), (x + .045, -.06), (x + .07, 0), (x - .055, 0)], (58, 48, 44))


def horse_head(sprite, rng, base, mane):
    """Head, mane and face; the mane counts as body, like the neck it grows on."""
    sprite.part("head")
    ear = [(.60, -1.26), (.62, -1.42), (.70, -1.27)]
    skull = smooth([(.55, -1.24), (.68, -1.32), (.84, -1.16), (.99, -1.0), (.98, -.91),
                    (.88, -.88), (.75, -.99), (.62, -1.06)])
    sprite.joined([(None, ear), (None, skull)], base)
    sprite.part("body")
    sprite.blob([(.20, -.84), (.32, -1.02), (.46, -1.20), (.60, -1.33), (.64, -1.25),
                 (.54, -1.12), (.44, -.95), (.34, -.84)], mane)
    sprite.part("head")
    sprite.oval(.745, -1.165, .022, .026, BLACK, edge=None)
    sprite.oval(.935, -.965, .014, .012, (34, 24, 24), edge=None)
    if base.mean() < 150 and rng.random() < .5:
        sprite.blob([(.72, -1.27), (.76, -1.26), (.88, -1.1), (.86, -1.08)], (226, 222, 214),
                    edge=None)


def person(sprite, rng, pose):
    """Somebody who stands, rides (in the units of the horse) or sits (waist at the origin)."""
    skin = jitter(rng, pick(rng, SKINS), 8)
    shirt, trousers = jitter(rng, pick(rng, SHIRTS), 18), jitter(rng, pick(rng, TROUSERS), 10)
    if pose == "ride":
        x, y, radius = riding_body(sprite, skin, shirt, trousers)
    elif pose == "sit":
        x, y, radius = seated_body(sprite, skin, shirt)
    else:
        x, y, radius = standing_body(sprite, rng, skin, shirt, trousers)
    sprite.part("head")
    with sprite.frame(x, y, radius):
        face(sprite, rng, skin, shirt)
    return "fine"


def standing_body(sprite, rng, skin, shirt, trousers):
    """Legs, arms and trunk of a standing person; returns (x, y, radius) of the head."""
    stride = rng.uniform(-.11, .11)
    sprite.part("legs")
    for x, step, cloth in ((-.055, -stride, trousers * .82), (.055, stride, trousers)):
        sprite.shape(limb((x, -.5), (x + step, -.05), .068, .045), cloth)
        sprite.oval(x + step + .02, -.025, .06, .028, SHOE)
    sprite.part("arms")
    for s in (-1, 1):
        reach = rng.uniform(-.05, .12)
        hand = s * (.17 + reach), -.46 + rng.uniform(-.12, .02)
        sprite.line([(s * .125, -.745), (s * (.17 + reach * .3), -.60), hand], .075, shirt * .88)
        sprite.oval(*hand, .036, .036, skin)
    sprite.part("body")
    sprite.blob([(-.145, -.76), (-.06, -.80), (.06, -.80), (.145, -.76), (.13, -.6),
                 (.12, -.45), (-.12, -.45), (-.13, -.6)], shirt)
    return 0., -.9, .1


def riding_body(sprite, skin, shirt, trousers):
    sprite.part("legs")
    sprite.line([(-.02, -.86), (.12, -.70), (.06, -.46)], .13, trousers)
    sprite.oval(.1, -.43, .08, .035, SHOE)
    sprite.part("body")
    sprite.blob([(-.16, -1.28), (-.05, -1.33), (.08, -1.28), (.09, -1.05), (.08, -.84),
                 (-.14, -.84)], shirt)
    sprite.part("arms")
    sprite.line([(.02, -1.22), (.16, -1.06), (.34, -1.06)], .075, shirt * .88)
    sprite.oval(.35, -1.06, .04, .04, skin)
    return -.03, -1.43, .115


def seated_body(sprite, skin, shirt):
    sprite.part("body")
    sprite.blob([(-.14, -.30), (-.05, -.35), (.06, -.35), (.14, -.30), (.13, 0), (-.13, 0)],
                shirt)
    sprite.part("arms")
    sprite.line([(.11, -.27), (.22, -.12), (.12, -.04)], .07, shirt * .88)
    sprite.oval(.12, -.04, .035, .035, skin)
    return 0., -.45, .1


def face(sprite, rng, skin, shirt):
    """Neck, face, hair and sometimes a hat, around (0, 0) with radius 1."""
    hair = jitter(rng, pick(rng, HAIRS), 8)
    sprite.shape(limb((0, .7), (0, 1.6), .45, .45), skin * .92)
    sprite.oval(0, 0, .88, 1., skin)
    for s in (-1, 1):
        sprite.oval(s * .34, .02, .1, .12, (48, 36, 32), edge=None)
    sprite.line([(-.25, .5), (.0, .58), (.25, .5)], .12, skin * .6, None)
    sprite.blob([(-.98, .1), (-.9, -.7), (0, -1.25), (.9, -.7), (.92, -.1), (.5, -.45),
                 (-.6, -.4)], hair)
    if rng.random() < .3:
        sprite.shape([(-1.5, -.5), (1.5, -.5), (.8, -.75), (.7, -1.4), (-.7, -1.4),
                      (-.8, -.75)], shirt * .8)


def bird(sprite, rng, pose):
    """A bird on the wing (around the origin) or perched (feet at the origin)."""
    coat = jitter(rng, pick(rng, FEATHERS), 18)
    wing, belly = np.clip(coat * .74, 0, 255), np.clip(coat * .5 + 112, 0, 255)
    (flying_bird if pose == "fly" else perched_bird)(sprite, rng, coat, wing, belly)
    return "fur"


def flying_bird(sprite, rng, coat, wing, belly):
    beat = rng.uniform(-.15, .1)
    sprite.part("wing")
    sprite.blob([(.0, -.05), (.15, -.3), (-.05, -.72 + beat), (-.35, -.85 + beat),
                 (-.25, -.4)], wing * .85)
    sprite.part("tail")
    sprite.shape([(-.4, -.02), (-.8, -.12), (-.78, .1), (-.4, .1)], wing)
    sprite.part("head")
    sprite.shape([(.66, -.12), (.96, -.02), (.66, .06)], (222, 160, 62))
    sprite.joined([("body", smooth([(-.5, .02), (-.2, -.15), (.25, -.16), (.48, -.02),
                                    (.2, .17), (-.2, .15)])),
                   ("head", smooth([(.29, -.06), (.36, -.22), (.51, -.27), (.66, -.2),
                                    (.73, -.05), (.66, .09), (.5, .15), (.35, .08)]))], coat)
    sprite.part("body")
    sprite.oval(.06, .08, .22, .07, belly, edge=None)
    sprite.part("wing")
    sprite.blob([(.12, -.05), (.22, -.35), (.12, -.8 + beat), (-.22, -.95 + beat),
                 (-.12, -.45), (-.12, -.05)], wing)
    sprite.part("head")
    sprite.oval(.57, -.09, .04, .04, BLACK, edge=None)


def perched_bird(sprite, rng, coat, wing, belly):
    sprite.part("legs")
    for x in (-.02, .1):
        sprite.line([(x, -.3), (x + .03, 0)], .04, (206, 150, 64), bend=False)
    sprite.part("tail")
    sprite.shape([(-.35, -.45), (-.85, -.28), (-.82, -.45), (-.35, -.62)], wing)
    sprite.part("head")
    sprite.shape([(.54, -1.0), (.86, -.88), (.54, -.78)], (222, 160, 62))
    sprite.joined([("body", smooth([(-.45, -.5), (-.2, -.72), (.15, -.78), (.36, -.62),
                                    (.28, -.35), (0, -.24), (-.3, -.32)])),
                   ("head", smooth([(.04, -.88), (.12, -1.06), (.32, -1.15), (.52, -1.06),
                                    (.6, -.88), (.52, -.7), (.32, -.62), (.12, -.7)]))], coat)
    sprite.part("body")
    sprite.blob([(.3, -.6), (.28, -.36), (.02, -.26), (.1, -.45)], belly, edge=None)
    sprite.part("wing")
    sprite.blob([(.05, -.62), (.1, -.42), (-.2, -.34), (-.55, -.36), (-.3, -.6)], wing)
    sprite.part("head")
    sprite.oval(.41, -.93, .045, .045, BLACK, edge=None)


# ------------------------------------------------------------------ vehicles
def wheel(sprite, x, y, radius):
    sprite.part("wheel")
    sprite.oval(x, y, radius, radius, TYRE)
    sprite.oval(x, y, radius * .5, radius * .5, (172, 174, 178))
    sprite.oval(x, y, radius * .16, radius * .16, (90, 90, 94))


def car(sprite, rng):
    """A saloon or a van, driving to the right."""
    paint, van = jitter(rng, pick(rng, PAINTS), 18), rng.random() < .3
    roof = -.92 if van else -.78
    if van:
        top = [(-.86, roof + .04), (-.8, roof), (.35, roof), (.56, -.52)]
        panes = [rectangle(-.74, roof + .08, -.34, -.54), rectangle(-.26, roof + .08, .04, -.54),
                 [(.1, roof + .08), (.3, roof + .08), (.46, -.54), (.1, -.54)]]
    else:
        top = [(-.62, -.5), (-.40, roof), (.20, roof - .02), (.50, -.52)]
        panes = [[(-.5, -.52), (-.36, roof + .07), (-.1, roof + .06), (-.1, -.52)],
                 [(-.03, -.52), (-.03, roof + .06), (.16, roof + .06), (.4, -.52)]]
    sprite.part("body")
    sprite.shape([(-.97, -.18), (-.96, -.44)] + top + [(.88, -.45), (.97, -.32), (.97, -.16)],
                 paint)
    for pane in panes:
        window(sprite, pane)
    sprite.part("body")
    sprite.line([(-.95, -.36), (.95, -.36)], .022, paint * .7, None, bend=False)
    sprite.line([(-.06, -.5), (-.06, -.2)], .014, paint * .6, None, bend=False)
    sprite.oval(.92, -.36, .045, .06, (246, 232, 180))
    sprite.oval(-.94, -.37, .03, .06, (196, 48, 46))
    sprite.line([(-.95, -.16), (.96, -.16)], .06, (74, 74, 78), bend=False)
    for x in (-.55, .55):
        wheel(sprite, x, -.17, .18)
    return "fine"


def window(sprite, pane, glass=(150, 186, 204)):
    """A pane with a bright reflection."""
    sprite.part("window")
    sprite.shape(pane, glass)
    middle = np.mean(pane, axis=0)
    sprite.line([middle + (-.06, .07), middle + (.05, -.07)], .03, (218, 232, 238), None, False)


def boat(sprite, rng):
    """A sailing boat, a steamer or a rowing boat; the water line is at y = 0."""
    paint, kind = jitter(rng, pick(rng, HULLS), 18), rng.random()
    if kind < .55:
        rigging(sprite, rng)
    elif kind < .85:
        cabin(sprite, paint)
    sprite.part("hull")
    sprite.shape([(-.84, -.27), (-.6, -.22), (.5, -.22), (.9, -.36), (.78, -.14), (.6, .03),
                  (-.62, .03), (-.76, -.1)], paint)
    sprite.line([(-.78, -.18), (.82, -.24)], .04, np.clip(paint * .5 + 112, 0, 255), None, False)
    sprite.shape([(-.70, -.04), (.68, -.04), (.6, .03), (-.62, .03)], paint * .55, None)
    return "fine"


def rigging(sprite, rng):
    sail = jitter(rng, pick(rng, SAILS), 8)
    sprite.part("sail")
    sprite.line([(0, -.15), (0, -1.5)], .045, (112, 82, 56), bend=False)
    sprite.shape([(.05, -1.42), (.32, -.95), (.76, -.36), (.05, -.34)], sail)
    sprite.shape([(-.05, -1.28), (-.3, -.85), (-.64, -.34), (-.05, -.34)], sail * .93)
    for y, reach in ((-.6, .5), (-.9, .28)):
        sprite.line([(.07, y), (.07 + reach, y)], .012, sail * .8, None, bend=False)
    sprite.shape([(0, -1.5), (.22, -1.45), (0, -1.4)], (204, 66, 64))


def cabin(sprite, paint):
    sprite.part("cabin")
    sprite.shape([(-.45, -.24), (-.42, -.58), (.22, -.58), (.34, -.24)], (230, 226, 216))
    sprite.shape([(-.5, -.58), (-.48, -.65), (.3, -.65), (.3, -.58)], paint * .8)
    sprite.shape([(-.3, -.65), (-.28, -.9), (-.1, -.9), (-.1, -.65)], (188, 76, 66))
    sprite.part("window")
    for x in (-.28, -.05, .15):
        sprite.oval(x, -.42, .065, .07, (132, 176, 198))


def train(sprite, rng, wagons):
    """A locomotive (front at x = 0, going right) and `wagons` - 1 carriages behind it."""
    paint, stripe = jitter(rng, pick(rng, LIVERIES), 18), np.array(pick(rng, STRIPES), float)
    old = rng.random() < .35
    back = -(steam_engine(sprite, paint) if old else railcar(sprite, paint, stripe))
    for _ in range(wagons - 1):
        sprite.part("body")
        sprite.line([(back, -.2), (back - .12, -.2)], .07, (54, 54, 58), bend=False)
        back -= .08
        carriage(sprite, paint, stripe, back)
        back -= WAGON
    return "fine"


WAGON = 1.75  # length of a carriage in local units


def steam_engine(sprite, paint):
    """Cab, boiler and chimney; returns the length."""
    sprite.part("body")
    sprite.shape(rectangle(-1.5, -.98, -1.0, -.22), paint)
    sprite.shape([(-1.56, -.96), (-1.52, -1.06), (-.96, -1.06), (-.94, -.96)], paint * .5)
    window(sprite, rectangle(-1.38, -.86, -1.12, -.6))
    sprite.part("body")
    sprite.shape([(-1.0, -.76), (-.15, -.76), (-.08, -.7), (-.08, -.3), (-.15, -.24),
                  (-1.0, -.24)], (64, 66, 72))
    sprite.shape([(-.36, -.76), (-.4, -1.1), (-.16, -1.1), (-.2, -.76)], (46, 48, 54))
    sprite.oval(-.7, -.78, .1, .1, (182, 146, 66))
    sprite.line([(-1.5, -.2), (0, -.2)], .09, paint * .8, bend=False)
    sprite.shape([(-.12, -.2), (.1, -.02), (-.12, -.02)], (162, 64, 56))
    sprite.oval(-.05, -.55, .05, .07, (246, 232, 180))
    for x in (-1.3, -.95, -.6, -.25):
        wheel(sprite, x, -.15, .15)
    return 1.55


def railcar(sprite, paint, stripe):
    """A streamlined front car; returns the length."""
    sprite.part("body")
    sprite.shape([(-WAGON, -.16), (-WAGON, -1.0), (-.42, -1.0), (-.14, -.8), (0, -.45),
                  (0, -.16)], paint)
    window(sprite, [(-.42, -.92), (-.2, -.78), (-.1, -.55), (-.46, -.55)])
    for k in range(3):
        window(sprite, rectangle(-WAGON + .16 + k * .36, -.84, -WAGON + .42 + k * .36, -.56))
    sprite.part("body")
    sprite.line([(-WAGON + .02, -.38), (-.03, -.38)], .09, stripe, None, bend=False)
    sprite.oval(-.05, -.28, .045, .045, (246, 232, 180))
    for x in (-WAGON + .3, -WAGON + .6, -.75, -.45):
        wheel(sprite, x, -.1, .1)
    return WAGON


def carriage(sprite, paint, stripe, front):
    sprite.part("body")
    sprite.shape(rectangle(front - WAGON, -1.0, front, -.16), paint)
    for k in range(4):
        x = front - WAGON + .14 + k * .39
        window(sprite, rectangle(x, -.84, x + .27, -.56))
    sprite.part("body")
    sprite.line([(front - WAGON + .02, -.38), (front - .03, -.38)], .09, stripe, None, False)
    sprite.line([(front - WAGON, -1.0), (front, -1.0)], .06, paint * .55, None, bend=False)
    for x in (.3, .6, WAGON - .6, WAGON - .3):
        wheel(sprite, front - WAGON + x, -.1, .1)


# ------------------------------------------------------------------ what a boat on land needs
def trailer(sprite, rng):
    """A road trailer under a hull whose keel is at y = -.34."""
    steel = jitter(rng, (128, 130, 134), 8)
    sprite.line([(-.75, -.26), (1.15, -.24)], .07, steel, bend=False)
    for x in (-.5, .45):
        sprite.shape(rectangle(x - .05, -.42, x + .05, -.24), steel * .9)
    sprite.line([(1.1, -.24), (1.1, 0)], .05, steel * .8, bend=False)
    wheel(sprite, -.2, -.16, .16)
    wheel(sprite, .18, -.16, .16)


def blocks(sprite, rng):
    """Wooden stands under a hull whose keel is at y = -.34."""
    wood = jitter(rng, (140, 104, 70), 10)
    for x in (-.5, .4):
        sprite.shape([(x - .2, 0), (x - .1, -.4), (x + .1, -.4), (x + .2, 0)], wood)
    sprite.line([(-.6, -.14), (.52, -.14)], .06, wood * .85, bend=False)


def paint(sprite, rng, cls, pose, knobs, wagons=2):
    """Draw a thing of class `cls` in a pose; returns the surface grain for `Sprite.finish`."""
    if cls in ("cat", "dog"):
        return pet(sprite, rng, cls, pose, knobs.shared_body)
    if cls == "train":
        return train(sprite, rng, wagons)
    if cls in ("person", "bird"):
        return {"person": person, "bird": bird}[cls](sprite, rng, pose)
    return {"horse": horse, "car": car, "boat": boat}[cls](sprite, rng)
