"""The tables of README.md say what the results store says."""

import ast
import importlib.util
import json
import re

import numpy as np
import pytest

from wsss_lite import registry
from wsss_lite.methods.cam.cam import cam


@pytest.fixture(scope="module")
def readme(repo):
    """The script benchmarks/readme.py as a module."""
    spec = importlib.util.spec_from_file_location("readme", repo / "benchmarks" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entry(method, seed, **scores):
    """What the store keeps of one run, as far as the tables read it."""
    row = dict.fromkeys(("miou_maps", "miou_pseudo", "miou_test")) | scores
    row |= {"method": method, "category": "CAM", "supervision": "tags", "needs": []}
    return {"row": row | {"seed": seed, "annotation_seconds": 7200}, "code": "old"}


@pytest.fixture
def store(tmp_path):
    """A store with two seeds of `cam` in the drawn world and one on photographs."""
    for world, seed, value in (("pocket", 0, 0.4), ("pocket", 1, 0.5), ("coco-mini", 0, 0.3)):
        folder = tmp_path / world
        folder.mkdir(exist_ok=True)
        text = json.dumps(entry("cam", seed, miou_maps=value))
        (folder / f"cam-s{seed}.json").write_text(text)
    return tmp_path


@pytest.mark.filterwarnings("ignore:recorded rows")
def test_readme_equals_the_store(readme):
    text = readme.README.read_text(encoding="utf-8")
    same = readme.fill(text, readme.tables()) == text
    assert same, "README.md differs from data/results; `python -m benchmarks.readme` mends it"


@pytest.mark.filterwarnings("ignore:recorded rows")
def test_a_changed_row_changes_the_tables(readme, store):
    before = readme.tables(store)
    both = f"45.0 ± {100 * readme.results.interval([0.4, 0.5])[1]:.1f}"
    assert f"| {both} | 30.0 |" in before["ladder"]  # mean of the seeds, then the one photo row
    assert f"| `cam` | tags | 2.0 h | {both} |" in before["methods"]
    assert "| CAM | – | – | – |" in before["calibration"]  # not measured in this store
    assert "*" not in before["methods"]
    facts = {"pocket": {"cam": 0.4, "crf_gain": [0.05, -0.01, 0.11], "pictures": 300}}
    facts["coco-mini"] = {"crf_gain": [0.04, 0.01, 0.07]}
    (store / "calibration.json").write_text(json.dumps(facts))
    path = store / "coco-mini" / "cam-s0.json"
    path.write_text(path.read_text().replace("0.3", "0.31"))
    after = readme.tables(store)
    assert f"| {both} | 31.0 |" in after["ladder"]
    assert "| CAM | – | 40.0 | – |" in after["calibration"]
    assert "| – | +5.0 (-1.0 to +11.0) | +4.0 (+1.0 to +7.0) |" in after["calibration"]
    assert "| – | 1.2 | 1.0 |" in after["calibration"]
    assert "| pictures | – | 300 | – |" in after["calibration"]


@pytest.mark.filterwarnings("ignore:recorded rows")
def test_a_method_that_the_corpus_has_helped_is_starred(readme, store):
    path = store / "pocket" / "dextr-s0.json"
    one = entry("dextr", 0, miou_test=0.4)
    one["row"]["needs"] = ["extreme", "corpus"]
    path.write_text(json.dumps(one))
    made = readme.tables(store)["methods"]
    assert "| `dextr`* | tags, extreme, corpus |" in made and "| `cam` |" in made
    assert made.endswith(f"\n\n\\* {readme.STAR}.")


@pytest.mark.filterwarnings("ignore:recorded rows")
def test_only_the_marked_places_change(readme, store):
    names = list(readme.tables(store))
    text = "head\n" + "".join(f"<!-- {n} -->\nold\n<!-- /{n} -->\nkept {n}\n" for n in names)
    filled = readme.fill(text, readme.tables(store))
    assert "old" not in filled and filled.startswith("head\n")
    assert all(f"<!-- /{n} -->\nkept {n}\n" in filled for n in names)
    assert readme.fill(filled, readme.tables(store)) == filled
    with pytest.raises(ValueError, match="must stand once"):
        readme.fill("no markers", readme.tables(store))


def test_links_of_the_documents_lead_somewhere(repo):
    for path in repo.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
            assert (repo / target).exists(), f"{path.name} links to {target}"


def literals(package):
    """All strings of the package's code, "…" where an f-string inserts something."""
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(p.value if isinstance(p, ast.Constant) else "…" for p in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value.replace("\n", " ").replace("{}", "…")


def test_troubleshooting_quotes_messages_that_exist(repo):
    text = (repo / "TROUBLESHOOTING.md").read_text(encoding="utf-8")
    ours = text.split("\n## Messages of wsss-lite\n")[1]
    quoted = re.findall(r"^### `(.*)`$", ours, re.MULTILINE)
    known = "\n".join(literals(repo / "wsss_lite"))
    assert len(quoted) > 20
    for message in quoted:
        for piece in filter(None, (p.strip(" ;") for p in message.split("…"))):
            assert piece in known, f"no message of the package says {piece!r}"


class Final(np.ndarray):
    """Features as the bank hands them out: an array that can be walked through."""

    def chunks(self):
        yield slice(None), np.asarray(self)


class View:
    """Six pictures with random features; the first two have two tags, the others one."""

    def __init__(self):
        self.final = np.random.default_rng(0).random((6, 8, 4, 4), np.float32)
        self.tags = np.eye(3, dtype=bool)[[0, 1, 2, 0, 1, 2]]
        self.tags[:2, 2] = True

    def features(self, stage, **options):
        return self.final.mean((2, 3)) if stage == "pooled" else self.final.view(Final)


def test_the_example_method_of_contributing_works(repo):
    text = (repo / "CONTRIBUTING.md").read_text(encoding="utf-8")
    method, test = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    compile(test, "test_cam_rival.py", "exec")
    space = {"__name__": "wsss_lite.methods.cam.cam_rival"}
    try:
        exec(method, space)
        assert registry._methods["cam-rival"].supervision == "tags"
    finally:
        registry._methods.pop("cam-rival", None)
    view = View()
    off, on = (space["cam_rival"](view, strength=s) for s in (0, 0.5))
    assert np.array_equal(off, cam(view))
    changed = (on != off).any((1, 2, 3))
    assert changed[:2].any() and not changed[2:].any()
