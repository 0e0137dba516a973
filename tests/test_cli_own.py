"""The command line on one's own pictures: keep a segmenter, use it, fine-tune, turn a knob."""

import numpy as np
import pytest
from PIL import Image

from wsss_lite import cli
from wsss_lite.data.images import read_mask
from wsss_lite.data.predictions import COCO, read_coco_masks
from wsss_lite.segment import Segmenter


def refused(arguments, capsys):
    """The one sentence with which a command ends."""
    assert cli.main([str(a) for a in arguments]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("wsss-lite: ") and "\n" not in said
    return said


def test_a_segmenter_is_saved_without_any_mask_and_segments_other_pictures(
    maskless, quick, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    kept = tmp_path / "own.safetensors"
    assert cli.main(["run", "cam", "--world", str(maskless), "--save", str(kept)]) == 0
    pictures = sorted((maskless / "JPEGImages").glob("*.jpg"))[-3:]
    folder = tmp_path / "new"
    (folder / "deep").mkdir(parents=True)
    for k, path in enumerate(pictures):
        (folder / ("deep" if k else ".") / path.name).write_bytes(path.read_bytes())
    assert cli.main(["segment", str(kept), str(folder), "-o", "masks"]) == 0
    assert "3 masks of" in capsys.readouterr().out
    masks, classes = read_coco_masks(tmp_path / "masks" / COCO)
    segmenter = Segmenter.load(kept)
    assert classes == segmenter.classes and set(masks) == {
        pictures[0].stem, *(f"deep/{p.stem}" for p in pictures[1:])
    }  # fmt: skip
    wanted = segmenter(np.asarray(Image.open(pictures[1]).convert("RGB")))
    name = f"deep/{pictures[1].stem}"
    assert np.array_equal(masks[name], wanted)
    png = read_mask(tmp_path / "masks" / "SegmentationClass" / f"{name}.png")
    assert np.array_equal(png, wanted) and (tmp_path / "masks" / "contact_sheet.png").is_file()


def test_what_cannot_be_segmented_is_one_sentence(tmp_path, capsys):
    assert "cannot be read" in refused(["segment", tmp_path / "no.safetensors", "a.jpg"], capsys)
    (tmp_path / "none").mkdir()
    said = refused(["segment", tmp_path / "no.safetensors", tmp_path / "none"], capsys)
    assert "no pictures in" in said


def test_fine_tuning_warns_on_a_cpu_and_changes_the_maps(tiny, quick, capsys, monkeypatch):
    from wsss_lite.nets import finetune as module

    monkeypatch.setattr(module.finetune, "__defaults__", (None, 2, 1e-3, 5, 1e-2, None))
    arguments = ["run", "cam", "--world", str(tiny), "--until", "maps"]
    assert cli.main(arguments) == 0
    plain = capsys.readouterr()
    assert cli.main([*arguments, "--finetune", "last"]) == 0
    tuned = capsys.readouterr()
    assert "no GPU" in tuned.err and "no GPU" not in plain.err
    assert tuned.out.split(",")[0] != plain.out.split(",")[0]


def test_a_knob_reaches_the_method(tiny, quick, capsys):
    arguments = ["run", "cam", "--world", str(tiny), "--until", "maps"]
    assert cli.main(arguments) == cli.main([*arguments, "--knob", "flip=true"]) == 0
    plain, flipped = capsys.readouterr().out.splitlines()
    assert plain.split(",")[0] != flipped.split(",")[0]
    assert cli.knob("clip=ViT-B-16/openai") == ("clip", "ViT-B-16/openai")
    assert cli.knob("power=2") == ("power", 2)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["cam", "--knob", "turbo=1"], "no knob 'turbo'; its knobs are scales, flip"),
        (["cam", "--save", "x.pt"], "has to end in .safetensors"),
        (["cam", "full", "--save", "x.safetensors"], "one method"),
        (["cam", "--until", "maps", "--save", "x.safetensors"], "beyond its maps"),
        (["cam", "--record", "--finetune", "last"], "leave out --finetune"),
        (["cam", "--record", "--knob", "flip=true"], "leave out --finetune, --knob"),
        (["cam", "--record", "--trunk", "resnet50"], "and --trunk"),
        (["cam", "--all"], "not both"),
    ],
)
def test_what_does_not_go_together_is_refused_before_any_work(arguments, said, capsys):
    assert said in refused(["run", *arguments, "--world", "nowhere"], capsys)


def test_a_malformed_knob_is_explained(capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(["run", "cam", "--knob", "flip"])
    assert caught.value.code == 2 and "name=value" in capsys.readouterr().err
