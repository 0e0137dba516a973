"""What a budget of annotation buys: mIoU on test, by kind of label, alone and mixed.

    python -m benchmarks.price [SEED ...]

A budget is spent on pictures of one kind of label, or by halves on pictures of two kinds, at the
seconds of `data.weak.ANNOTATION_SECONDS`. The 20 tune masks are part of it for every weak kind, as
in every row, and so are the labels of the tune pictures. Each kind gets the course's best method.
Which pictures are labelled is drawn anew for each seed; a smaller budget of one kind labels some of
those of a larger one. Of a mixture each method sees its own pictures; one segmenter learns all
labels.

Writes data/results/price.json, run after run, and goes on where it stopped; an hour and a half on
one core. A point of older code stands where the row of its method does (`wsss_lite.results`).
Chapter 14 draws it.
"""

import json
import sys
import time

import numpy as np

from wsss_lite import results
from wsss_lite.data.weak import ANNOTATION_SECONDS
from wsss_lite.files import atomic, lock
from wsss_lite.lab import Lab
from wsss_lite.registry import find
from wsss_lite.score import Scores

HOURS = (2, 4, 7, 12)
MIXED_HOURS = (7,)
BEST = {
    "tags": "best-tags",
    "points": "best-points",
    "scribbles": "best-scribbles",
    "boxes": "best-boxes",
    "full": "full",
}
MIXTURES = (("tags", "boxes"), ("tags", "full"), ("boxes", "full"))


def where():
    return results.folder() / "price.json"


def of_tune(kinds, tune):
    """Seconds for the tune pictures: a mask and a label of each weak kind; 0 with masks alone."""
    weak = [k for k in kinds if k != "full"]
    return tune * sum(ANNOTATION_SECONDS[k] for k in [*weak, "full"]) if weak else 0


def pictures(kinds, hours, tune, most):
    """{kind: number of pictures}, at most `most` in all, for hours that the kinds share evenly."""
    each = max(0.0, hours * 3600 - of_tune(kinds, tune)) / len(kinds)
    return {k: min(int(each / ANNOTATION_SECONDS[k]), most // len(kinds)) for k in kinds}


def spent(counts, tune):
    """Hours that so many pictures of each kind cost, with the tune masks of the weak kinds."""
    labels = sum(n * ANNOTATION_SECONDS[k] for k, n in counts.items())
    return (of_tune(counts, tune) + labels) / 3600


def jobs(tune, most):
    """(kinds, counts) of every point of the curve, each once, smallest first."""
    wanted = [((kind,), hours) for hours in HOURS for kind in BEST]
    wanted += [(kinds, hours) for hours in MIXED_HOURS for kinds in MIXTURES]
    found = {}
    for kinds, hours in wanted:
        counts = pictures(kinds, hours, tune, most)
        if min(counts.values()):
            found[kinds, tuple(counts.values())] = counts
    return [(kinds, counts) for (kinds, _), counts in sorted(found.items(), key=lambda x: x[0][1])]


def run(lab, counts, seed):
    """mIoU on test of a mixture of labels on so many pictures each."""
    order = np.random.default_rng(seed).permutation(len(lab.train))
    names, labels = [lab.train[k] for k in order], {}
    for kind, count in counts.items():
        mine, names = names[:count], names[count:]
        part = Lab(lab.world, lab.trunk, seed=seed, train=mine)
        row = part.run(BEST[kind], until="segmenter" if len(counts) == 1 else "pseudo")
        if len(counts) == 1:
            return row["miou_test"]
        labels |= {name: part.last["labels"][name] for name in mine}
    lab.seed = seed
    return round(float(Scores(lab.test_matrices(lab.fit(labels)).sum(0)).miou), 4)


def row_of(lab, kind, seed):
    """The entry of the results store of the method of a kind, {} where there is none."""
    path = results.folder() / lab.world.name / f"{BEST[kind]}-s{seed}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def recorded(lab, counts, seed):
    """mIoU of a fresh row of the results store, where every picture has the one kind of label."""
    (kind, count), *more = counts.items()
    if more or count < len(lab.train):
        return None
    entry = row_of(lab, kind, seed)
    fresh = entry and results.fresh(entry, find(BEST[kind]), lab, "segmenter")
    return entry["row"]["miou_test"] if fresh else None


def codes(lab, kinds):
    """(of today, of before): code hashes of the kinds' methods.

    Before: of the code whose sample came out the same, says the row of seed 0.
    """
    now = [results.code_hash(find(BEST[k])) for k in kinds]
    rows = [row_of(lab, k, results.SEEDS[0]) for k in kinds]
    before = [row.get("code_before") if row.get("code") == h else None for row, h in zip(rows, now)]
    return now, before


def kept():
    """What was recorded so far."""
    return json.loads(where().read_text(encoding="utf-8")) if where().is_file() else []


def keep(entry):
    """Write one point in place of an older one; two processes may work on seeds of their own."""
    same = ("pictures", "seed", "methods")
    with lock(where().with_suffix(".lock")):
        others = [e for e in kept() if any(e[k] != entry[k] for k in same)]
        with atomic(where()) as path:
            path.write_text(json.dumps([*others, entry], indent=1) + "\n", encoding="utf-8")


def main(seeds):
    lab = Lab()
    tune, most = len(lab.tune), len(lab.train)
    for seed in seeds:
        for kinds, counts in jobs(tune, most):
            key = {
                "pictures": counts,
                "seed": seed,
                "methods": [BEST[k] for k in kinds],
                "world": lab.world.fingerprint()[:16],
            }
            same = [entry for entry in kept() if key.items() <= entry.items()]
            now, before = codes(lab, kinds)
            key["code"] = now
            if same and all(c in pair for c, *pair in zip(same[0]["code"], now, before)):
                if same[0]["code"] != now:
                    keep(same[0] | key)
                continue
            cpu = time.process_time()
            miou = recorded(lab, counts, seed) or run(lab, counts, seed)
            cost = {
                "hours": round(spent(counts, tune), 2),
                "miou_test": miou,
                "cpu_seconds": round(time.process_time() - cpu, 1),
            }
            keep(key | cost)
            print(" + ".join(kinds), counts, f"seed {seed}: {cost}", flush=True)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or results.SEEDS)
