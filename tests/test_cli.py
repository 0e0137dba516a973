"""The command line as a reader and a script use it: what it prints, writes and returns."""

import json
import math
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tiny_world import METHODS, TRAIN

from wsss_lite import cli
from wsss_lite.data.photos import PhotoWorld
from wsss_lite.errors import InputError

KEYS = (
    "schema method category supervision needs world split images seed threshold refine miou_maps "
    "miou_pseudo miou_test precision recall per_class seconds features_seconds peak_mb "
    "annotation_seconds"
).split()
SCORES = ("miou_maps", "miou_pseudo", "miou_test", "precision", "recall")


def fresh_process(*arguments, **options):
    """`wsss-lite` in a process of its own, as a shell starts it."""
    command = [sys.executable, "-m", "wsss_lite.cli", *map(str, arguments)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    return subprocess.run(command, timeout=120, **options)


# ------------------------------------------------------------------------------------------- run


def test_a_row_has_exactly_these_keys_in_this_order(rows):
    assert [r["method"] for r in rows] == list(METHODS)
    for row in rows:
        assert list(row) == KEYS
        assert row["schema"] == 1 and row["world"] == "tiny" and row["split"] == "val"
        assert row["images"] == TRAIN // 2  # the other half is tune
        assert row["needs"] == [] and row["seed"] == 0


def test_scores_are_fractions_and_null_only_where_a_stage_is_skipped(rows):
    for row in rows:
        skipped = {"full": set(SCORES) - {"miou_test"}}.get(row["method"], set())
        for key in SCORES:
            if key in skipped:
                assert row[key] is None
            else:
                assert math.isfinite(row[key]) and 0 < row[key] < 1, (row["method"], key)
    weak = rows[0]
    assert 0 < weak["threshold"] < 1 and weak["refine"].startswith("crf")
    assert set(weak["per_class"]) >= {"boat", "cat", "train"}
    full = rows[-1]
    assert full["threshold"] is None and full["refine"] is None and full["per_class"] is None


def test_times_memory_and_cost_are_counted(rows):
    for row in rows:
        assert row["seconds"] >= 0 and row["features_seconds"] >= 0 and 50 < row["peak_mb"] < 4000
    half = TRAIN // 2
    assert rows[0]["annotation_seconds"] == 20 * 2 * half + 240 * half
    assert rows[-1]["annotation_seconds"] == 240 * half
    assert rows[0]["features_seconds"] > 0  # computed by the first, found by the others
    assert rows[2]["features_seconds"] == 0


def test_until_maps_stops_before_the_crf(tiny, quick, capsys):
    line = ["run", "cam", "--world", str(tiny), "--until", "maps", "--limit", "3", "--json"]
    assert cli.main(line) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["miou_maps"] > 0 and row["precision"] > 0 and row["images"] == 3
    assert row["miou_pseudo"] is row["miou_test"] is row["refine"] is None


def test_without_json_a_person_reads_one_line(tiny, quick, capsys, tmp_path):
    line = ["run", "cam", "--world", str(tiny), "--until", "maps", "--out", str(tmp_path)]
    assert cli.main(line) == 0
    captured = capsys.readouterr()
    line = r"cam +maps \d+\.\d, precision \d+\.\d, recall \d+\.\d, \d+ s\n"
    assert re.fullmatch(line, captured.out)
    assert "contact_sheet.png" in captured.err
    assert len(list((tmp_path / "tiny/cam/masks").glob("*.png"))) == TRAIN // 2


def test_only_whole_runs_are_recorded(tiny, capsys):
    line = ["run", "cam", "--world", str(tiny), "--record"]
    assert cli.main([*line, "--limit", "3"]) == 2
    assert cli.main([*line, "--until", "maps"]) == 2
    assert capsys.readouterr().err.count("Only whole runs are recorded") == 2


def test_run_needs_a_method(capsys):
    assert cli.main(["run"]) == 2
    assert "wsss-lite methods" in capsys.readouterr().err


def test_an_unknown_method_names_the_nearest(capsys):
    assert cli.main(["run", "gradcam"]) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and "grad-cam" in captured.err and not captured.out


@pytest.mark.parametrize("limit", ["0", "-3", "many"])
def test_a_limit_is_a_positive_number(limit, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "cam", "--limit", limit])
    assert stop.value.code == 2 and "--limit" in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["-1", str(2**40), "x"])
def test_a_seed_is_one_that_every_library_takes(seed, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["run", "cam", "--seed", seed])
    assert stop.value.code == 2 and "--seed" in capsys.readouterr().err


