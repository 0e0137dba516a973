"""Checks of the exercises of chapter 15: CLIP."""

import re
from functools import cache

import torch
import torch.nn.functional as F

from wsss_lite.assist.captions import PLURAL, every_word
from wsss_lite.assist.load import load_clip
from wsss_lite.assist.prompts import SYNONYMS, class_texts
from wsss_lite.assist.train_clip import info_nce
from wsss_lite.data.casting import CLASSES
from wsss_lite.exercises.checking import Hint, call, exercise, match, number, require
from wsss_lite.maps import text as blocks
from wsss_lite.maps.cam import keep_tags, normalise

LIKE_A_BOAT = 0.8  # cosine
TWINS, BATCH = 4, 8


@exercise("15.1")
def contrastive(answer):
    draw = torch.Generator().manual_seed(4)
    pictures, texts = 2 * torch.rand(2, 5, 4, generator=draw) - torch.tensor([0.3, 1.2, 0.8, 1.0])
    for scale in (6.0, 1.5):
        right = info_nce(F.normalize(pictures, dim=1), F.normalize(texts, dim=1), scale)
        match(call(answer, pictures, texts, scale), right, _slips(pictures, texts, scale),
              names="one number")  # fmt: skip
    return "the loss of the pocket model"


def _slips(pictures, texts, scale):
    unit, said = F.normalize(pictures, dim=1), F.normalize(texts, dim=1)
    likeness = unit @ said.T
    match_, own = scale * likeness, scale * likeness.diagonal()
    one, other = match_.logsumexp(1) - own, match_.logsumexp(0) - own
    rest = match_.masked_fill(torch.eye(len(unit), dtype=bool), -torch.inf)
    wrong_axis = F.normalize(pictures, dim=0), F.normalize(texts, dim=0)
    return {
        "the vectors are not brought to length 1.": info_nce(pictures, texts, scale),
        "each *vector* gets length 1, not each column of the batch.": info_nce(*wrong_axis, scale),
        "the scale is missing.": info_nce(unit, said, 1.0),
        "the scale is 1 / temperature: multiply by it.": info_nce(unit, said, 1 / scale),
        "that is one direction: each text has to find its picture as well.": one.mean(),
        "that is one direction: each picture has to find its text as well.": other.mean(),
        "the *mean* of the two directions is asked for, not their sum.": (one + other).mean(),
        "the mean over the pairs is asked for, not their sum.": ((one + other) / 2).sum(),
        "the own partner belongs among the choices: the sum below goes over all of them.": (
            (rest.logsumexp(1) + rest.logsumexp(0)) / 2 - own
        ).mean(),
        "the sign: the loss is minus the logarithm of a probability.": -(one + other).mean() / 2,
        "each row has one right answer, its own partner; the others are not averaged in.": (
            -(match_.log_softmax(0) + match_.log_softmax(1)).mean() / 2
        ),
        "the choice is among the partners of one picture, not among all pairs of the batch.": (
            match_.flatten().logsumexp(0) - own
        ).mean(),
    }


