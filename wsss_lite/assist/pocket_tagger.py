"""The pocket tagger: a picture to words, in the role of RAM.

    tagger = load()                                     a `Tagger`, see tagging.py
    tagger.tags(image)                                  [("kitty", .63), ("grass", .58), ...]
    to_classes(tagger.tags(image), CLASSES)             [("cat", .63)]
    tagger.of_view(view, CLASSES)                       (N, C) from the cached features

One layer on the trunk's features, averaged and maximal over the picture, trained by
`wsss_lite.assist.train_tagger` on words of captions of the corpus: what uses it declares
needs=("corpus",). Like RAM it knows the words that people say, not the classes of a world. Three
people call a cat by three names, so the probability of each name is low, and each word comes with
a threshold of its own.
"""

import numpy as np
import torch

from wsss_lite.assist import as_picture, shipped
from wsss_lite.assist.pocket_clip import on_its_trunk
from wsss_lite.assist.tagging import Tagger, to_classes
from wsss_lite.files import data_dir

REMAKE = "python -m wsss_lite.assist.train_tagger"


class PocketTagger(Tagger):
    """words: W of them; weight (W, 2F), bias (W,): of the layer; thresholds: (W,), the least
    probability at which each is told; facts: what was written down when it was trained."""

    name = "pocket"

    def __init__(self, words, weight, bias, thresholds, trunk, facts=None):
        self.words, self.trunk, self.facts = tuple(words), trunk, facts or {}
        self.weight, self.bias = (torch.as_tensor(x, device=trunk.device) for x in (weight, bias))
        self.thresholds = np.asarray(thresholds, np.float32)

    @torch.inference_mode()
    def probabilities(self, features):
        """(N, W) float32 of the trunk's (N, F, h, w) stage `final`."""
        x = pooled_twice(torch.as_tensor(features, device=self.trunk.device).float())
        return (x @ self.weight.T + self.bias).sigmoid().cpu().numpy()

    def tags(self, image):
        image = as_picture(image)
        return self.told(self.probabilities(self.trunk([image], ("final",))["final"])[0])

    def told(self, row):
        """[(word, probability), ...], the most probable first: those that reach their threshold."""
        kept = [k for k in np.argsort(-row, kind="stable") if row[k] >= self.thresholds[k]]
        return [(self.words[k], float(row[k])) for k in kept]

    def of_view(self, view, classes):
        """(N, C) bool: which classes the tags of a view's pictures stand for."""
        if on_its_trunk(view):
            pieces = [self.probabilities(x) for _, x in view.features("final").chunks()]
            told = [self.told(row) for rows in pieces for row in rows]
        else:
            told = [self.tags(view.image(id)) for id in view.ids]
        return table(told, classes)


def table(told, classes):
    """(N, C) bool: for each picture the classes that its [(word, probability), ...] stand for."""
    found = np.zeros((len(told), len(classes)), bool)
    for row, tags in enumerate(told):
        for name, _ in to_classes(tags, classes):
            found[row, list(classes).index(name)] = True
    return found


def pooled_twice(final):
    """(N, 2F) of (N, F, h, w): the mean over the picture, then the maximum."""
    return torch.cat([final.mean((2, 3)), final.amax((2, 3))], 1)


def class_scores(probabilities, words, classes):
    """(N, C) of (N, W): the most probable of the words for each class, 0 where there is none."""
    scores = np.zeros((len(probabilities), len(classes)), np.float32)
    for column, word in enumerate(words):
        for name, _ in to_classes([(word, 1.0)], classes):
            k = list(classes).index(name)
            scores[:, k] = np.maximum(scores[:, k], probabilities[:, column])
    return scores


# ------------------------------------------------------------------ the shipped files
def load(trunk=None, folder=None):
    """The shipped `PocketTagger`. trunk: when it is at hand, else the default one is loaded.

    InputError: files that are missing or were changed, or that belong to another trunk.
    """
    from wsss_lite.nets.trunk import Trunk

    trunk = trunk or Trunk("lite0", size=224)
    state, known = shipped.read(folder or weights_folder(), trunk, REMAKE)
    words, thresholds = known["words"], known["thresholds"]
    return PocketTagger(words, state["weight"], state["bias"], thresholds, trunk, known)


def weights_folder():
    return data_dir() / "weights" / "pocket_tagger"


def facts():
    """What was written down when it was trained: words, scores, hashes."""
    return shipped.checked(weights_folder(), (shipped.NET,), REMAKE)
