"""Folders of tags: every layout, every split, every malformed line by its number."""

import os
import shutil
import sys
import types

import numpy as np
import pytest
from PIL import Image

from wsss_lite.data import folder
from wsss_lite.data.folder import TagsFolder, check, open_world
from wsss_lite.data.voc import Sample, VOCFolder, write_voc
from wsss_lite.errors import InputError


def picture(path, seed=0, deep=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 65536, (6, 8), np.uint16) if deep else rng.integers(
        0, 256, (6, 8, 3), np.uint8)  # fmt: skip
    Image.fromarray(values).save(path)
    return path


def tagged(world, id):
    return [name for name, there in zip(world.classes, world.tags(id)) if there]


@pytest.fixture
def root(tmp_path):
    """20 cats, 10 dogs, 4 pictures of neither."""
    for n in range(34):
        place = "cat" if n < 20 else "dog" if n < 30 else "_none" if n < 32 else "."
        picture(tmp_path / "pets" / place / f"{n}.png", n)
    return tmp_path / "pets"


@pytest.fixture
def table(tmp_path):
    """Function that writes tags.csv beside the pictures 0.png ... 9.png."""
    for n in range(10):
        picture(tmp_path / "set" / "p" / f"{n}.png", n)

    def write(text):
        (tmp_path / "set" / "tags.csv").write_text(text)
        return tmp_path / "set"

    return write


def test_folders_are_classes_and_the_rest_has_none(root):
    world = open_world(root)
    assert isinstance(world, TagsFolder) and not world.has_masks
    assert world.classes == ("cat", "dog") and world.splits == ("train", "val")
    assert len(world.all_ids()) == 34 and world.name == "pets"
    assert tagged(world, "cat/3") == ["cat"] and tagged(world, "dog/25") == ["dog"]
    assert tagged(world, "_none/30") == [] and tagged(world, "32") == []
    assert world.image("cat/3").shape == (6, 8, 3)
    assert check(root) == []


def test_split_is_a_fixed_fifth_that_does_not_depend_on_the_rest(root):
    world = TagsFolder(root)
    train, val = world.ids("train"), world.ids("val")
    assert len(val) == 7 and len(train) == 27 and not set(train) & set(val)
    assert val == TagsFolder(root).ids("val")
    assert {name.split("/")[0] for name in val} != {"_none"}


def test_a_group_never_straddles(tmp_path):
    for patient in range(12):
        for n in range(3):
            picture(tmp_path / "ill" / f"p{patient}" / f"{n}.png", 3 * patient + n)
    world = TagsFolder(tmp_path)
    sides = [{world.group(id) for id in world.ids(split)} for split in ("train", "val")]
    assert not sides[0] & sides[1] and len(sides[0] | sides[1]) == 12
    assert len(world.ids("val")) == 6  # two patients: the largest whole number within a fifth
    assert world.classes == ("ill",)  # one class is enough


def test_train_keeps_every_class(tmp_path):
    for n in range(40):
        picture(tmp_path / f"kind{n // 2}" / f"{n}.png", n)
    world = TagsFolder(tmp_path)
    train = np.array([world.tags(id) for id in world.ids("train")])
    assert train.any(0).all() and len(world.ids("val")) == 8


def test_splits_given_by_folders(tmp_path):
    for split in ("train", "test"):
        picture(tmp_path / split / "cat" / "1.png")
        picture(tmp_path / split / "2.png")
    world = TagsFolder(tmp_path)
    assert world.classes == ("cat",) and world.splits == ("train", "test")
    assert world.ids("test") == ["test/2", "test/cat/1"]
    with pytest.raises(InputError, match="no split 'val' but train, test"):
        world.ids("val")


def test_single_picture_grey_16_bit(tmp_path):
    picture(tmp_path / "cell" / "a.png", deep=True)
    world = TagsFolder(tmp_path)
    assert world.ids("train") == ["cell/a"] and world.ids("val") == []
    image = world.image("cell/a")
    assert image.dtype == np.uint8 and (image.min(), image.max()) == (0, 255)


def test_names_that_differ_by_the_ending_only(tmp_path):
    picture(tmp_path / "cat" / "1.png")
    picture(tmp_path / "cat" / "1.jpg")
    picture(tmp_path / "dog" / "1.png")
    assert TagsFolder(tmp_path).all_ids() == ["cat/1.jpg", "cat/1.png", "dog/1"]


