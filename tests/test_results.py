"""The results store: a row comes back as it was written, and says when it no longer holds."""

import json
import math
import types

import numpy as np
import pytest

from wsss_lite import cli, lab, results
from wsss_lite.data.pocket import PocketVOC
from wsss_lite.registry import find, methods
from wsss_lite.score import bootstrap, paired_difference


class FakeLab:
    """What `record` reads of a lab."""

    def __init__(self, seed=0, matrices=None):
        self.world = types.SimpleNamespace(name="pocket", fingerprint=lambda: "w" * 64)
        self.trunk = types.SimpleNamespace(fingerprint=lambda: "t" * 16)
        self.seed = seed
        self.last = {} if matrices is None else {"matrices": matrices}


def row(method="cam", seed=0, **scores):
    blank = {"miou_maps": None, "miou_pseudo": None, "miou_test": None}
    return {"method": method, "seed": seed} | blank | scores


@pytest.fixture
def store(tmp_path):
    """A store with cam at two seeds and full at one."""
    for seed, score in ((0, 0.4), (1, 0.5)):
        matrices = np.full((3, 2, 2), 7 + seed)
        one = row(seed=seed, miou_maps=score, miou_test=score + 0.1)
        results.record(one, FakeLab(seed, matrices), find("cam"), tmp_path)
    results.record(row("full", miou_test=0.9), FakeLab(), find("full"), tmp_path)
    return tmp_path


def test_a_row_comes_back_as_it_was_written(store, recwarn):
    entries = {(e["row"]["method"], e["row"]["seed"]): e for e in results.read(where=store)}
    assert set(entries) == {("cam", 0), ("cam", 1), ("full", 0)}
    entry = entries["cam", 1]
    assert entry["row"] == row(seed=1, miou_maps=0.5, miou_test=0.6)
    assert np.array_equal(entry["matrices"], np.full((3, 2, 2), 8))
    assert entries["full", 0]["matrices"] is None
    assert entry["world"] == "w" * 16 and entry["trunk"] == "t" * 16
    assert set(results.PINNED) < set(entry["versions"]) and "--seed 1" in entry["command"]
    assert not any(e["stale"] for e in entries.values()) and not recwarn.list


