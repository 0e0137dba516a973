"""`wsss-lite run --all`: every row once, whatever interrupts it, and only what a world permits."""

import json

import numpy as np
import pytest

from wsss_lite import cli, lab, registry, results
from wsss_lite.errors import InputError
from wsss_lite.registry import find

FEW = ("full", "cam", "cam-imagenet", "grad-cam", "box-fill", "scribble-nearest")
SEEDS = (0, 1)


@pytest.fixture
def few(monkeypatch, tmp_path):
    """Some methods and two seeds; output goes to a folder of the test's own."""
    some = {name: find(name) for name in FEW}
    monkeypatch.setattr(registry, "methods", lambda: some)
    monkeypatch.setattr(results, "SEEDS", SEEDS)
    monkeypatch.chdir(tmp_path)
    return some


@pytest.fixture
def runs(monkeypatch):
    """Rows made at once, after the view was opened as for a real one; lists what was asked for."""
    asked = []

    def instant(self, name, until="segmenter"):
        method = find(name)
        self.view_of(method)
        asked.append((name, self.seed, until))
        labels = {i: np.zeros(self.world.image(i).shape[:2], np.uint8) for i in self.train}
        self.last = {"labels": labels}
        done = self.world.has_masks and until == "segmenter"
        score = 0.3 + 0.01 * FEW.index(name) + 0.001 * self.seed
        return self._blank_row(method) | {
            "seconds": 1.0, "peak_mb": 9, "miou_test": score if done else None,
            "miou_pseudo": score if self.world.has_masks else None,
        }  # fmt: skip

    monkeypatch.setattr(lab.Lab, "run", instant)
    return asked


def wanted(short=("grad-cam",)):
    """What a world with masks and a scored split asks for."""
    return [(n, s, "pseudo" if n in short else "segmenter") for s in SEEDS for n in FEW]


def test_every_row_is_computed_once_and_the_ladder_printed(tiny, quick, few, runs, capsys):
    line = ["run", "--all", "--world", str(tiny)]
    assert cli.main(line) == 0
    assert sorted(runs) == sorted(wanted())
    assert [r[:2] for r in runs[:2]] == [("full", 0), ("cam", 0)]  # bounds and CAM before others
    captured = capsys.readouterr()
    assert captured.out.count("| cam |") == 1 and "| full (bound) |" in captured.out
    assert "12 rows, 0 of them recorded before" in captured.err
    asked = list(runs)
    assert cli.main(line) == 0 and runs == asked  # nothing again
    captured = capsys.readouterr()
    assert "12 rows, 12 of them recorded before" in captured.err and "| box-fill |" in captured.out


@pytest.mark.parametrize("after", [0, 1, 5, 11])
def test_an_interrupted_run_goes_on_where_it_stopped(
    tiny, quick, few, runs, capsys, monkeypatch, tmp_path, after
):
    whole = lab.Lab.run

    def stopped(self, name, until):
        if len(runs) == after:
            raise KeyboardInterrupt
        return whole(self, name, until)

    monkeypatch.setattr(lab.Lab, "run", stopped)
    line = ["run", "--all", "--world", str(tiny), "--json"]
    assert cli.main(line) == 130
    captured = capsys.readouterr()
    assert not captured.out and "what was finished is kept" in captured.err
    store = tmp_path / "wsss-lite-out" / "results" / "tiny"
    kept = {p: p.read_bytes() for p in store.glob("*")} if after else {}
    assert len(kept) == after and not [p for p in kept if p.name.startswith(".")]
    monkeypatch.setattr(lab.Lab, "run", whole)
    assert cli.main(line) == 0
    assert sorted(runs) == sorted(wanted())  # each once, over both calls
    assert all(p.read_bytes() == data for p, data in kept.items())
    rows = json.loads(capsys.readouterr().out)
    assert {(r["method"], r["seed"]) for r in rows} == {(n, s) for n in FEW for s in SEEDS}


def test_a_write_that_is_interrupted_leaves_no_row_and_is_done_again(
    tiny, quick, few, runs, monkeypatch, tmp_path
):
    def broken(path, entry):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(results, "write", broken)
        assert cli.main(["run", "--all", "--world", str(tiny)]) == 130
    store = tmp_path / "wsss-lite-out" / "results"
    assert not list(store.rglob("*.json"))
    assert cli.main(["run", "--all", "--world", str(tiny), "--seed", "0"]) == 0
    assert runs.count(("full", 0, "segmenter")) == 2
    assert len(list(store.rglob("*.json"))) == len(FEW)


def test_only_stale_rows_are_computed_again(tiny, quick, few, runs, monkeypatch, capsys):
    line = ["run", "--all", "--world", str(tiny), "--seed", "1"]
    assert cli.main(line) == 0
    runs.clear()
    true = results.code_hash
    monkeypatch.setattr(
        results, "code_hash", lambda m: "changed" if m.name == "box-fill" else true(m)
    )
    assert cli.main(line) == 0
    assert runs == [("box-fill", 1, "segmenter")]