def test_own_output_and_hidden_files_are_no_class(root):
    picture(root / folder.OWN_OUTPUT / "cam" / "1.png")
    picture(root / ".cache" / "1.png")
    picture(root / "cat" / "._1.png")
    world = TagsFolder(root)
    assert world.classes == ("cat", "dog") and len(world.all_ids()) == 34


def test_there_are_no_masks(root):
    world = TagsFolder(root)
    for look in (world.mask, world.instances, world.boxes):
        with pytest.raises(InputError, match="pets has tags only, no masks.*; use"):
            look("cat/3")
    with pytest.raises(InputError, match="holds no picture 'cat/99'"):
        world.tags("cat/99")


def test_fingerprint_follows_pictures_and_tags(root):
    seen = [TagsFolder(root).fingerprint()]
    assert TagsFolder(root).fingerprint() == seen[0]
    picture(root / "cat" / "3.png", 99)
    seen.append(TagsFolder(root).fingerprint())
    (root / "cat" / "4.png").rename(root / "dog" / "4.png")
    seen.append(TagsFolder(root).fingerprint())
    assert len(set(seen)) == 3
    world = TagsFolder(root)
    (root / "cat" / "3.png").unlink()
    with pytest.raises(InputError, match="3.png .*was it moved"):
        world.fingerprint()


def test_table_with_all_columns(table):
    world = open_world(table(
        "path,tags,group,split\n"
        "p/0.png,cat;dog,rex,train\np/1.png,cat | bird ,rex,train\np/2.png,,luna,val\n"
    ))  # fmt: skip
    assert world.classes == ("bird", "cat", "dog")
    assert tagged(world, "p/0") == ["cat", "dog"] and tagged(world, "p/1") == ["bird", "cat"]
    assert tagged(world, "p/2") == [] and world.group("p/1") == "rex"
    assert world.ids("train") == ["p/0", "p/1"] and world.ids("val") == ["p/2"]
    assert open_world(world.root / "tags.csv").classes == world.classes


def test_table_as_spreadsheets_write_it(table):
    root = table("")
    (root / "tags.csv").write_bytes(
        b'\xef\xbb\xbfPath;Tags\r\np\\0.png;"cat;dog"\r\n\r\np/1.png;cat|dog\r\n'
    )
    world = TagsFolder(root)
    assert tagged(world, "p/0") == tagged(world, "p/1") == ["cat", "dog"]


def test_grouped_table_is_split_by_group(table):
    rows = "".join(f"p/{n}.png,{'cat' if n % 2 else ''},g{n // 2}\n" for n in range(10))
    world = TagsFolder(table("path,tags,group\n" + rows))
    assert len(world.ids("val")) == 2
    assert len({world.group(id) for id in world.ids("val")}) == 1