# --------------------------------------------------------------------------------- methods, cite


def test_methods_as_json(capsys):
    assert cli.main(["methods", "--json"]) == 0
    facts = {m["name"]: m for m in json.loads(capsys.readouterr().out)}
    assert set(facts) >= {*METHODS, "full-20"}
    for name, m in facts.items():
        assert {"category", "supervision", "needs", "paper", "venue", "year", "quoted"} <= set(m)
        assert m["summary"] and m["paper"] and 2000 < m["year"] < 2100, name


def test_methods_for_people(capsys):
    assert cli.main(["methods"]) == 0
    assert re.search(r"^layer-cam +CAM +tags +TIP 2021$", capsys.readouterr().out, re.M)


def test_every_method_with_a_paper_has_its_entry(capsys):
    from wsss_lite.registry import methods

    for name, method in methods().items():
        code = cli.main(["cite", name])
        captured = capsys.readouterr()
        if method.cite:
            assert code == 0 and captured.out.startswith("@")
            assert f"{{{method.cite}," in captured.out
            assert str(method.year) in captured.out
        else:
            assert code == 2 and "baseline" in captured.err


# ------------------------------------------------------------------------------------------- cam


def test_cam_names_a_photograph_and_shows_where(tmp_path):
    """In a process of its own: nothing else has imported torch or mended torchvision."""
    world = PhotoWorld()
    pictures = [world.image_path("chelsea"), world.image_path("coffee")]
    done = fresh_process("cam", *pictures, "-o", tmp_path)
    assert done.returncode == 0 and not done.stderr, done.stderr
    cat, coffee = done.stdout.splitlines()
    assert re.match(r"chelsea\.png: .*\bcat \d+%, ", cat) and "espresso" in coffee
    (heat,) = tmp_path.glob("chelsea-*-heat.png")
    (overlay,) = tmp_path.glob("chelsea-*-overlay.png")
    mask = world.mask("chelsea")
    heat = np.asarray(Image.open(heat)).astype(float).sum(2)
    assert heat.shape == mask.shape == np.asarray(Image.open(overlay)).shape[:2]
    assert heat[mask > 0].mean() > 1.5 * heat[mask == 0].mean()  # hot on the cat


def test_cam_of_a_named_class_and_two_pictures_of_one_name(tmp_path, capsys):
    for folder, colour in (("a", 90), ("b", 200)):
        (tmp_path / folder).mkdir()
        Image.new("RGB", (40, 30), (colour, 20, 60)).save(tmp_path / folder / "x.png")
    line = ["cam", str(tmp_path / "a/x.png"), str(tmp_path / "b/x.png"), "--class", "Tabby"]
    assert cli.main([*line, "-o", str(tmp_path)]) == 0
    names = {p.name for p in tmp_path.glob("x-*.png")}
    assert names == {f"x-tabby{n}-{kind}.png" for n in ("", "-2") for kind in ("heat", "overlay")}


def test_cam_of_an_unknown_class(tmp_path, capsys):
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    assert cli.main(["cam", str(tmp_path / "x.png"), "--class", "giraff", "-o", str(tmp_path)]) == 2
    assert "no class called 'giraff'" in capsys.readouterr().err
    assert cli.main(["cam", str(tmp_path / "x.png"), "--class", " ", "-o", str(tmp_path)]) == 2
    assert "empty name" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]


# ----------------------------------------------------------------------------------- other words


def test_check_says_what_is_wrong(tiny, tmp_path, capsys):
    assert cli.main(["check", str(tiny)]) == 0
    assert "nothing is missing" in capsys.readouterr().out
    assert cli.main(["check", str(tmp_path)]) == 1


def test_cache_says_where_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("WSSS_LITE_CACHE", str(tmp_path / "none"))
    assert cli.main(["cache"]) == 0
    assert f"{tmp_path / 'none'}: 0 MB" in capsys.readouterr().out


def test_ctrl_c_is_answered_on_standard_error(monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "cache", interrupted)
    assert cli.main(["cache"]) == 130
    captured = capsys.readouterr()
    assert not captured.out and captured.err.startswith("wsss-lite: stopped")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_a_full_disk_behind_the_output_is_one_sentence():
    with open("/dev/full", "w") as full:
        done = fresh_process("cache", stdout=full)
    assert done.returncode == 2
    assert done.stderr == (
        "wsss-lite: Cannot write the output: the disk is full; free some space or set "
        "WSSS_LITE_CACHE elsewhere.\n"
    )


