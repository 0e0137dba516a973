"""Answers to the exercises of chapter 06, right and wrong."""

import numpy as np
from scipy import sparse


def matrix(both=True, own=1.0, axis=1, divide=True, power=1, index=0, fill=0.0, first=False):
    """The transition matrix, pair by pair, with one step changed."""

    def transition(affinity, pairs, n):
        W = np.full((n, n), fill)
        for (i, j), a in zip(pairs, affinity):
            W[i - index, j - index] = a**power
            if both:
                W[j - index, i - index] = a**power
        if first:  # normalised before everyone vouches for itself
            W /= np.maximum(W.sum(1, keepdims=True), 1e-12)
        W[np.arange(n), np.arange(n)] = own
        return W / W.sum(axis, keepdims=True) if divide else W

    return transition


def by_sparse(affinity, pairs, n):
    i, j = pairs.T
    half = sparse.coo_matrix((affinity, (i, j)), (n, n)).toarray()
    W = np.maximum(half, half.T) + np.eye(n)
    return np.diag(1 / W.sum(1)) @ W


def symmetric(affinity, pairs, n):
    W = matrix(divide=False)(affinity, pairs, n)
    d = np.diag(W.sum(1) ** -0.5)
    return d @ W @ d


def laplacian(affinity, pairs, n):
    W = matrix(divide=False, own=0.0)(affinity, pairs, n)
    return np.diag(W.sum(1)) - W


def steps_of(count=lambda k: k, side="left", scaled=False, order="C", twice=False):
    """A walk with one step changed."""

    def walk(maps, T, steps):
        x = maps.reshape(len(maps), -1, order=order) if order == "C" else np.stack(
            [m.ravel(order="F") for m in maps])  # fmt: skip
        for _ in range(count(steps)):
            x = (T @ x.T).T if side == "left" else x @ T
            if scaled:
                x = x / x.max(1, keepdims=True)
            if twice:
                T = T @ T
        return np.stack([one.reshape(maps.shape[1:], order=order) for one in x])

    return walk


def in_place(maps, T, steps):
    flat = maps.reshape(len(maps), -1)
    for _ in range(steps):
        flat[:] = (T @ flat.T).T
    return maps


def lazy(maps, T, steps):
    x = maps.reshape(len(maps), -1)
    for _ in range(steps):
        x = (x + (T @ x.T).T) / 2
    return x.reshape(maps.shape)


def sum_of_steps(maps, T, steps):
    return sum(steps_of()(maps, T, k) for k in range(steps + 1)) / (steps + 1)


def wall(height=0.05, at=4, others=1.0):
    vouch = np.full(7, others)
    vouch[at] = height
    return vouch


ANSWERS = {
    "06.1": {
        "right": {"pair by pair": matrix(), "by sparse": by_sparse},
        "wrong": {
            "one direction": matrix(both=False),
            "columns": matrix(axis=0),
            "over all": matrix(axis=None),
            "not divided": matrix(divide=False),
            "nobody for itself": matrix(own=0.0),
            "less for itself": matrix(own=0.5),
            "twice for itself": matrix(own=2.0),
            "strangers a little": matrix(fill=1e-2),
            "squared": matrix(power=2),
            "positions from 1": matrix(index=1),
            "divided first": matrix(first=True),
            "divided first and left": matrix(first=True, divide=False),
            "symmetric": symmetric,
            "Laplacian": laplacian,
            "dissimilarity": lambda a, p, n: matrix()(1 - a, p, n),
            "ten positions": lambda a, p, n: matrix()(a, p, n)[:-2, :-2],
        },
    },
    "06.2": {
        "right": {
            "step by step": steps_of(),
            "by the power": lambda m, T, k: np.einsum(
                "ij,cj->ci", np.linalg.matrix_power(T, k), m.reshape(len(m), -1)
            ).reshape(m.shape),
        },
        "wrong": {
            "from the right": steps_of(side="right"),
            "a step too few": steps_of(lambda k: k - 1),
            "a step too many": steps_of(lambda k: k + 1),
            "once": steps_of(lambda k: 1),
            "two to the power": steps_of(lambda k: 2**k),
            "two to the power, as the papers square": steps_of(twice=True),
            "entry by entry": lambda m, T, k: steps_of(lambda k: 1)(m, T**k, 1),
            "W and H swapped": steps_of(order="F"),
            "the wrong shape": lambda m, T, k: steps_of()(m, T, k).transpose(0, 2, 1),
            "divided at each step": steps_of(scaled=True),
            "in place": in_place,
            "half a step": lazy,
            "the mean of all steps": sum_of_steps,
            "flat": lambda m, T, k: steps_of()(m, T, k).reshape(len(m), -1),
            "the first map only": lambda m, T, k: steps_of()(m, T, k)[0],
            "no walk": lambda m, T, k: m,
        },
    },
    "06.3": {
        "right": {"exact": 0.3, "as a fraction": 3 / 10},
        "wrong": {
            "a plain mean": 0.25,
            "one step": 0.5,
            "one step of the second": 1 / 3,
            "cold": 0.0,
            "the first house": 0.2,
            "not to itself": 2 / 6,
            "three": 3,
            "it stays": 1.0,
            "per cent": 30,
            "four numbers": [0.3, 0.3, 0.3, 0.3],
        },
    },
    "06.4": {
        "right": {
            "as recorded": {"maps": "more", "pseudo": "less", "test": "less"},
            "in another order": {"test": "LESS", "pseudo": "less", "maps": "more"},
        },
        "wrong": {
            "better to the end": {"maps": "more", "pseudo": "more", "test": "more"},
            "nothing is left": {"maps": "more", "pseudo": "tie", "test": "tie"},
            "the segmenter mends it": {"maps": "more", "pseudo": "less", "test": "tie"},
            "worse from the start": {"maps": "less", "pseudo": "less", "test": "less"},
            "better": {"maps": "better", "pseudo": "worse", "test": "worse"},
            "one stage": {"maps": "more"},
            "a word": "more",
        },
    },
    "06.5": {
        "right": {"a low wall": wall(), "as a list": wall(0.1).tolist()},
        "wrong": {
            "no leak": wall(0.0),
            "too good a wall": wall(0.01),
            "no wall": wall(1.0),
            "hardly a wall": wall(0.95),
            "the wall one house too early": wall(at=3),
            "one house too late": wall(at=5),
            "nobody vouches": wall(0.0, others=0.0),
            "slow houses": wall(0.001, others=0.02),
            "eight": np.ones(8),
            "a matrix": np.eye(8),
            "negative": wall(-0.1),
            "above 1": wall(0.05, others=2.0),
            "nan": wall(float("nan")),
        },
    },
}
