"""What recorded rows say, so that the answer of a prediction is read and never typed."""

import json

import numpy as np

from wsss_lite import results
from wsss_lite.errors import InputError


def values(method, key, world="pocket"):
    """(seeds,) one number of the recorded rows of a method, by seed; keys of rows or `derived`."""
    found = []
    for path in sorted((results.folder() / world).glob(f"{method}-s[0-9]*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        found.append((entry["row"] | results.derived(entry)).get(key))
    found = [value for value in found if value is not None]
    if not found:
        raise InputError(f"No row of {method} with {key} is recorded for {world}: `make results`.")
    return np.array(found)


def mean(method, key, world="pocket"):
    """The mean over the seeds of one number of a method."""
    return float(values(method, key, world).mean())


def verdict(first, second, key, world="pocket"):
    """A method against another, seed by seed, at two standard errors: more, less or tie."""
    a, b = values(first, key, world), values(second, key, world)
    if len(a) != len(b):
        raise InputError(f"{first} and {second} have rows of other seeds: `make results`.")
    gap = a - b
    error = gap.std(ddof=1) / np.sqrt(len(gap)) if len(gap) > 1 else 0.0
    return "tie" if abs(gap.mean()) <= 2 * error else "more" if gap.mean() > 0 else "less"