def test_other_weights_of_the_assistants_are_other_code_of_assisted_methods_only(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(results, "data_dir", lambda: tmp_path)
    (tmp_path / "weights" / "clip").mkdir(parents=True)
    before = {name: results.code_hash(find(name)) for name in ("cam", "clip-es")}
    (tmp_path / "weights" / "clip" / "facts.json").write_text('{"sha256": "other"}')
    after = {name: results.code_hash(find(name)) for name in before}
    assert after["cam"] == before["cam"] and after["clip-es"] != before["clip-es"]


def test_a_changed_code_is_announced(store, monkeypatch):
    other = dict.fromkeys(methods(), "0" * 16) | {"full": results.code_hash(find("full"))}
    monkeypatch.setattr(results, "code_hash", lambda method: other[method.name])
    with pytest.warns(UserWarning, match=r"rows of cam are stale.*make results"):
        entries = results.read(where=store)
    assert [e["stale"] for e in entries] == [True, True, False]


def test_a_method_that_is_gone_is_stale(store):
    path = store / "pocket" / "cam-s0.json"
    path.write_text(path.read_text().replace('"method": "cam"', '"method": "gone"'))
    with pytest.warns(UserWarning, match="gone"):
        results.read(where=store)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the sources that decide about cam's numbers, to be changed."""
    root = tmp_path / "copy" / "wsss_lite"
    for path in results.PACKAGE.rglob("*.py"):
        copy = root / path.relative_to(results.PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(results, "PACKAGE", root)
    return root


def test_the_hash_follows_the_code(package):
    before = {name: results.code_hash(find(name)) for name in ("cam", "cam-imagenet")}

    def changed(path, code):
        file = package / path
        old = file.read_text()
        file.write_text(old + code)
        after = {name: results.code_hash(find(name)) != h for name, h in before.items()}
        file.write_text(old)
        return after

    everyone, nobody = ({name: v for name in before} for v in (True, False))
    assert changed("maps/cam.py", "\nEXTRA = 1\n") == everyone  # a block
    assert changed("lab.py", "\nEXTRA = 1\n") == everyone
    assert changed("score.py", "\nEXTRA = 1\n") == everyone  # a block of the lab
    assert changed("methods/cam/cam.py", "\nEXTRA = 1\n") == before | {
        "cam": True, "cam-imagenet": False,
    }  # fmt: skip
    assert changed("show/plots.py", "\nEXTRA = 1\n") == nobody  # how it looks changes no number
    assert changed("cli.py", "\nEXTRA = 1\n") == nobody
    assert changed("maps/cam.py", "\n# only a comment\n") == nobody


def test_prose_changes_no_hash(package):
    before = results.code_hash(find("cam"))
    file = package / "maps" / "cam.py"
    text = file.read_text()
    assert '"""Class activation maps' in text
    file.write_text(text.replace('"""Class activation maps', '"""In other words'))
    assert results.code_hash(find("cam")) == before


def test_table_has_mean_interval_and_count(store):
    table = results.table(["cam", "full", "grad-cam"], where=store)
    mean, half, count = table["cam"]["miou_maps"]
    assert (mean, count) == (pytest.approx(0.45), 2)
    assert half == pytest.approx(12.706 * 0.05, rel=1e-3)  # t with one degree of freedom
    assert table["full"]["miou_maps"] is None and table["grad-cam"]["miou_test"] is None
    mean, half, count = table["full"]["miou_test"]
    assert mean == 0.9 and math.isnan(half) and count == 1


def test_an_interrupted_write_leaves_the_old_row(store, monkeypatch):
    path = store / "pocket" / "cam-s0.json"
    before = path.read_bytes()

    def broken(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(results.json, "dumps", broken)
    with pytest.raises(KeyboardInterrupt):
        results.record(row(miou_maps=0.1), FakeLab(), find("cam"), store)
    assert path.read_bytes() == before
    assert not [p for p in path.parent.iterdir() if p.name.startswith(".")]


def test_run_records_what_it_printed(tiny, quick, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    line = ["run", "full-20", "--world", str(tiny), "--record", "--json", "--seed", "2"]
    assert cli.main(line) == 0
    (printed,) = json.loads(capsys.readouterr().out)
    (entry,) = results.read("tiny")
    assert entry["row"] == printed and printed["seed"] == 2 and not entry["stale"]
    total = lab.Scores(entry["matrices"].astype(np.int64).sum(0))
    assert round(total.miou, 4) == printed["miou_test"]


def test_methods_without_a_random_number_are_wanted_once(monkeypatch):
    monkeypatch.delenv("WSSS_LITE_COCO_MINI", raising=False)

    def wanted(method):
        return [job[:3] for job in results.wanted() if job[1] == method]

    assert wanted("cam-imagenet") == [("pocket", "cam-imagenet", 0)]
    assert wanted("cam") == [("pocket", "cam", seed) for seed in results.SEEDS]
    monkeypatch.setenv("WSSS_LITE_COCO_MINI", "somewhere")
    assert ("somewhere", "cam-imagenet", 0) in wanted("cam-imagenet")


def test_only_missing_and_stale_rows_are_computed(store, monkeypatch, capsys):
    monkeypatch.setattr(results, "folder", lambda: store)
    jobs = [job for job in results.wanted() if job[:2] == ("pocket", "cam")]
    monkeypatch.setattr(results, "wanted", lambda: jobs)
    monkeypatch.setattr(lab, "Lab", lambda world: FakeLab())
    missing = "  missing: it would be computed, and nothing overwritten\n"
    results.main(["--diff"])
    assert capsys.readouterr().out == f"pocket: cam, seed 2\n{missing}"
    monkeypatch.setattr(results, "take_sample", lambda world, name: {})
    path = store / "pocket" / "cam-s0.json"
    path.write_text(path.read_text().replace(results.code_hash(find("cam")), "0" * 16))
    before = path.read_bytes()
    drifted = row(seed=0, miou_test=0.5) | {"miou_maps": 0.1234, "new": 1}
    monkeypatch.setattr(FakeLab, "run", lambda self, name, until: drifted, raising=False)
    results.main(["--diff"])
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == "pocket: cam, seed 0" and "  new: None -> 1" in lines
    assert any(line.startswith("  miou_maps: ") and " -> 0.1234 (" in line for line in lines)
    assert lines[-2:] == ["pocket: cam, seed 2", missing.rstrip()] and path.read_bytes() == before
    results.main(["--diff", "full"])
    assert capsys.readouterr().out == ""


def test_a_row_of_a_world_that_has_changed_is_computed_again(store, monkeypatch):
    entry = json.loads((store / "pocket" / "cam-s0.json").read_text())
    other = FakeLab()
    assert results.fresh(entry, find("cam"), other)
    other.world.fingerprint = lambda: "x" * 64
    assert not results.fresh(entry, find("cam"), other)


def test_a_row_that_stopped_before_the_segmenter_goes_on_where_one_is_wanted(store):
    entry = json.loads((store / "pocket" / "cam-s0.json").read_text())
    entry["row"]["miou_test"] = None
    assert results.fresh(entry, find("cam"), FakeLab(), "pseudo")
    assert not results.fresh(entry, find("cam"), FakeLab())


def one_row(seed, code=None, sample=None):
    entry = {"row": row(seed=seed, miou_test=0.5), "code": code or results.code_hash(find("cam"))}
    return entry | {"world": "w" * 16} | ({"sample": sample} if sample else {})


def test_a_stale_row_stands_where_its_sample_comes_out_the_same(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(results, "folder", lambda: tmp_path)
    sample = {"maps": [[400, 100], [100, 400]], "test": [[900, 100], [0, 0]], "recipe": [12, 200]}
    near = sample | {"maps": [[401, 99], [100, 400]]}
    far = sample | {"maps": [[390, 110], [100, 400]]}
    longer = sample | {"recipe": [13, 200]}  # a sample trains for 20 steps whatever a row does
    monkeypatch.setattr(lab, "Lab", lambda world: FakeLab())
    jobs = [("pocket", "cam", seed, "segmenter") for seed in (0, 1, 2)]
    monkeypatch.setattr(results, "wanted", lambda: jobs)
    computed = []
    monkeypatch.setattr(FakeLab, "run", lambda self, name, until: computed.append(self.seed) or
                        row(seed=self.seed, miou_test=0.7), raising=False)  # fmt: skip
    for taken, expected in ((near, [2]), (longer, [0, 1, 2]), (far, [0, 1, 2])):
        for seed, code in ((0, "old"), (1, "old"), (2, "older")):
            kept = one_row(seed, code, sample if seed == 0 else None)
            results.write(tmp_path / "pocket" / f"cam-s{seed}.json", kept)
        monkeypatch.setattr(results, "take_sample", lambda world, name: taken)
        computed.clear()
        results.main([])
        assert computed == expected  # the row of an older code goes by no sample
    store = tmp_path / "pocket" / "cam-s0.json"
    assert json.loads(store.read_text())["sample"] == far


def test_a_sample_is_the_same_twice_and_not_of_another_method(quick, monkeypatch):
    monkeypatch.setattr(results, "SAMPLE", 6)
    world = PocketVOC(limit=6)
    one = results.take_sample(world, "cam")
    assert set(one) == {"maps", "pseudo", "test", "recipe"} and one["recipe"] == [12, 200]
    assert results.same_sample(one, results.take_sample(world, "cam"))
    assert not results.same_sample(one, results.take_sample(world, "layer-cam"))
    assert not results.same_sample(one, None)


def test_a_recorded_file_reads_as_written_with_rows_of_numbers_on_a_line():
    entry = {"a": [[1, 2], [3, 4]], "b": ["x"], "c": {"d": [0.5, -1e-5]}}
    text = results.text_of(entry)
    assert json.loads(text) == entry and "[ 1, 2 ]" in text


def test_what_tables_of_single_classes_need_is_recorded():
    last = {"confusion_maps": np.eye(2, dtype=int), "mass": {"heads": (0.4, 0.3)}, "maps": 1}
    assert results.detail(last) == {"confusion_maps": [[1, 0], [0, 1]], "mass": last["mass"]}


# --------------------------------------------------------------------------------------- bootstrap


def matrices(rng, right, pictures=60):
    """Confusion matrices of 3 classes where about `right` of the pixels are on the diagonal."""
    out = rng.poisson(100 * (1 - right) / 2, (pictures, 3, 3))
    out[:, range(3), range(3)] = rng.poisson(100 * right, (pictures, 3))
    return out


def test_the_paired_interval_is_narrower_than_the_two_apart():
    """Pictures that are hard for both methods cancel in the difference."""
    rng = np.random.default_rng(0)
    hard = rng.uniform(0.3, 0.95, 60)
    first = np.stack([matrices(rng, h, 1)[0] for h in hard])
    second = np.stack([matrices(rng, h - 0.05, 1)[0] for h in hard])
    low, high = paired_difference(first, second)
    apart = [b - a for a, b in (bootstrap(first), bootstrap(second))]
    assert 0 < low < high and high - low < min(apart)


def test_equal_methods_tie_and_order_turns_the_sign():
    rng = np.random.default_rng(1)
    first, second, better = (matrices(rng, r) for r in (0.6, 0.6, 0.8))
    low, high = paired_difference(first, second)
    assert low < 0 < high
    low, high = paired_difference(better, first)
    assert 0.1 < low < high
    assert paired_difference(first, better) == pytest.approx((-high, -low))
    assert paired_difference(first, first) == (0, 0)


@pytest.mark.parametrize("test, option", [(None, " --until pseudo"), (0.5, "")])
def test_the_recorded_command_names_the_last_stage(test, option):
    assert results.until({"miou_maps": 0.4, "miou_pseudo": 0.5, "miou_test": test}) == option


# ----------------------------------------------------------------------- what is derived from rows


def test_what_the_maps_were_like_is_read_off_the_matrix_and_the_shares():
    matrix = [[80, 10, 0], [5, 15, 0], [0, 0, 20]]  # rows true; boat then cat
    entry = {
        "row": {"per_class": {"boat": 0.5, "cat": 1.0}},
        "detail": {
            "confusion_maps": matrix,
            "mass": {"heads": [0.5, 0.25], "water": None, "rails": [0.1, 0.1]},
            "cpu_seconds": 3.0,
        },
    }
    found = results.derived(entry)
    assert found["precision_boat"] == 15 / 25 and found["recall_boat"] == 15 / 20
    assert found["precision_maps"] == (15 / 25 + 1) / 2 and found["recall_maps"] == (0.75 + 1) / 2
    assert found["heads"] == 2 and found["rails"] == 1 and "water" not in found
    assert found["cpu_seconds"] == 3 and results.derived({"row": {}}) == {"cpu_seconds": None}


def test_tables_take_derived_keys_and_leave_empty_what_is_not_there(store):
    (value,) = [results.table(["cam"], keys=("heads",), where=store)["cam"]["heads"]]
    assert value is None
