"""The results store: one JSON file a row, with the hashes that say what it was computed from.

Rows are written only by `wsss-lite run`. A row whose code has changed since, the drawing of
PocketVOC included, is stale and is announced as such wherever it is read. A folder that has changed
is seen by `make results`, which opens it.

Most changes of code change no number. So each method's first row keeps a sample: what the method
gave on the first 60 scenes, with a segmenter trained for 20 steps, and how long that is trained in
a row. `make results` repeats the sample of a stale row, and where it comes out the same the rows
stand; else they are computed again. A change that acts on more than 60 scenes only is not seen.
"""

import argparse
import ast
import hashlib
import inspect
import json
import os
import platform
import re
import warnings
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from wsss_lite.errors import InputError
from wsss_lite.files import atomic, data_dir
from wsss_lite.score import Scores

PACKAGE = Path(__file__).parent
QUIET = {"cli", "results", "show", "course", "progress", "widgets", "errors", "files"}
SEEDS = (0, 1, 2)
SAMPLE = 60  # scenes
SAME_AS_CAM = ("grad-cam", "xgrad-cam")
TO_PSEUDO = (*SAME_AS_CAM, "cam-imagenet", "c2am-imagenet", "best-tags-imagenet")
PINNED = ("torch", "timm", "numpy", "opencv-python-headless", "pydensecrf2")


def folder():
    """Where the recorded rows lie."""
    return data_dir() / "results"


def source(path):
    """(files of this package that a file imports, its code without prose), read when it changed."""
    stat = path.stat()
    return _source(path, stat.st_mtime_ns, stat.st_size)


@cache
def _source(path, *changed):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("wsss_lite"):
            for name in [node.module] + [f"{node.module}.{a.name}" for a in node.names]:
                stem = PACKAGE.parent.joinpath(*name.split("."))
                if stem.with_suffix(".py").is_file() and stem.name not in QUIET:
                    found.add(stem.with_suffix(".py"))
    return frozenset(found), ast.dump(_without_docstrings(tree)).encode()


def code_hash(method):
    """Hash of the method's file, the lab, and every block that either of them imports.

    Of a method with an assistant also of what is written down beside the shipped weights.
    """
    start = PACKAGE.parent.joinpath(*method.function.__module__.split(".")).with_suffix(".py")
    seen, waiting = {}, [start, PACKAGE / "lab.py"]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            imported, seen[path] = source(path)
            waiting.extend(imported)
    digest = hashlib.sha256()
    for path in sorted(seen):
        digest.update(seen[path])  # prose changes no number
    if any(path.parent == PACKAGE / "assist" for path in seen):
        for path in sorted((data_dir() / "weights").rglob("*.json")):  # they hold the hashes
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _without_docstrings(tree):
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(getattr(body[0].value, "value", None), str):
                body[0].value.value = ""
    return tree


def record(row, lab, method, where=None, sample=None):
    """Write one row with its hashes, versions and the matrices behind its test score."""
    entry = {
        "row": row,
        "code": code_hash(method),
        "world": lab.world.fingerprint()[:16],
        "trunk": lab.trunk.fingerprint(),
        "versions": {"python": platform.python_version()} | {n: version(n) for n in PINNED},
        "command": f"wsss-lite run {method.name} --world {lab.world.name} --seed {lab.seed}"
        + until(row),
        "detail": detail(lab.last),
    }
    if sample:
        entry["sample"] = sample
    stem = Path(where or folder()) / lab.world.name / f"{method.name}-s{lab.seed}"
    write(stem.with_suffix(".json"), entry)
    matrices = lab.last.get("matrices")
    if matrices is not None:  # small integers, mostly zero: the paired bootstrap needs them
        with atomic(stem.with_suffix(".npz")) as path:
            np.savez_compressed(path, matrices=matrices.astype(np.uint32))
    return stem.with_suffix(".json")


def write(path, entry):
    with atomic(path) as part:
        part.write_text(text_of(entry), encoding="utf-8")