def test_a_changed_folder_is_another_world(tiny, quick, few, runs, monkeypatch):
    line = ["run", "--all", "--world", str(tiny), "--seed", "0"]
    assert cli.main(line) == 0
    count = len(runs)
    world = type(lab.Lab(str(tiny)).world)
    monkeypatch.setattr(world, "fingerprint", lambda self: "f" * 64)
    assert cli.main(line) == 0 and len(runs) == 2 * count


def test_without_masks_the_permitted_masks_are_written(
    maskless, quick, few, runs, capsys, tmp_path
):
    """Boxes lie in the annotations; strokes are simulated from masks, and full needs them."""
    line = ["run", "--all", "--world", str(maskless)]
    assert cli.main(line) == 0
    assert {r[0] for r in runs} == {"cam", "cam-imagenet", "grad-cam", "box-fill"}
    assert {r[2] for r in runs} == {"pseudo"}
    captured = capsys.readouterr()
    assert "left out full:" in captured.err and "left out scribble-nearest:" in captured.err
    assert not captured.out.count("|")  # nothing to score, no ladder
    out = tmp_path / "wsss-lite-out" / "tiny"
    assert (out / "box-fill" / "contact_sheet.png").is_file()
    count = len(runs)
    assert cli.main(line) == 0 and len(runs) == count
    for path in sorted((out / "cam").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    (out / "cam").rmdir()
    assert cli.main(line) == 0 and runs[count:] == [("cam", 0, "pseudo")]
    assert (out / "cam" / "contact_sheet.png").is_file()


def test_an_assistant_without_weights_is_left_out_and_the_others_run(
    tiny, quick, few, runs, monkeypatch, capsys
):
    whole = lab.Lab.run

    def lacking(self, name, until):
        if name == "box-fill":
            raise InputError("There are no weights; the command makes them.")
        return whole(self, name, until)

    monkeypatch.setattr(lab.Lab, "run", lacking)
    assert cli.main(["run", "--all", "--world", str(tiny), "--json"]) == 0
    captured = capsys.readouterr()
    assert "left out box-fill: There are no weights" in captured.err
    assert {r["method"] for r in json.loads(captured.out)} == set(FEW) - {"box-fill"}


def test_where_nothing_is_permitted_it_is_one_sentence(tiny, quick, few, monkeypatch, capsys):
    def refused(self, name, until):
        raise InputError("The picture x.jpg is broken; replace it.")

    monkeypatch.setattr(lab.Lab, "run", refused)
    assert cli.main(["run", "--all", "--world", str(tiny)]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "wsss-lite: The picture x.jpg is broken; replace it."
    )


def test_a_short_run_of_all_is_not_stored(tiny, quick, few, runs, tmp_path, capsys, monkeypatch):
    whole = lab.Lab.run
    monkeypatch.setattr(lab.Lab, "run", lambda self, name, until: whole(self, name, until))
    line = ["run", "--all", "--world", str(tiny), "--limit", "3", "--json"]
    assert cli.main(line) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(FEW)
    assert not (tmp_path / "wsss-lite-out").exists()


def test_any_seed_can_be_asked_for(tiny, quick, few, runs):
    assert cli.main(["run", "--all", "--world", str(tiny), "--seed", "7"]) == 0
    assert {r[1] for r in runs} == {7} and {r[0] for r in runs} == set(FEW)


def test_all_and_names_together_are_a_slip(few, capsys):
    assert cli.main(["run", "cam", "--all"]) == 2
    assert "not both" in capsys.readouterr().err


def test_the_course_s_store_is_for_its_own_worlds(tiny, quick, monkeypatch, tmp_path):
    monkeypatch.setattr(results, "folder", lambda: tmp_path / "data")
    bench = lab.Lab(str(tiny))
    assert results.store_for(bench) == results.Path("wsss-lite-out/results")
    entry = {"row": {}, "code": "x", "world": bench.world.fingerprint()[:16]}
    results.write(tmp_path / "data" / "tiny" / "cam-s0.json", entry)
    assert results.store_for(bench) == tmp_path / "data"
    results.write(tmp_path / "data" / "tiny" / "cam-s0.json", entry | {"world": "another"})
    assert results.store_for(bench, "mine") == results.Path("mine/results")


def test_jobs_of_a_world(few):
    assert ("cam", 1, "segmenter") in results.jobs_of("tiny")
    assert results.jobs_of("tiny", "pseudo").count(("cam-imagenet", 0, "pseudo")) == 1
    assert not [j for j in results.jobs_of("tiny", "pseudo") if j[:2] == ("box-fill", 1)]
    assert {j[2] for j in results.jobs_of("coco-mini")} == {"pseudo"}
    assert "full" not in {j[0] for j in results.jobs_of("coco-mini")}
    assert ("cam-imagenet", 0, "pseudo") in results.jobs_of("pocket")
    assert {j[1] for j in results.jobs_of("pocket", seed=1)} == {1}
    assert "cam-imagenet" not in {j[0] for j in results.jobs_of("pocket", seed=1)}