@pytest.mark.skipif(os.name == "nt", reason="pipes break differently there")
def test_a_reader_that_leaves_early_is_no_error():
    reading, writing = os.pipe()
    os.close(reading)
    done = fresh_process("cache", stdout=writing)
    os.close(writing)
    assert done.returncode == 0 and not done.stderr


# ----------------------------------------------------------------------------------------- bench


@pytest.fixture
def small_bench(monkeypatch, repo):
    monkeypatch.syspath_prepend(repo)
    from benchmarks import bench

    monkeypatch.setattr(bench, "VOC_SIZE", (45, 60))
    return bench


def test_bench_rows(small_bench):
    for package in ("torchcam", "pytorch_grad_cam", "torchmetrics"):
        pytest.importorskip(package)
    rows = small_bench.measure(repeats=1)  # which also asserts that mIoU is torchmetrics'
    peers = [(r["what"], r["peer"]) for r in rows]
    assert peers[:4] == [
        ("cam", "forward"), ("cam", "torchcam"), ("cam", "grad-cam"), ("miou", "torchmetrics"),
    ]  # fmt: skip
    for row in rows:
        assert list(row) == ["what", "ours_ms", "peer", "peer_ms", "ratio"]
        assert row["ours_ms"] > 0 and row["ratio"] == pytest.approx(
            row["peer_ms"] / row["ours_ms"], rel=0.05
        )


def test_bench_compares_equal_maps(small_bench):
    pytest.importorskip("pytorch_grad_cam")
    ours, theirs = small_bench.cam_against_grad_cam()
    first, peer = ours()[0], theirs()[0]
    assert first.shape == peer.shape
    assert np.corrcoef(first.ravel(), peer.ravel())[0, 1] > 0.98


def test_bench_compares_equal_crfs(small_bench):
    if not small_bench.crf.HAVE_CRF:
        pytest.skip("pydensecrf2 is not installed")
    few, all_labels = (run() for run in small_bench.crf_against_all_labels())
    assert (few.argmax(0) == all_labels.argmax(0)).mean() > 0.99


def test_bench_maps_texts_from_one_forward_pass(small_bench):
    pytest.importorskip("open_clip")
    maps, forward = small_bench.text_map.against_forward()
    found = maps()
    assert found.shape[:2] == (1, len(small_bench.text_map.NAMES)) and found.max() == 1
    assert forward().shape == (1, 1000)


def test_bench_leaves_out_a_missing_peer(small_bench, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torchcam", None)
    monkeypatch.setitem(sys.modules, "torchcam.methods", None)
    cases = [c for c in small_bench.CASES if c[1] == "torchcam"]
    monkeypatch.setattr(small_bench, "CASES", cases)
    assert small_bench.measure(repeats=1) == []
    assert capsys.readouterr().err.startswith("bench: torchcam is left out (")


def test_bench_compares_equal_masks_of_sam(small_bench):
    pytest.importorskip("transformers")
    for case in (small_bench.sam_against_processor, small_bench.sam_against_kept):
        ours, theirs = (run() for run in case())
        assert ours.shape == (small_bench.assisted.BOXES, 3, *small_bench.VOC_SIZE)
        assert ours.any() and not ours.all() and (ours != theirs).mean() < 1e-4

    def other(sam, image, boxes):
        return ~small_bench.assisted.ours_once(sam, image, boxes)

    with pytest.raises(AssertionError, match="100.00% of the pixels"):
        small_bench.assisted.sam_against(other, small_bench.voc_picture())


def test_bench_leaves_out_a_model_without_weights(small_bench, monkeypatch, capsys):
    def missing(*_):
        raise InputError("net.safetensors is missing.")

    monkeypatch.setattr(small_bench.assisted, "load_tagger", missing)
    cases = [c for c in small_bench.CASES if c[0] == "pipeline"]
    monkeypatch.setattr(small_bench, "CASES", cases)
    assert small_bench.measure(repeats=1) == []
    said = capsys.readouterr().err
    assert said == "bench: pipeline beside forward is left out: net.safetensors is missing.\n"


def test_bench_restores_the_threads(small_bench):
    import torch

    before = torch.get_num_threads()
    with small_bench.one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_bench_outside_a_checkout(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "lib" / "wsss_lite" / "cli.py"))
    assert cli.main(["bench"]) == 2
    assert "from a checkout" in capsys.readouterr().err
