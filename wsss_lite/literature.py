"""What papers report on VOC, and whether an order of methods agrees with theirs."""

import numpy as np

from wsss_lite.errors import InputError

BEGINS = {"val": "VOC val", "test": "VOC test", "pseudo": "VOC train, pseudo masks"}
LEAST = 4  # methods; of fewer an order says nothing


def quoted(method, what="val"):
    """The mIoU in percent that the literature gives a method on VOC, or None.

    what: "val", "test" or "pseudo" (pseudo masks of train). Where sources differ, their mean.
    """
    if what not in BEGINS:
        raise InputError(f"Quoted are {', '.join(BEGINS)}, not {what!r}.")
    found = [v for text, v in method.quoted.items() if text.startswith(BEGINS[what])]
    return float(np.mean(found)) if found else None


def tau(a, b):
    """Kendall's tau-b of two lists of numbers: 1 same order, -1 turned round, 0 no relation.

    Of all pairs of entries: (in the same order - in the other) / (told apart), where a pair with
    equal numbers in one list counts half as told apart, in the sense of a geometric mean.
    """
    return _tau(_signs(a), _signs(b))


def tau_interval(a, b, draws=2000, seed=0):
    """(low, high) of 95 %, by drawing entries again; (nan, nan) with fewer than `LEAST`.

    It says how much the agreement hangs on which methods happen to be compared. An entry drawn
    twice is compared with others twice and with itself never.
    """
    if len(a) < LEAST:
        return np.nan, np.nan
    one, other = _signs(a), _signs(b)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(a), size=(draws, len(a)))
    values = [_tau(one[np.ix_(k, k)], other[np.ix_(k, k)]) for k in drawn]
    low, high = np.nanpercentile(values, (2.5, 97.5))
    return float(low), float(high)


def places_apart(names, a, b):
    """{name: places it stands higher in a than in b}, largest difference first."""
    rank_a, rank_b = (np.argsort(np.argsort(-np.asarray(v, float))) for v in (a, b))
    apart = dict(zip(names, (rank_b - rank_a).tolist(), strict=True))
    return dict(sorted(apart.items(), key=lambda item: -abs(item[1])))


def _signs(values):
    """(N, N) in -1, 0, 1: which of each pair is the larger."""
    values = np.asarray(values, float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise ValueError(f"ranks need a list of numbers, got {values!r}")
    return np.sign(values[:, None] - values[None])


def _tau(one, other):
    told = np.sqrt(np.abs(one).sum() * np.abs(other).sum())
    return float((one * other).sum() / told) if told else np.nan
