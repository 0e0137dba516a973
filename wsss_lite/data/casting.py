"""Who is in a scene and where it plays, decided before anything is drawn.

The cast comes first and from its own stream of random numbers, the context second. Hence the
frequency of every class is the same whatever the co-occurrence knob says.

With q = P(boat cast) = P(lake), and r the knob, P(lake | boat) = P(boat | lake) = r + (1 - r) q;
the same holds for train and rails with their own q.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from wsss_lite.data.camera import Camera

CLASSES = ("bird", "boat", "car", "cat", "dog", "horse", "person", "train")
CONTEXTS = ("meadow", "lake", "street", "rails", "room")
HOME = {"boat": "lake", "train": "rails"}  # the contexts that these casts are tied to

# What a scene is about, and how often.
THEMES = {"boat": .17, "train": .16, "horse": .13, "car": .17, "pets": .26, "walk": .11}

# Where each other theme naturally plays; never on a lake or beside rails.
NATURAL = {
    "horse": {"meadow": 1.},
    "car": {"street": 1.},
    "pets": {"room": .62, "meadow": .2, "street": .18},
    "walk": {"meadow": .5, "street": .5},
}
P_LAKE, P_RAILS = THEMES["boat"], THEMES["train"]


@dataclass(frozen=True)
class Knobs:
    """What can be turned; fractions unless said otherwise."""

    cooccurrence: float = 0.9  # how often a scene is coupled: boats on lakes, trains on rails
    shared_body: float = 1.0  # 1: cat and dog differ in the head only; 0: also coat and tail
    pairing: float = 0.6  # share of horses that come with a person
    clutter: float = 0.6  # amount of trees, bushes, rocks, lamps and furniture
    size: float = 1.0  # multiplies the size of every object
    camera: Camera = field(default_factory=Camera)


class Actor(NamedTuple):
    """One object to be drawn: a class name and a pose ('' where a class has only one)."""

    cls: str
    pose: str = ""


class Plan(NamedTuple):
    """What a scene will show. `coupled` scenes play where their cast belongs."""

    cast: tuple
    context: str
    coupled: bool


def stream(seed, *keys):
    """An independent random generator for one purpose of one scene."""
    return np.random.default_rng([int(seed), *keys])


def plan(seed, knobs=Knobs()):
    """The `Plan` of the scene with this seed; drawing it follows this exactly."""
    theme, cast = draw_cast(stream(seed, 1), knobs)
    context, coupled = draw_context(stream(seed, 2), theme, knobs.cooccurrence)
    return Plan(cast, context, coupled)


def choose(rng, odds):
    """A key of a {name: probability} table."""
    names = list(odds)
    weights = np.array([odds[name] for name in names])
    return names[rng.choice(len(names), p=weights / weights.sum())]


def draw_cast(rng, knobs):
    """(theme, tuple of Actor), independent of the context and of the co-occurrence knob."""
    # A fixed number of draws, so that one knob changes nothing but its own decision.
    u = dict(zip(("second", "person", "how", "bird", "cat", "dog", "perch", "count"),
                 rng.random(8)))
    pets = [("cat", "dog")[k] for k in rng.integers(0, 2, 3)]
    poses = ["stand" if stands else "sit" for stands in rng.random(4) < .6]
    theme = choose(rng, THEMES)
    cast = MEMBERS[theme](u, pets, poses, knobs)
    return theme, tuple(cast)


def boat_cast(u, pets, poses, knobs):
    cast = [Actor("boat")] * (1 + (u["second"] < .22))
    if u["person"] < .34:
        cast.append(Actor("person", "sit" if u["how"] < .6 else "stand"))
    return cast + birds(u, .26, fly=.85)


def train_cast(u, pets, poses, knobs):
    return [Actor("train")] + people(u, .22) + strays(u, poses, .1) + birds(u, .18, fly=.85)


def horse_cast(u, pets, poses, knobs):
    cast = [Actor("horse")]
    if u["person"] < knobs.pairing:
        cast.append(Actor("person", "ride" if u["how"] < .55 else "stand"))
    return cast + strays(u, poses, .13) + birds(u, .18, fly=.6)


def car_cast(u, pets, poses, knobs):
    cast = [Actor("car")] * (1 + (u["second"] < .25))
    return cast + people(u, .34) + strays(u, poses, .15) + birds(u, .16, fly=.6)


def pets_cast(u, pets, poses, knobs):
    number = 1 if u["count"] < .62 else 2 if u["count"] < .93 else 3
    cast = [Actor(kind, pose) for kind, pose in zip(pets[:number], poses)]
    return cast + people(u, .2) + birds(u, .1, fly=.4)


def walk_cast(u, pets, poses, knobs):
    if u["how"] < .4:
        return [Actor("person", "stand")] * (1 + (u["second"] < .3))
    cast = [Actor("bird", "perch")] * (1 + (u["second"] < .4)) + birds(u, .5, fly=1.)
    return cast + people(u, .25)


MEMBERS = {"boat": boat_cast, "train": train_cast, "horse": horse_cast, "car": car_cast,
           "pets": pets_cast, "walk": walk_cast}


def people(u, chance):
    return [Actor("person", "stand")] * int(u["person"] < chance)


def strays(u, poses, chance):
    """Perhaps a cat, perhaps a dog."""
    return [Actor(kind, poses[k]) for k, kind in enumerate(("cat", "dog")) if u[kind] < chance]


def birds(u, chance, fly):
    return [Actor("bird", "fly" if u["perch"] < fly else "perch")] * int(u["bird"] < chance)


def draw_context(rng, theme, cooccurrence):
    """(context, coupled) for a theme; see the head of this file for the probabilities."""
    coupled = bool(rng.random() < cooccurrence)
    natural = choose(rng, NATURAL.get(theme, natural_marginal()))
    u = rng.random()
    if coupled:
        return HOME.get(theme, natural), True
    if u < P_LAKE:
        return "lake", False
    if u < P_LAKE + P_RAILS:
        return "rails", False
    return natural, False


def natural_marginal():
    """How often meadow, street and room are the natural context of a cast that has one."""
    total = dict.fromkeys(("meadow", "street", "room"), 0.)
    for theme, odds in NATURAL.items():
        for context, chance in odds.items():
            total[context] += THEMES[theme] * chance
    return total
