"""Write the recorded numbers into README.md: `python -m benchmarks.readme [--check]`.

A table stands between two HTML comments, <!-- NAME --> and <!-- /NAME -->. What is there is
replaced by what `data/results` says; nothing outside is touched. `tests/test_readme.py` fails
while the two differ.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from wsss_lite import results
from wsss_lite.chapters import drawing
from wsss_lite.show import STAR

README = Path(__file__).resolve().parents[1] / "README.md"
WORLDS = ("pocket", "coco-mini")
NONE = "–"

# A rung of the ladder: its name, the method whose rows say it, the score, what is scored.
LADDER = (
    ("CAM (`cam`)", "cam", "miou_maps", "train, tags known"),
    ("CAM + dense CRF", "cam", "miou_pseudo", "train, tags known"),
    ("two-stage: segmenter trained on those masks", "cam", "miou_test", "test, picture only"),
    ("the course's best from tags (`best-tags`)", "best-tags", "miou_test", "test, picture only"),
    ("... from points (`best-points`)", "best-points", "miou_test", "test, picture only"),
    ("... from scribbles (`best-scribbles`)", "best-scribbles", "miou_test", "test, picture only"),
    ("... from boxes (`best-boxes`)", "best-boxes", "miou_test", "test, picture only"),
    ("the same segmenter on the tune masks alone (`full-20`)", "full-20", "miou_test", "test"),
    ("the same segmenter on all true masks (`full`)", "full", "miou_test", "test"),
    ("zero-shot CAM, nothing trained (`cam-imagenet`)", "cam-imagenet", "miou_maps", "train"),
    ("zero-shot CAM + dense CRF", "cam-imagenet", "miou_pseudo", "train"),
)
COLUMNS = {
    "camera off": "PocketVOC, camera off",
    "pocket": "PocketVOC",
    "coco-mini": "coco-mini",
}
CALIBRATION = (
    ("CAM", "cam"),
    ("CAM + dense CRF", "crf"),
    ("gain of the CRF", "crf_gain"),
    ("... as a multiple of that on photographs", "crf_gain/"),
    ("boxes filled", "box_fill"),
    ("GrabCut in the boxes", "grabcut"),
    ("gain of GrabCut", "grabcut_gain"),
    ("... as a multiple of that on photographs", "grabcut_gain/"),
    ("pictures", "pictures"),
)
STAGES = {"miou_maps": "maps", "miou_pseudo": "+ CRF", "miou_test": "test"}


def rows(where=None):
    """{world: {method: [row, ...]}} of the store, one row a seed."""
    found = {}
    for world in WORLDS:
        here = found[world] = {}
        for entry in results.read(world, where):
            here.setdefault(entry["row"]["method"], []).append(entry["row"])
    return found


def percent(recorded, key):
    """Mean over the seeds in percent, with half the 95 % interval where there are several."""
    value = results.interval([row[key] for row in recorded if row[key] is not None])
    if value is None:
        return NONE
    mean, half, count = value
    return f"{100 * mean:.1f} ± {100 * half:.1f}" if count > 1 else f"{100 * mean:.1f}"


def markdown(head, lines, words=1):
    """A table; the first `words` columns are text, the others numbers, aligned to the right."""
    rule = ["---"] * words + ["---:"] * (len(head) - words)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rule, *lines))


def ladder(found):
    """The rungs from tags to full masks, in the drawn world and on photographs."""
    lines = []
    for name, method, key, scored in LADDER:
        scores = [percent(found[world].get(method, []), key) for world in WORLDS]
        lines.append((name, scored, *scores))
    return markdown(("mIoU in percent", "scored on", "PocketVOC", "coco-mini"), lines, words=2)


def methods(found):
    """Every recorded method with its stages in both worlds; annotation hours are PocketVOC's."""
    head = ["method", "supervision", "annotation"]
    head += [f"PocketVOC {stage}" for stage in STAGES.values()]
    head += [f"coco-mini {stage}" for stage in STAGES.values()]
    lines = []
    everywhere = found["coco-mini"] | found["pocket"]
    for name, recorded in sorted(everywhere.items(), key=order):
        first = recorded[0]
        drawn = name in found["pocket"]
        hours = f"{first['annotation_seconds'] / 3600:.1f} h" if drawn else NONE
        needs = ", ".join([first["supervision"], *first["needs"]])
        scores = [percent(found[w].get(name, []), key) for w in WORLDS for key in STAGES]
        star = "*" * ("corpus" in first["needs"])
        lines.append((f"`{name}`{star}", needs, hours, *scores))
    note = f"\n\n\\* {STAR}." if any(line[0].endswith("*") for line in lines) else ""
    return markdown(head, lines, words=2) + note


def order(item):
    """Weak methods by category, the bounds last."""
    name, recorded = item
    first = recorded[0]
    return first["category"] == "bounds", first["category"], first["annotation_seconds"], name


def calibration(where=None):
    """What following colour gains in the drawn world and on photographs (`calibration.json`)."""
    path = Path(where or results.folder()) / "calibration.json"
    facts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    lines = [(name, *(cell(facts, c, key) for c in COLUMNS)) for name, key in CALIBRATION]
    return markdown(("mIoU in percent", *COLUMNS.values()), lines)


def cell(facts, column, key):
    """A count, a score, [gain, low, high], or (key with a slash) a gain against photographs."""
    value = facts.get(column, {}).get(key.rstrip("/"))
    if key.endswith("/"):
        photos = facts.get("coco-mini", {}).get(key.rstrip("/"))
        return f"{value[0] / photos[0]:.1f}" if value and photos else NONE
    if isinstance(value, list):
        gain, low, high = (100 * v for v in value)
        return f"{gain:+.1f} ({low:+.1f} to {high:+.1f})"
    if isinstance(value, float):
        return f"{100 * value:.1f}"
    return NONE if value is None else str(value)


def tables(where=None):
    """{name of the marker: the table that belongs there}."""
    found = rows(where)
    made = {"ladder": ladder(found), "methods": methods(found), "calibration": calibration(where)}
    return made | {"chapters": drawing()}


def fill(text, made):
    """The text with every marked place filled; ValueError where a marker is missing."""
    for name, table in made.items():
        place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if len(place.findall(text)) != 1:
            raise ValueError(f"<!-- {name} --> ... <!-- /{name} --> must stand once in the text")
        text = place.sub(lambda match, table=table: f"{match[1]}{table}\n{match[2]}", text)
    return text


def main(argv=None):
    """Fill README.md; with --check only say whether it is up to date (exit status 1 if not)."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readme", description=main.__doc__)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args(argv)
    before = README.read_text(encoding="utf-8")
    after = fill(before, tables())
    if arguments.check:
        print("README.md is up to date" if after == before else "README.md differs from the store")
        return int(after != before)
    README.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
