"""What in a folder of tagged pictures may mislead a classifier, found without any mask.

    twins(thumbs, splits, groups)             nearly the same picture twice, worst across splits
    giveaways(seen, tags, classes, groups)    tags that a corner pixel, the rim or the size tells
    companions(tags, classes)                 tags that never come apart

A suspect is a question to the owner of the pictures and no verdict: grass says "cow" both in a
biased folder and in an honest one.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from wsss_lite.data.voc import hash_order
from wsss_lite.score import average_precision

THUMB = 16  # pixels a side
SAME = 4.0  # mean difference of two thumbnails in grey levels: up to this they are twins
FOLDS = 5
DRAWS = 500
TELLING = 0.75  # AUC: a look tells a tag when all of its interval lies above
RIM = 0.08  # of the shorter side
TOGETHER = 0.95  # share of a tag's pictures that have another one too
CHANCE = 0.01  # how likely a pair may be where tags fall independently, to be a suspect
FEW = 5  # pictures; of fewer nothing is said


# ---- the same picture twice


@dataclass(frozen=True)
class Twin:
    """Two pictures that are nearly the same. distance: grey levels; across: in two splits."""

    first: str
    second: str
    distance: float
    across: bool


def thumbnail(picture):
    """(16, 16, 3) float32 of a (H, W, 3) uint8 picture: what is left when details are gone."""
    return cv2.resize(picture, (THUMB, THUMB), interpolation=cv2.INTER_AREA).astype(np.float32)


def twins(thumbs, splits, groups, same=SAME):
    """Pairs of nearly equal pictures (also mirrored) that no common group holds together.

    thumbs: {name: `thumbnail`}; splits, groups: {name: name of its split, group}. Those across
    splits come first, then the nearest. Saved again, at another size or quality, a picture is
    its own twin; another picture of the same scene may be.
    """
    names = list(thumbs)
    flat = np.stack([thumbs[n].ravel() for n in names])
    turned = np.stack([thumbs[n][:, ::-1].ravel() for n in names])
    found = []
    for k, name in enumerate(names[:-1]):
        rest = flat[k + 1 :]
        apart = np.minimum(np.abs(rest - flat[k]).mean(1), np.abs(rest - turned[k]).mean(1))
        for j in np.flatnonzero(apart <= same):
            other = names[k + 1 + j]
            if groups[name] != groups[other]:
                across = splits[name] != splits[other]
                found.append(Twin(name, other, round(float(apart[j]), 2), across))
    return sorted(found, key=lambda twin: (not twin.across, twin.distance))


# ---- tags that something cheap gives away


@dataclass(frozen=True)
class Giveaway:
    """A tag that a look at next to nothing predicts. auc: with its 95 % interval, out of fold."""

    tag: str
    look: str
    auc: float
    low: float
    high: float


def looks(picture):
    """{name: (n,) numbers} of a (H, W, 3) uint8 picture, none of which shows an object."""
    height, width = picture.shape[:2]
    edge = max(1, round(RIM * min(height, width)))
    inside = np.zeros((height, width), bool)
    inside[edge:-edge, edge:-edge] = True
    rim = picture[~inside].astype(np.float64)
    return {
        "one corner pixel": picture[0, 0].astype(np.float64),
        "the colours of the rim": np.concatenate([rim.mean(0), rim.std(0)]),
        "the size of the picture": np.log([height, width, height / width * 2]),
    }


def giveaways(seen, tags, classes, groups, telling=TELLING):
    """`Giveaway`s among all looks and tags, the most telling first.

    seen: list of `looks`; tags: (N, C) bool; groups: list of N names, which stay together when the
    pictures are parted into those that are learnt from and those that are asked.
    """
    found = []
    for look in seen[0]:
        x = np.stack([one[look] for one in seen])
        if (x == x[0]).all():
            continue
        scores = out_of_fold(x, tags, groups, learn_simple)
        for k, tag in enumerate(classes):
            if FEW <= tags[:, k].sum() <= len(tags) - FEW:
                auc = auc_of(tags[:, k], scores[:, k])
                low, high = interval(auc_of, tags[:, k], scores[:, k], groups)
                if low > telling:
                    found.append(Giveaway(tag, look, auc, low, high))
    return sorted(found, key=lambda one: -one.auc)


def learn_simple(x, tags):
    """A function of (M, n) numbers to (M, C) scores: logistic, with squares and products."""
    models = []
    for y in tags.T:
        model = make_pipeline(StandardScaler(), PolynomialFeatures(2), LogisticRegression(C=1.0))
        models.append(model.fit(x, y) if 0 < y.sum() < len(y) else None)
    empty = np.zeros
    return lambda z: np.stack(
        [empty(len(z)) if m is None else m.decision_function(z) for m in models], 1
    )


# ---- tags that never come apart


@dataclass(frozen=True)
class Companion:
    """Nearly every picture with `tag` has `other` too. share: which part; pictures: of how many."""

    tag: str
    other: str
    share: float
    pictures: int


def companions(tags, classes, share=TOGETHER):
    """`Companion`s, where so many together would be a rare chance if tags were independent."""
    tags, found = np.asarray(tags, bool), []
    n = len(tags)
    for a, tag in enumerate(classes):
        own = int(tags[:, a].sum())
        for b, other in enumerate(classes):
            both, all_b = int((tags[:, a] & tags[:, b]).sum()), int(tags[:, b].sum())
            if a == b or own < FEW or both < share * own:
                continue
            if stats.hypergeom.sf(both - 1, n, all_b, own) < CHANCE:
                found.append(Companion(tag, other, both / own, own))
    return sorted(found, key=lambda one: (-one.share, -one.pictures))


# ---- learning on some pictures, asking others


def folds_of(tags, groups, folds=FOLDS):
    """(N,) the fold of each picture: whole groups, and those of like tags dealt out evenly."""
    members = {}
    for row, group in enumerate(groups):
        members.setdefault(group, []).append(row)
    order = {group: place for place, group in enumerate(hash_order(members, "folds"))}
    shown = {g: tuple(np.any(tags[rows], 0).tolist()) for g, rows in members.items()}
    dealt = sorted(members, key=lambda g: (shown[g], order[g]))
    fold = np.zeros(len(tags), int)
    for place, group in enumerate(dealt):
        fold[members[group]] = place % min(folds, len(members))
    return fold


def out_of_fold(x, tags, groups, learn, folds=FOLDS):
    """(N, C) scores of each picture by what was learnt on the other folds.

    x: (N, n); learn(x, tags) returns a function of rows to scores.
    """
    tags = np.asarray(tags, bool)
    fold, scores = folds_of(tags, groups, folds), np.zeros(tags.shape)
    for k in np.unique(fold):
        here = fold == k
        if (~here).any():
            scores[here] = learn(x[~here], tags[~here])(x[here])
    return scores


def auc_of(truth, scores):
    """How often a picture with the tag ranks above one without; a tie counts half."""
    truth = np.asarray(truth, bool)
    positive, negative = truth.sum(), (~truth).sum()
    if not positive or not negative:
        return float("nan")
    ranks = stats.rankdata(scores)
    return float((ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * negative))


def map_of(truth, scores):
    """Mean over the tags of the average precision, those without a picture left out."""
    pairs = zip(np.asarray(truth).T, np.asarray(scores).T)
    found = [average_precision(t, s) for t, s in pairs if t.any()]
    return float(np.mean(found)) if found else float("nan")


def interval(measure, truth, scores, groups, draws=DRAWS, seed=0):
    """(low, high): 95 % interval of measure(truth, scores) over groups drawn with replacement."""
    rng = np.random.default_rng(seed)
    _, number = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    rows = [np.flatnonzero(number == k) for k in range(number.max() + 1)]
    values = []
    for _ in range(draws):
        drawn = np.concatenate([rows[k] for k in rng.integers(len(rows), size=len(rows))])
        values.append(measure(truth[drawn], scores[drawn]))
    values = np.array(values)
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    return tuple(float(v) for v in np.quantile(values, [0.025, 0.975]))
