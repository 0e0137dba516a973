"""How the pocket tagger is made: `python -m wsss_lite.assist.train_tagger`.

    ... train_tagger                make it; interrupted, it goes on with the features it has
    ... train_tagger --evaluate     what the shipped one reaches on val

Its labels are the words that five captions of a scene say, as many as a picture of COCO has. They
leave things out and call one thing by several names; nobody tells the tagger that a kitty is a
cat, or what was left out. Thresholds are chosen on the same kind of captions, of scenes held back.
The trunk is frozen, its features are kept in the cache, and what follows takes seconds.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.assist import shipped
from wsss_lite.assist.captions import caption, scene_facts
from wsss_lite.assist.pocket_grounder import STAGES
from wsss_lite.assist.pocket_tagger import (REMAKE, PocketTagger, class_scores, load, pooled_twice,
                                            table, weights_folder)  # fmt: skip
from wsss_lite.assist.tagging import forms
from wsss_lite.data.corpus import Corpus, corpus_bank
from wsss_lite.data.pocket import SPLITS, PocketVOC
from wsss_lite.nets.features import FeatureBank
from wsss_lite.nets.head import fit, seeded
from wsss_lite.nets.trunk import Trunk
from wsss_lite.progress import progress
from wsss_lite.score import average_precision

SIZE = 224
STAGE = STAGES[-1]  # `final` follows from it by one layer, and the pocket grounder keeps it too
SAID = 5  # captions of a scene
LEAST = 0.005  # share of the scenes in which a word has to be said
HELD_BACK = 0.1  # share of the scenes for the thresholds
EPOCHS, PEAK, DECAY, DROP, BATCH = 30, 5e-4, 0.3, 0.5, 100
TOLERANCE = 0.02  # of the mean average precision, between two makes
# Words of a sentence that name nothing to be seen.
EMPTY = frozenset(
    "a an and the of in on at by with from under inside behind beside some one two three four five "
    "six can see i that shows photo picture image view look".split()
)


# ------------------------------------------------------------------ from captions to labels
def words_of(sentence):
    """Set of the words of a sentence that name something, in lower case."""
    return set(sentence.lower().replace(",", " ").split()) - EMPTY


def vocabulary(said, least=LEAST):
    """Sorted words that a share `least` of the scenes hold; a plural counts as its singular.

    said: for each scene the set of its words.
    """
    known = set.union(*said)
    counts = {}
    for words in said:
        for word in {singular(word, known) for word in words}:
            counts[word] = counts.get(word, 0) + 1
    return sorted(word for word, count in counts.items() if count >= least * len(said))


def singular(word, known):
    """The word itself, or the known word that it is the plural of: "ponies" is "pony"."""
    return next((form for form in forms(word)[:0:-1] if form in known), word)


def labels(said, words):
    """(N, W) bool: which words are said of which scene."""
    place, known = {word: k for k, word in enumerate(words)}, set(words)
    found = np.zeros((len(said), len(words)), bool)
    for row, some in enumerate(said):
        for word in some:
            column = place.get(singular(word, known))
            if column is not None:
                found[row, column] = True
    return found


def said_of(world, ids, seed=0, times=SAID):
    """For each scene the set of words that `times` captions of it say."""
    rng = np.random.default_rng(seed)
    return [set().union(*(words_of(caption(facts, rng)) for _ in range(times)))
            for facts in scene_facts(world, ids)]  # fmt: skip


# ------------------------------------------------------------------ the layer
def train(x, y, seed=0, epochs=EPOCHS, drop=DROP, **how):
    """(weight (W, 2F), bias (W,)) of a linear layer under binary cross-entropy.

    x: (N, 2F) tensor; y: (N, W) bool. The features are standardised for the optimiser, and the
    scaling is folded back into the layer.
    """
    y = torch.as_tensor(np.asarray(y, np.float32))
    mean, std = x.mean(0), x.std(0).clamp(min=1e-2)
    x = (x - mean) / std
    with seeded(seed):
        layer = torch.nn.Linear(x.shape[1], y.shape[1])
    torch.nn.init.zeros_(layer.weight)

    def loss(rows):
        return F.binary_cross_entropy_with_logits(layer(F.dropout(x[rows], drop)), y[rows])

    how = {"lr": PEAK, "weight_decay": DECAY, "batch": BATCH} | how
    fit(layer, loss, len(x), seed, epochs, **how)
    weight = layer.weight.detach() / std
    return weight, layer.bias.detach() - weight @ mean


def best_thresholds(prob, y):
    """(W,) float32: for each word the probability from which telling it has the best F1.

    prob: (N, W); y: (N, W) bool. A word that is never said is never told: 2, above every
    probability.
    """
    out = np.full(prob.shape[1], 2.0, np.float32)
    for k in np.flatnonzero(y.any(0)):
        order = np.argsort(-prob[:, k], kind="stable")
        ordered, hits = prob[order, k], np.cumsum(y[order, k])
        f1 = 2 * hits / (np.arange(1, len(order) + 1) + hits[-1])
        f1[:-1][ordered[:-1] == ordered[1:]] = 0  # equal ones are told together
        best = int(f1.argmax())
        after = ordered[best + 1] if best + 1 < len(ordered) else 0.0
        out[k] = (ordered[best] + after) / 2
    return out


# ------------------------------------------------------------------ features and scores
@torch.inference_mode()
def summaries(ids, trunk, bank):
    """(N, 2F) tensor: `pooled_twice` of scenes, through the cached stage `STAGE`."""
    tail, parts = trunk.tail(STAGE), []
    for start in progress(range(0, len(ids), 20), "pooled features"):
        rows = bank.features(ids[start : start + 20], STAGE)[:]
        final = tail(torch.from_numpy(rows).to(trunk.device))
        parts.append(pooled_twice(final).cpu())
    return torch.cat(parts)


def measure(tagger, x, tags, classes):
    """What the tags say of the classes: mAP, precision and recall, and AP of each class.

    x: (N, 2F) summaries; tags: (N, C) bool. Precision and recall over all pairs of picture and
    class together, with the words told at their thresholds; None for a class that never occurs.
    """
    prob = (x @ tagger.weight.cpu().T + tagger.bias.cpu()).sigmoid().numpy()
    scores = class_scores(prob, tagger.words, classes)
    told = table([tagger.told(row) for row in prob], classes)
    right = (told & tags).sum()
    found = [average_precision(t, s) for t, s in zip(tags.T, scores.T)]
    each = {name: None if np.isnan(ap) else round(ap, 4) for name, ap in zip(classes, found)}
    known = [ap for ap in found if not np.isnan(ap)]
    return {"map_val": round(float(np.mean(known)), 4) if known else None,
            "precision_val": round(float(right / max(told.sum(), 1)), 4),
            "recall_val": round(float(right / max(tags.sum(), 1)), 4), "ap_val": each}  # fmt: skip


def make(x, said, trunk, seed=0, held_back=HELD_BACK, **recipe):
    """The `PocketTagger` of summaries (N, 2F) and the words said of them; the last share of the
    scenes is kept for the thresholds."""
    cut = len(x) - max(1, int(round(held_back * len(x))))
    words = vocabulary(said[:cut])
    y = labels(said, words)
    weight, bias = train(x[:cut], y[:cut], seed, **recipe)
    prob = (x[cut:] @ weight.T + bias).sigmoid().numpy()
    return PocketTagger(words, weight, bias, best_thresholds(prob, y[cut:]), trunk)


def val_scores(tagger, trunk):
    """`measure` on the validation scenes."""
    world = PocketVOC()
    ids = world.ids("val")
    tags = np.array([world.tags(id) for id in ids])
    return measure(tagger, summaries(ids, trunk, FeatureBank(world, trunk)), tags, world.classes)


def main(arguments=None):
    """Make the tagger, compare with what was recorded, and write it."""
    options = shipped.options("Remake the pocket tagger.").parse_args(arguments)
    trunk = Trunk("lite0", size=SIZE)
    if options.evaluate:
        print(json.dumps(val_scores(load(trunk), trunk)))
        return
    world = Corpus(options.scenes or SPLITS["corpus"][0])
    ids, bank = world.ids("corpus"), corpus_bank(world, trunk)
    bank.prepare(ids, STAGES)  # one pass for the pocket grounder too
    tagger = make(summaries(ids, trunk, bank), said_of(world, ids), trunk)
    scores = val_scores(tagger, trunk)
    print(json.dumps(scores), flush=True)
    if not options.force:
        shipped.remade(weights_folder(), "map_val", scores, TOLERANCE, "The pocket tagger")
    facts = {"name": "pocket", "scenes": len(ids), "captions": SAID, "tolerance": TOLERANCE,
             "words": tagger.words, "thresholds": [round(float(v), 4) for v in tagger.thresholds],
             **scores}  # fmt: skip
    state = {"weight": tagger.weight, "bias": tagger.bias}
    target = shipped.target(weights_folder(), options.out)
    print("written:", shipped.write(target, state, trunk, facts, REMAKE))


if __name__ == "__main__":
    main()
