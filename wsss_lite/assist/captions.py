"""Captions as people write them: they leave things out and call one thing by several names.

    facts = scene_facts(world, ids)
    caption(facts[0], rng)        'I see a kitty on the grass', next time something else

A scene of the corpus knows what is in it; what a caption says of that is drawn anew each time.
Nothing but these sentences reaches the training of the pocket CLIP.
"""

from typing import NamedTuple

import numpy as np

from wsss_lite.assist.prompts import SYNONYMS, TEMPLATES, with_article
from wsss_lite.data.scenes import COUNT, STUFF

OMIT = 0.3  # chance that an object is not mentioned
SAY_WHERE, SAY_DETAIL, SAY_STUFF = 0.6, 0.5, 0.35  # chances that these are
SEEN = 0.06  # share of the picture from which on water, sky, trees ... may be mentioned

WHERE = {
    "meadow": ("in a meadow", "on the grass", "in a green field"),
    "lake": ("at a lake", "by the water", "on the water"),
    "street": ("in a street", "in town", "by the road", "on the road"),
    "rails": ("by the railway", "at the tracks", "beside the rails", "on the rails"),
    "room": ("in a room", "indoors", "inside a house"),
}
ALONE = {  # the same as a noun, for captions that mention no object
    "meadow": ("a meadow", "grass", "a green field"),
    "lake": ("a lake", "water"),
    "street": ("a street", "a town", "a road"),
    "rails": ("a railway", "tracks", "rails"),
    "room": ("a room", "the inside of a house"),
}
MORE = {
    "sky": ("under the sky", "with some sky"),
    "hills": ("with hills", "with hills behind"),
    "grass": ("with grass", "with green grass"),
    "water": ("with water", "with blue water"),
    "road": ("with a road", "with a grey road"),
    "rails": ("with rails", "with railway tracks"),
    "trees": ("with trees", "with a tree"),
    "building": ("with a building", "with houses"),
}
PLURAL = {"person": ("people", "humans"), "fowl": ("birds",), "kitty": ("kitties",),
          "pony": ("ponies",), "doggy": ("doggies",), "someone": ("people",),
          "human": ("humans", "people")}  # fmt: skip
POSE = {"fly": ("in the air", "flying"), "ride": ("on horseback", "riding"),
        "sit": ("sitting",), "perch": ("on the ground",)}  # fmt: skip
REST = {"trailer": ("on a trailer",), "blocks": ("on land",)}


class Facts(NamedTuple):
    """What there is to say about a scene."""

    context: str
    objects: tuple  # (class name, pose, rest) each
    stuff: tuple  # names out of MORE


def scene_facts(world, ids):
    """List of `Facts`, one a scene of a drawn world."""
    found = []
    for id in ids:
        share = np.bincount(world.stuff(id).ravel(), minlength=len(STUFF)) / world.stuff(id).size
        stuff = tuple(name for name, s in zip(STUFF, share) if s > SEEN and name in MORE)
        things = tuple((o["name"], o["pose"], o["rest"]) for o in world.objects(id))
        found.append(Facts(world.context(id), things, stuff))
    return found


def caption(facts, rng, omit=OMIT, templates=TEMPLATES, without=()):
    """One sentence about a scene.

    omit: chance that an object is left out. without: classes that are never mentioned.
    """
    kept = [o for o in facts.objects if o[0] not in without and rng.random() >= omit]
    things = phrases(kept, rng)
    if things:
        text = " and ".join([", ".join(things[:-1])] * bool(things[:-1]) + things[-1:])
        where = pick(rng, WHERE[facts.context]) if rng.random() < SAY_WHERE else ""
    else:
        text, where = pick(rng, ALONE[facts.context]), ""
    more = ""
    if facts.stuff and rng.random() < SAY_STUFF:
        more = pick(rng, MORE[pick(rng, facts.stuff)])
    text = pick(rng, templates).format(text)
    return " ".join(part for part in (text, where, more) if part)


def phrases(objects, rng):
    """['two ponies', 'someone riding'], in random order."""
    number, last = {}, {}
    for cls, *how in objects:
        number[cls], last[cls] = number.get(cls, 0) + 1, how
    names = list(number)
    rng.shuffle(names)
    return [phrase(cls, number[cls], *last[cls], rng) for cls in names]


def phrase(cls, number, pose, rest, rng):
    name = pick(rng, SYNONYMS[cls])
    if number > 1:
        return f"{COUNT[number]} {pick(rng, PLURAL.get(name, (name + 's',)))}"
    said = with_article(name)
    for how in (POSE.get(pose), REST.get(rest)):
        if how and rng.random() < SAY_DETAIL:
            said += " " + pick(rng, how)
    return said


def pick(rng, choices):
    return choices[int(rng.integers(len(choices)))]


def every_word(classes=tuple(SYNONYMS)):
    """Sorted list of the words that captions of scenes with these classes can hold.

    By default with all names that are known: what the vocabulary must not cut up.
    """
    said = [*TEMPLATES, *COUNT, "a an and"]
    for table in (WHERE, ALONE, MORE, POSE, REST):
        said += [text for texts in table.values() for text in texts]
    for name in (name for cls in classes for name in SYNONYMS[cls]):
        said += [name, name + "s", *PLURAL.get(name, ())]
    return sorted({word for text in said for word in text.replace("{}", " ").split()})
