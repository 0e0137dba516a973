"""Taggers: from a picture to the names of what is in it, and from those names to classes.

    tagger = ClipTagger(clip, words)                            zero-shot with any CLIP
    tagger.tags(image)                                          [("couch", .91), ("cat", .55)]
    to_classes(tagger.tags(image), VOC_CLASSES)                 [("sofa", .91), ("cat", .55)]

RAM (Zhang et al., 2023), the tagger of the papers, is in no library that this package uses. CLIP
with a list of words takes its place; what RAM or anything else found can be given to
`to_classes` as well.
"""

import re

import numpy as np

from wsss_lite.errors import InputError

# Words for one thing. A class belongs to the line that holds its name, so that lists of VOC,
# COCO and the scenes can be mixed. No word stands in two lines.
SAME = tuple(
    tuple(line.split(", "))
    for line in (
        "aeroplane, airplane, plane, aircraft, jet, jet plane, airliner, jetliner, biplane",
        "bicycle, bike, pushbike, mountain bike, cycle",
        "bird, songbird, fowl, sparrow, gull, seagull, duck, goose, swan, pigeon, parrot, eagle, "
        "owl",
        "boat, ship, sailboat, sailing boat, canoe, kayak, yacht, ferry, vessel, motorboat",
        "bottle, beer bottle, wine bottle, water bottle",
        "bus, minibus, coach, school bus, double decker, double decker bus",
        "car, automobile, motorcar, auto, sedan, taxi, cab, sports car, suv, convertible, "
        "hatchback",
        "cat, kitten, kitty, pussycat, tabby, tabby cat, house cat",
        "chair, armchair, swivel chair, rocking chair, folding chair, office chair",
        "cow, cattle, bull, ox, oxen, calf, bullock",
        "dining table, table, kitchen table, dinner table, dinning table",
        "dog, doggy, puppy, pup, hound, terrier, retriever, poodle, sheepdog",
        "horse, pony, steed, foal, mare, stallion, colt",
        "motorbike, motorcycle, moped, motor scooter, scooter",
        "person, people, human, human being, man, men, woman, women, boy, girl, child, children, "
        "kid, baby, lady, guy, someone, pedestrian, rider, player, crowd",
        "potted plant, pot plant, houseplant, flowerpot",
        "sheep, lamb, ram, ewe",
        "sofa, couch, settee, loveseat",
        "train, railway train, locomotive, railway car, railcar, steam engine, steam train, "
        "tram, subway train",
        "tv monitor, tv, television, television set, monitor, computer monitor, tv screen",
    )
)
TEMPLATE = "a photo of a {}."
# What a picture shows where it shows no object: without them a softmax has to name one.
BACKGROUND = ("sky", "water", "grass", "road", "wall", "floor", "tree", "building")


def key(word):
    """Letters and digits of a word in lower case: "TV-monitor", "tv monitor" are "tvmonitor"."""
    word = re.sub(r"^\s*(an?|the)\s+", "", str(word).lower())
    return re.sub(r"[^a-z0-9]", "", word)


GROUPS = {key(word): number for number, line in enumerate(SAME) for word in line}


def forms(word):
    """The key of a word, then what it is the plural of."""
    whole = key(word)
    endings = (("", ""), ("s", ""), ("es", ""), ("ies", "y"))
    return [whole[: len(whole) - len(e)] + new for e, new in endings if whole.endswith(e)]


def to_classes(tags, classes):
    """[(class, probability), ...], the best first: the classes that the tags stand for.

    tags: (word, probability) pairs. A class is found by its own name or a word for the same
    thing (couch -> sofa, bike -> bicycle, tv -> tvmonitor, human -> person); of several words for
    it the most probable counts, and words without a class are left out.
    """
    found = {GROUPS[key(name)]: name for name in classes if key(name) in GROUPS}
    found |= {key(name): name for name in classes}
    best = {}
    for word, probability in tags:
        places = (place for form in forms(word) for place in (form, GROUPS.get(form)))
        name = next((found[place] for place in places if place in found), None)
        if name is not None:
            best[name] = max(best.get(name, 0.0), float(probability))
    return sorted(best.items(), key=lambda pair: -pair[1])


class Tagger:
    """What every tagger offers."""

    name = ""

    def tags(self, image):
        """[(word, probability), ...], the most probable first, of a (H, W, 3) uint8 picture."""
        raise NotImplementedError


class ClipTagger(Tagger):
    """Zero-shot: a softmax over words and background, on the whole picture and on windows.

    words: what to look for. A word's probability is the largest one of all windows, as a softmax
    over the whole picture leaves room for one object only. windows: per side, each half as long
    as the picture; 0: the whole picture alone. threshold: the least probability that is told.
    """

    def __init__(
        self, clip, words, background=BACKGROUND, template=TEMPLATE, windows=3, threshold=0.5
    ):
        if not words:
            raise InputError("A zero-shot tagger looks for words that it is given; give some.")
        self.clip, self.words, self.windows, self.threshold = clip, list(words), windows, threshold
        self.name = f"zero-shot {clip.name}"
        texts = [template.format(word) for word in (*self.words, *background)]
        self.texts = clip.texts(texts)

    def probabilities(self, image):
        """(words,) float32."""
        rows = self.clip.pictures(views(np.asarray(image), self.windows))
        logits = self.clip.scale * rows @ self.texts.T
        odds = np.exp(logits - logits.max(1, keepdims=True))
        shares = odds / odds.sum(1, keepdims=True)
        return shares[:, : len(self.words)].max(0)

    def tags(self, image):
        pairs = zip(self.words, self.probabilities(image).tolist())
        return sorted((p for p in pairs if p[1] >= self.threshold), key=lambda p: -p[1])


def views(image, windows):
    """The picture, then windows x windows crops of half its sides, evenly spread."""
    height, width = (-(-side // 2) for side in image.shape[:2])
    tops, lefts = (
        np.linspace(0, whole - part, windows).round().astype(int)
        for whole, part in ((image.shape[0], height), (image.shape[1], width))
    )
    crops = [image[y : y + height, x : x + width] for y in tops for x in lefts]
    return [image, *crops]


def voc_words():
    """VOC's twenty classes as one says them."""
    from wsss_lite.data.voc import VOC_CLASSES

    return [spoken(name) for name in VOC_CLASSES]


def spoken(name):
    """A class name as one says it: "tvmonitor" is "tv monitor", "diningtable" "dining table"."""
    return next((word for line in SAME for word in line if key(word) == key(name)), name)