HEAD = "path,tags,group,split\n"
MALFORMED = {
    "empty": ("\n\n", "tags.csv is empty; its first line is the header"),
    "no pictures": (HEAD, "has a header but no pictures"),
    "no header": ("p/0.png,cat\n", "Line 1 of .* has no column 'path'"),
    "no tags column": ("path,label\n", "Line 1 of .* has no column 'tags'"),
    "unknown column": ("path,tags,age\n", "Line 1 .* column 'age' that is unknown"),
    "column twice": ("path,tags,tags\n", "Line 1 .* column 'tags' that is unknown or there twice"),
    "cell too many": (HEAD + "p/0.png,cat,dog,rex,train\n", "Line 2 .*1 cells more than"),
    "cell too few": (HEAD + "p/0.png,cat,rex,train\np/1.png,cat\n", "Line 3 .*2 cells fewer"),
    "open quote": (HEAD + 'p/0.png,"cat,rex,train\n', "Line 2 .* malformed"),
    "text behind a quote": ('path,tags\n"p/0.png"x,cat\n', "Line 2 .* malformed"),
    "no path": (HEAD + ",cat,rex,train\n", "Line 2 .* has no path"),
    "missing file": ("path,tags\np/0.png,cat\n\np/99.png,cat\n", "Line 4 .*p/99.png, which does"),
    "folder": ("path,tags\np,cat\n", "Line 2 .*which is a folder"),
    "climbs out": ("path,tags\n../p/0.png,cat\n", "Line 2 .*not below"),
    "absolute": ("path,tags\n/p/0.png,cat\n", "Line 2 .*not below"),
    "drive": ("path,tags\nC:\\p\\0.png,cat\n", "Line 2 .*not below"),
    "picture twice": ("path,tags\np/0.png,cat\np/0.png,dog\n", "names p/0.png twice; write all"),
    "unknown split": (HEAD + "p/0.png,cat,,exam\n", "Line 2 .*split 'exam'; use train, val"),
    "split for some": (HEAD + "p/0.png,cat,,train\np/1.png,cat,,\n", "p/1.png .*has no split"),
    "group on two sides": (
        HEAD + "p/0.png,cat,rex,train\np/1.png,cat,rex,val\n",
        "group 'rex' .*both train and val",
    ),
    "no tag at all": ("path,tags\np/0.png,\n", "No picture in .* has a tag"),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_malformed_tables(table, fault):
    text, words = MALFORMED[fault]
    root = table(text)
    with pytest.raises(InputError, match=words) as caught:
        TagsFolder(root)
    assert str(root) in str(caught.value)
    assert check(root) == [str(caught.value)]


def test_table_that_is_no_text(table):
    root = table("")
    (root / "tags.csv").write_bytes(b"path,tags\n\xe9\xff,cat\n")
    with pytest.raises(InputError, match="not a UTF-8 text"):
        TagsFolder(root)


def test_folders_that_do_not_fit(tmp_path):
    for name, words in {"nowhere": "no folder", "bare": "no pictures in .*tags.csv"}.items():
        (tmp_path / "bare").mkdir(exist_ok=True)
        with pytest.raises(InputError, match=words):
            open_world(tmp_path / name)
    with pytest.raises(InputError, match="no folder"):
        TagsFolder(tmp_path / "nowhere")
    picture(tmp_path / "loose" / "1.png")
    with pytest.raises(InputError, match="No picture in .*loose has a tag; name the class"):
        open_world(tmp_path / "loose")
    (tmp_path / "odd" / "cat" / "x.jpg").mkdir(parents=True)
    with pytest.raises(InputError, match="x.jpg is a folder, not a picture"):
        open_world(tmp_path / "odd")


def test_check_names_damaged_pictures(root):
    (root / "cat" / "3.png").write_text("no picture")
    (root / "dog" / "25.png").write_bytes(b"")
    problems = check(root)
    assert len(problems) == 2 and "3.png is not a picture" in problems[0]
    assert "25.png is empty" in problems[1]


def test_the_door_knows_voc_folders(tmp_path):
    sample = Sample("a", np.zeros((4, 4, 3), np.uint8), np.ones((4, 4), np.uint8))
    write_voc(tmp_path / "voc", [sample], {"val": ["a"]}, ("cat",))
    assert isinstance(open_world(str(tmp_path / "voc")), VOCFolder)
    assert check(tmp_path / "voc") == []
    shutil.rmtree(tmp_path / "voc" / "ImageSets")
    assert len(check(tmp_path / "voc")) == 1


def test_the_door_knows_the_embedded_worlds(monkeypatch):
    for name, world in {"pocket": "PocketVOC", "photos": "PhotoWorld"}.items():
        module = types.SimpleNamespace(**{world: lambda: "opened"})
        monkeypatch.setitem(sys.modules, f"wsss_lite.data.{name}", module)
        assert open_world(name) == "opened"


@pytest.mark.skipif(
    "WSSS_LITE_COCO_MINI" not in os.environ,
    reason="set WSSS_LITE_COCO_MINI to a copy of coco-mini to read real photographs",
)
def test_coco_mini_as_tags_only(tmp_path):
    source = open_world(os.environ["WSSS_LITE_COCO_MINI"])
    for id in source.ids("val"):
        first = source.classes[int(np.flatnonzero(source.tags(id))[0])]
        (tmp_path / first).mkdir(exist_ok=True)
        shutil.copy(source.image_path(id), tmp_path / first)
    world = open_world(tmp_path)
    assert len(world.all_ids()) == 21 and check(tmp_path) == []