@exercise("15.2")
def text_maps(answer):
    draw = torch.Generator().manual_seed(2)
    dense = torch.randn(2, 6, 3, 4, generator=draw) * torch.rand(2, 1, 3, 4, generator=draw) * 3
    texts = F.normalize(torch.randn(3, 6, generator=draw), dim=1)
    ground = F.normalize(torch.randn(2, 6, generator=draw), dim=1)
    tags, scale = torch.tensor([[True, False, True], [True, True, False]]), 5.0
    right = blocks.softmax_maps(dense, texts, ground, scale, tags)
    every = torch.cat([texts, ground])
    logits = scale * blocks.similarity(dense, every)
    there = blocks.choices(tags, ground)[..., None, None]
    masked = logits.masked_fill(~there, -torch.inf)
    raw = scale * torch.einsum("kd,ndhw->nkhw", every, dense).masked_fill(~there, -torch.inf)
    everywhere = torch.ones_like(tags)

    def finished(p, tags=tags):
        return keep_tags(normalise(p[:, :3].nan_to_num()), tags)

    mistakes = {
        "the rivals are missing: the surroundings' texts belong into the softmax.": (
            blocks.softmax_maps(dense, texts, ground[:0], scale, tags)
        ),
        "the vectors of the places are not brought to length 1.": finished(raw.softmax(1)),
        "the scale is missing: a softmax of cosines is nearly even.": blocks.softmax_maps(
            dense, texts, ground, 1.0, tags
        ),
        "classes without a tag must not compete: take them out *before* the softmax.": finished(
            logits.softmax(1)
        ),
        "no class is left out: where a tag is missing nothing competes, and the map is zero.": (
            blocks.softmax_maps(dense, texts, ground, scale, everywhere)
        ),
        "the softmax goes over the texts, at each place; not over the places.": finished(
            masked.flatten(2).softmax(2).view_as(masked)
        ),
        "the maps are not divided by their own maximum.": keep_tags(
            masked.softmax(1)[:, :3].nan_to_num(), tags
        ),
        "one maximum for each picture: divide each map by its own.": keep_tags(
            masked.softmax(1)[:, :3] / masked.softmax(1)[:, :3].amax((1, 2, 3), keepdim=True), tags
        ),
        "a sigmoid asks each text alone; a softmax lets them compete.": finished(logits.sigmoid()),
        "those are cosines: nothing competes yet.": blocks.cosine_maps(dense, texts, tags),
    }
    got = call(answer, dense, texts, ground, scale, tags)
    match(got, right, mistakes, names="(N, C, h, w), the classes only")
    bare = call(answer, dense, texts, ground[:0], scale, tags)
    match(bare, blocks.softmax_maps(dense, texts, ground[:0], scale, tags), names="(N, C, h, w)")
    return "the same maps as wsss_lite.maps.text"


def floor():
    """The best loss of eight pairs of which four have one sentence: one-hot vectors, scale 1000."""
    rows = torch.eye(BATCH)[[*[0] * TWINS, *range(TWINS, BATCH)]]
    return float(info_nce(rows, rows, 1000.0))


@exercise("15.3")
def least(answer):
    mistakes = {
        "that would be all pairs told apart; nothing tells these four apart.": (-0.01, 0.02),
        "four of the eight toss a coin among four: the other four cost nothing.": (1.36, 1.41),
        "that is the loss of one who knows nothing, log 8.": (2.06, 2.1),
        "the coin has four sides, log 4, and four of eight pairs have to toss it.": (0.3, 0.37),
        "there is a coin to toss in both directions, and their mean is taken.": (0.25, 0.3),
    }
    number(answer, floor(), 0.03, mistakes)
    return "4 of 8 pairs toss a coin with four sides"


@exercise("15.4")
def unnamed(answer):
    require(isinstance(answer, str) and answer.strip(), "a sentence is asked for, as text.")
    words = re.findall(r"[a-z]+", answer.lower())
    names = [full for name in CLASSES for full in SYNONYMS[name]]
    names = {
        part for full in names for one in (full, *PLURAL.get(full, ())) for part in one.split()
    }
    said = [w for w in words if w in names or w.removesuffix("s") in names]
    require(not said, f"{', '.join(said)} is a name of a class; no class may be named.")
    heard = {word.lower() for word in every_word(CLASSES)}
    unheard = [w for w in words if w not in heard]
    require(words and not unheard, f"no caption ever had {', '.join(unheard) or 'no word'}: what "
            "the model does with letters is no finding.")  # fmt: skip
    clip, classes = _clip()
    likeness = classes @ clip.texts([answer.strip()])[0]
    boat = likeness[CLASSES.index("boat")]
    if likeness.argmax() != CLASSES.index("boat"):
        raise Hint(f"that is nearest to {CLASSES[likeness.argmax()]}, and {boat:.2f} like a boat. "
                   "What is in every picture of a boat?")  # fmt: skip
    require(boat >= LIKE_A_BOAT, f"nearest to a boat, but only {boat:.2f} like it.")
    return f"{boat:.2f} like a boat, and no boat in it"


@cache
def _clip():
    """(the pocket CLIP, (8, D) its vectors of the class names)."""
    clip = load_clip("pocket", device="cpu")
    return clip, class_texts(clip, CLASSES)