def text_of(entry):
    """JSON, a key a line, with lists of numbers kept on one line."""
    text = json.dumps(entry, indent=1)
    return re.sub(r"\[[-\d.,\s]+\]", lambda m: " ".join(m[0].split()), text) + "\n"


def fresh(entry, method, lab, stop="segmenter"):
    """Whether a recorded row would come out the same: code, world and last stage are as wanted."""
    same = entry["code"] == code_hash(method) and entry["world"] == lab.world.fingerprint()[:16]
    return same and (stop == "pseudo" or entry["row"]["miou_test"] is not None)


def take_sample(world, name):
    """What a method gives on few scenes: {"maps", "pseudo", "test": confusion matrix, as lists},
    and "recipe", the length of training in a row, which the sample itself cuts short."""
    from wsss_lite.lab import Lab

    class Hasty(Lab):
        def fit(self, labels, weights=None, **recipe):
            return super().fit(labels, weights, **recipe | {"epochs": 1, "least_steps": 20})

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the same sums in the same order on every machine
    try:
        lab = Hasty(world, limit=SAMPLE)
        lab.run(name)
    finally:
        torch.set_num_threads(threads)
    found = {s: lab.last.get(f"confusion_{s}") for s in ("maps", "pseudo")}
    found["test"] = lab.last["matrices"].sum(0)
    return {k: v.tolist() for k, v in found.items() if v is not None} | {"recipe": recipe()}


def recipe():
    """[epochs, least steps] of the segmenter of a row."""
    from wsss_lite.nets.segmenter import train_segmenter

    usual = inspect.signature(train_segmenter).parameters
    return [usual[name].default for name in ("epochs", "least_steps")]


def same_sample(one, other):
    """Whether two samples have one recipe and all but one pixel in 500 in the same cells."""
    if not one or not other or set(one) != set(other) or one["recipe"] != other["recipe"]:
        return False
    pairs = [(np.array(one[k]), np.array(other[k])) for k in one if k != "recipe"]
    return all(np.abs(a - b).sum() <= 2 * a.sum() / 500 for a, b in pairs)


def detail(last):
    """What tables of single classes and regions are made of: confusion matrices and shares."""
    kept = {k: last[k].tolist() for k in ("confusion_maps", "confusion_pseudo") if k in last}
    return kept | {k: last[k] for k in ("mass", "cpu_seconds") if k in last}


def until(row):
    """The option that stops a run where this row stopped; empty for a row with a test score."""
    done = [s for s in ("maps", "pseudo") if row.get(f"miou_{s}") is not None]
    return f" --until {done[-1]}" if done and row.get("miou_test") is None else ""


def version(name):
    """Installed version without a build tag, or None."""
    try:
        return metadata.version(name).split("+")[0]
    except metadata.PackageNotFoundError:
        return None


