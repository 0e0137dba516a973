"""How long the engines of the annotator take, from what was drawn to a mask.

The drawings are those of the simulators: on a scene of 128 x 128, and on the same scene enlarged to
a photograph of 500 x 375. One thread, warm; `cpu_ms` is the median of the process's own time, which
a busy machine does not lengthen, `ms` the shortest time by the clock. The annotator promises a mask
within 300 ms of a stroke.

    python -m benchmarks.annotate --json
"""

import argparse
import json
import sys
import time
from functools import partial

import cv2
import numpy as np

from benchmarks.timing import VOC_SIZE, one_thread
from wsss_lite.data import weak
from wsss_lite.data.annotation import Annotation, points_map
from wsss_lite.data.scenes import draw
from wsss_lite.refine.drawn import ENGINES, run

PROMISED_MS = 300
REPEATS = 5
SEED = 14  # a scene with two objects


def main(argv=None):
    """Print the table, or with --json the list of rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.annotate", description=__doc__)
    parser.add_argument("--json", action="store_true")
    rows = measure()
    if parser.parse_args(argv or []).json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'kind':10} {'engine':14} {'size':>9} {'cpu ms':>7} {'ms':>7}")
    for row in rows:
        print("{kind:10} {engine:14} {size:>9} {cpu_ms:7.1f} {ms:7.1f}".format(**row))


def measure(repeats=REPEATS):
    """List of {kind, engine, size, cpu_ms, ms}."""
    rows = []
    with one_thread():
        for size in ((128, 128), VOC_SIZE):
            image, annotation = setting(size)
            for kind, engines in ENGINES.items():
                for engine in engines:
                    cpu, clock = timed(partial(run, kind, engine, image, annotation), repeats)
                    label = f"{size[1]}x{size[0]}"
                    rows.append({"kind": kind, "engine": engine, "size": label,
                                 "cpu_ms": round(cpu, 4), "ms": round(clock, 4)})  # fmt: skip
    return rows


def setting(size):
    """(picture, annotation of all kinds) of one scene, enlarged to (H, W)."""
    scene, rng = draw(SEED), np.random.default_rng(0)
    image = cv2.resize(scene.image, size[::-1], interpolation=cv2.INTER_CUBIC)
    mask, instances = (
        cv2.resize(array, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
        for array in (scene.mask, scene.instances)
    )
    drawn = weak.scribbles(mask, instances, rng)
    clicks = points_map(weak.points(mask, instances, rng, background=3), size)
    clicks[drawn != weak.UNLABELLED] = weak.UNLABELLED
    places = np.argwhere(clicks != weak.UNLABELLED).tolist()
    return image, Annotation(
        size,
        boxes=weak.boxes(mask, instances, rng),
        extreme=weak.extreme_points(mask, instances),
        points=[(y, x, clicks[y, x]) for y, x in places],
        scribbles=drawn,
    )


def timed(function, repeats):
    """(median CPU ms, shortest ms by the clock) of a few runs, the first one not counted."""
    function()
    taken = []
    for _ in range(repeats):
        start = time.process_time(), time.perf_counter()
        function()
        taken.append((time.process_time() - start[0], time.perf_counter() - start[1]))
    cpu, clock = 1e3 * np.array(taken).T
    return float(np.median(cpu)), float(clock.min())


if __name__ == "__main__":
    main(sys.argv[1:])
