"""Random walk on the grid: maps flow between neighbours that have affinity, and stop elsewhere."""

import numpy as np
from scipy import sparse


def grid_pairs(h, w, radius):
    """(P, 2) int64: the pairs i < j of flat positions of an (h, w) grid, at most `radius` apart."""
    place = np.arange(h * w).reshape(h, w)
    reach = int(radius)
    found = [np.zeros((0, 2), np.int64)]
    for dy in range(min(reach, h - 1) + 1):
        for dx in range(-min(reach, w - 1), min(reach, w - 1) + 1):
            if (dy, dx) > (0, 0) and dy * dy + dx * dx <= radius * radius:
                first = place[: h - dy, max(0, -dx) : w - max(0, dx)]
                second = place[dy:, max(0, dx) : w + min(0, dx)]
                found.append(np.stack([first.ravel(), second.ravel()], 1))
    return np.concatenate(found)


def transition(affinity, pairs, n):
    """Sparse (n, n) matrix of a walk: row i says where the value of i comes from; rows sum to 1.

    affinity: (P,) in 0..1 of the (P, 2) pairs, the same in both directions; each position has
    affinity 1 with itself, so that no row is empty. Returns float32 CSR.
    """
    affinity = np.asarray(affinity, np.float32)
    i, j = np.asarray(pairs).T.astype(np.int32)
    own = np.arange(n, dtype=np.int32)
    values = np.concatenate([affinity, affinity, np.ones(n, np.float32)])
    at = np.concatenate([i, j, own]), np.concatenate([j, i, own])
    matrix = sparse.csr_matrix((values, at), (n, n))
    matrix.data /= np.repeat(np.asarray(matrix.sum(1)).ravel(), np.diff(matrix.indptr))
    return matrix


def walk(maps, T, steps):
    """T^steps applied to every map: (C, h, w) to (C, h, w) float32.

    One sparse product a step in place of squaring T, which would fill it: a step costs as many
    multiplications as T has entries, for each map that is not empty. Values stay within the range
    of the map; steps=0 changes nothing.
    """
    maps = np.asarray(maps, np.float32)
    flat = maps.reshape(len(maps), -1)
    there = flat.any(1)
    x = np.ascontiguousarray(flat[there].T)
    for _ in range(steps if there.any() else 0):
        x = T @ x
    out = flat.copy()
    out[there] = x.T
    return out.reshape(maps.shape)
