"""A random walk by sparse steps against squaring the dense matrix, at stride 4 of a VOC picture.

    python -m benchmarks.walk [--json]

The walk of PSA and IRN takes 2^8 steps on a grid of a quarter of the picture's size; their programs
square the dense transition matrix 8 times. One thread. Of the dense side one squaring is measured
and counted 8 times: a dense product takes as long whatever the numbers are. Its memory is that of
two matrices, one squared into the other; the sparse side's is the matrix and the maps before and
after a step. `--small` measures both completely, and compares the maps, on a grid of a sixth of the
positions.
"""

import argparse
import json
import sys

import numpy as np

from benchmarks.timing import VOC_SIZE, milliseconds, one_thread
from wsss_lite.refine.walk import grid_pairs, transition, walk

STRIDE, RADIUS, SQUARINGS, CLASSES = 4, 5, 8, 3
LEAST_FASTER, LEAST_SMALLER = 100, 20  # what we promise of the full size


def setting(size, seed=0):
    """(maps (CLASSES, h, w), pairs, affinities) of a grid: random affinities, many near 0."""
    h, w = (-(-side // STRIDE) for side in size)
    rng = np.random.default_rng(seed)
    pairs = grid_pairs(h, w, RADIUS)
    affinity = rng.random(len(pairs), np.float32) ** 10
    return rng.random((CLASSES, h, w), np.float32), pairs, affinity


def measure(size=VOC_SIZE, whole=False):
    """{"sparse_ms", "dense_ms", "faster", "sparse_mb", "dense_mb", "smaller", ...} of one size.

    The sparse time includes building the matrix, the dense time does not. whole: square the dense
    matrix all the times it takes, and say how far the two results are apart.
    """
    maps, pairs, affinity = setting(size)
    n = maps[0].size
    with one_thread(), threads(1):
        kept = []
        sparse_ms = min(milliseconds(lambda: kept.append(stepwise(maps, pairs, affinity)))
                        for _ in range(3))  # fmt: skip
        T, stepped = kept[-1]
        dense = T.toarray()
        if whole:
            dense_ms = milliseconds(lambda: kept.append(squared(dense, SQUARINGS)))
            want = (kept[-1] @ maps.reshape(CLASSES, -1).T).T
            apart = np.abs(want - stepped.reshape(CLASSES, -1))
        else:
            out = np.empty_like(dense)
            dense_ms = SQUARINGS * milliseconds(lambda: np.matmul(dense, dense, out=out))
    sparse_mb = (T.data.nbytes + T.indices.nbytes + T.indptr.nbytes + 2 * maps.nbytes) / 1e6
    dense_mb = 2 * dense.nbytes / 1e6
    row = {"size": list(size), "positions": n, "steps": 2**SQUARINGS, "extrapolated": not whole,
           "sparse_ms": round(sparse_ms, 1), "dense_ms": round(dense_ms, 1),
           "faster": round(dense_ms / sparse_ms, 1), "sparse_mb": round(sparse_mb, 1),
           "dense_mb": round(dense_mb, 1), "smaller": round(dense_mb / sparse_mb, 1)}  # fmt: skip
    return row | ({"apart": float(apart.max())} if whole else {})


def stepwise(maps, pairs, affinity):
    """(transition matrix, maps after all steps), the matrix built anew."""
    T = transition(affinity, pairs, maps[0].size)
    return T, walk(maps, T, 2**SQUARINGS)


def squared(matrix, times):
    for _ in range(times):
        matrix = matrix @ matrix
    return matrix


def threads(count):
    """numpy's own threads, for the dense products."""
    from threadpoolctl import threadpool_limits  # comes with scikit-learn

    return threadpool_limits(count)


def main(argv=None):
    """Print the row; exit status 1 if the promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.walk", description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--small", action="store_true", help="nothing extrapolated")
    arguments = parser.parse_args(argv)
    row = measure((152, 204), whole=True) if arguments.small else measure()
    if arguments.json:
        print(json.dumps(row, indent=1))
    else:
        note = " (one squaring measured)" if row["extrapolated"] else ""
        print("{positions} positions, {steps} steps: sparse {sparse_ms} ms, {sparse_mb} MB; dense "
              "{dense_ms} ms{note}, {dense_mb} MB; {faster}x faster, {smaller}x smaller"
              .format(note=note, **row))  # fmt: skip
    kept = row["faster"] >= LEAST_FASTER and row["smaller"] >= LEAST_SMALLER
    return int(not (kept or arguments.small))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