def read(world="pocket", where=None):
    """All recorded entries of a world, stale ones marked and announced."""
    from wsss_lite.registry import methods

    known = methods()
    entries = []
    for path in sorted((Path(where or folder()) / world).glob("*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        method = known.get(entry["row"]["method"])
        entry["stale"] = method is None or entry["code"] != code_hash(method)
        npz = path.with_suffix(".npz")
        entry["matrices"] = np.load(npz)["matrices"] if npz.is_file() else None
        entries.append(entry)
    stale = sorted({e["row"]["method"] for e in entries if e["stale"]})
    if stale:
        warnings.warn(
            f"recorded rows of {', '.join(stale)} are stale (the code changed since): "
            "`make results` computes them again"
        )
    return entries


def table(names, world="pocket", keys=("miou_maps", "miou_pseudo", "miou_test"), where=None):
    """{method: {key: (mean, half width of the 95 % interval over seeds, n)}} of recorded rows.

    keys: those of a row, and those of `derived`.
    """
    out, entries = {}, read(world, where)
    for name in names:
        rows = [e["row"] | derived(e) for e in entries if e["row"]["method"] == name]
        found = {key: [r[key] for r in rows if r.get(key) is not None] for key in keys}
        out[name] = {key: interval(values) for key, values in found.items()}
    return out


def derived(entry):
    """What else an entry says of its maps, before the CRF.

    precision_maps, recall_maps: foreground means; precision_CLASS, recall_CLASS: of one class;
    heads, water, rails: heat there, as a multiple of the area's share; cpu_seconds: of the maps.
    """
    kept = entry.get("detail", {})
    out = {"cpu_seconds": kept.get("cpu_seconds")}
    out |= {k: v[0] / v[1] for k, v in kept.get("mass", {}).items() if v and v[1]}
    if "confusion_maps" in kept:
        scores = Scores(np.array(kept["confusion_maps"]))
        for which in ("precision", "recall"):
            out[f"{which}_maps"] = scores.foreground(which)
            values = getattr(scores, which)[1:].tolist()
            out |= {f"{which}_{c}": v for c, v in zip(entry["row"]["per_class"], values)}
    return out


def interval(values):
    """(mean, half width of the 95 % interval by Student's t, n); None without a value."""
    if not values:
        return None
    values, n = np.asarray(values, float), len(values)
    error = values.std(ddof=1) / np.sqrt(n) if n > 1 else float("nan")
    return float(values.mean()), float(stats.t.ppf(0.975, max(n - 1, 1)) * error), n


def wanted():
    """(world, method, seed, until) of every row the course quotes, first seeds first."""
    jobs = [("pocket", *job) for job in jobs_of("pocket")]
    coco = os.environ.get("WSSS_LITE_COCO_MINI")
    if coco:
        jobs += [(coco, *job) for job in jobs_of("coco-mini")]
    return sorted(jobs, key=lambda job: in_turn(job[1:]))


def jobs_of(world, stop="segmenter", seed=None):
    """[(method, seed, until)] of the rows of a world of that name; of one seed, where it is given.

    A seed changes what a method trains, what simulated hands draw, and the segmenter. Methods
    whose maps equal CAM's, or that are there for real photographs, stop at the pseudo masks;
    where no random number enters these they have one row. The 53 training photographs of coco-mini
    are too few for a segmenter. stop: the last stage that another world permits.
    """
    from wsss_lite.registry import methods

    known, seeds = methods().items(), SEEDS if seed is None else (seed,)
    once = SEEDS[0] if seed in (None, *SEEDS) else seed
    if world == "coco-mini":
        return [(name, seeds[0], "pseudo") for name, m in known
                if m.supervision != "full" and "corpus" not in m.needs and name not in SAME_AS_CAM]
    short = TO_PSEUDO if world == "pocket" else SAME_AS_CAM
    jobs = []
    for one in seeds:
        for name, method in known:
            until = "pseudo" if name in short else stop
            if one == once or method.trains or until == "segmenter":
                jobs.append((name, one, until))
    return jobs


def in_turn(job):
    """Sorts (method, seed, ...): first seeds first, and of each the bounds and CAM."""
    return job[1], job[0] not in ("full", "full-20", "cam")


def main(argv=None):
    """Compute the rows that are missing or stale, one after the other; safe to interrupt."""
    from wsss_lite.lab import Lab

    parser = argparse.ArgumentParser(prog="python -m wsss_lite.results", description=main.__doc__)
    parser.add_argument("methods", nargs="*", help="only these (default: all that are wanted)")
    help = "compute what is stale, say how each row would change, and write nothing"
    parser.add_argument("--diff", action="store_true", help=help)
    arguments = parser.parse_args(argv)
    labs, samples = {}, {}
    for world, *job in wanted():
        if arguments.methods and job[0] not in arguments.methods:
            continue
        if world not in labs:
            labs[world] = Lab(world)
        bring(labs[world], *job, samples=samples, diff=arguments.diff)


def bring(lab, name, seed, stop, where=None, samples=None, diff=False, again=False, say=print):
    """(recorded entry, "kept" | "stands" | "computed") of a row, which is up to date afterwards.

    It is computed only if it is missing or stale, or `again` is asked for. samples: a dict in
    which samples of this session are kept; diff: say how the row would change and write nothing
    (a missing row is not computed, as nothing would be lost); say: is called with lines about
    what is done.
    """
    from wsss_lite.registry import find

    method, samples = find(name), {} if samples is None else samples
    path = Path(where or folder()) / lab.world.name / f"{name}-s{seed}.json"
    entry = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    if entry and not again and fresh(entry, method, lab, stop):
        return entry, "kept"
    say(f"{lab.world.name}: {name}, seed {seed}")
    if diff and not entry:
        say("  missing: it would be computed, and nothing overwritten")
        return None, "missing"
    if lab.world.name == "pocket" and name not in samples:
        samples[name] = take_sample(lab.world, name)
    if entry and not again and stands(entry, method, lab, stop, samples.get(name)):
        entry |= {"code": code_hash(method), "code_before": entry["code"]}
        if not diff:
            write(path, entry)
        say("  stands: its sample comes out the same")
        return entry, "stands"
    lab.seed = seed
    row = lab.run(name, until=stop)
    if diff:
        for line in drift(entry["row"], row):
            say(f"  {line}")
        return entry, "stale"
    record(row, lab, method, where, samples.get(name) if seed == SEEDS[0] else None)
    shown = {k: v for k, v in row.items() if k.startswith("miou") or k == "seconds"}
    say(f"  {shown}")
    return json.loads(path.read_text(encoding="utf-8")), "computed"


def drift(old, new):
    """Lines that say how a row would change: every number of the old or the new one but times."""
    lines = []
    for key in dict.fromkeys((*old, *new)):
        before, after = old.get(key), new.get(key)
        if before == after or "seconds" in key or key == "peak_mb":
            continue
        if isinstance(before, float) and isinstance(after, float):
            lines.append(f"{key}: {before:.4f} -> {after:.4f} ({after - before:+.4f})")
        else:
            lines.append(f"{key}: {before} -> {after}")
    return lines or ["comes out as it was recorded"]


def climb(lab, jobs, where=None, again=None, say=print):
    """Bring one row after the other; yields (method, entry, how) of each, see `bring`.

    A method that the world cannot serve (no boxes, no masks, no weights of an assistant) is left
    out with its other seeds: entry None, and `how` the sentence that says why. again: a function
    (method, seed) -> bool, whether to compute a row whatever is recorded. Whoever interrupts this
    finds every finished row when it is called again.
    """
    samples, left_out = {}, set()
    for name, seed, stop in sorted(jobs, key=in_turn):
        if name in left_out:
            continue
        repeat = bool(again and again(name, seed))
        try:
            entry, how = bring(lab, name, seed, stop, where, samples, again=repeat, say=say)
        except InputError as error:
            left_out.add(name)
            entry, how = None, str(error)
        yield name, entry, how


def store_for(lab, own="wsss-lite-out"):
    """Where rows of a lab's world lie: the course's store for the worlds that it is about, else
    `results` in the folder of one's own output. Never mixes two worlds of one name."""
    there = sorted((folder() / lab.world.name).glob("*.json"))
    if there:
        recorded = json.loads(there[0].read_text(encoding="utf-8"))["world"]
        if recorded == lab.world.fingerprint()[:16]:
            return folder()
    return Path(own) / "results"


def stands(entry, method, lab, stop, sample):
    """Whether a stale row needs no new computation, as its method's sample is what it was.

    The sample lies in the row of seed 0; rows of other seeds go by it if their code was the same.
    """
    first = folder() / lab.world.name / f"{method.name}-s{SEEDS[0]}.json"
    kept = json.loads(first.read_text(encoding="utf-8")) if first.is_file() else {}
    together = entry["code"] in (kept.get("code"), kept.get("code_before"))
    current = entry | {"code": code_hash(method)}
    same = together and fresh(current, method, lab, stop)
    return same and same_sample(kept.get("sample"), sample)


if __name__ == "__main__":
    main()
