"""What was drawn: steps, what can be wrong, and the files it comes from and goes to."""

import json
import re

import numpy as np
import pytest

from wsss_lite import cli
from wsss_lite.data import annotation as drawing
from wsss_lite.data import annotation_files as files
from wsss_lite.data.annotation import Annotation
from wsss_lite.data.images import read_mask
from wsss_lite.data.pocket import CLASSES
from wsss_lite.data.scenes import draw
from wsss_lite.data.voc import VOCFolder, read_boxes
from wsss_lite.data.voc_check import check
from wsss_lite.data.weak import WeakView
from wsss_lite.data.world import Box, Extreme
from wsss_lite.errors import InputError
from wsss_lite.lab import Lab

NAMES = ("cat", "dog", "a & b")
SIZE = (40, 60)


def everything():
    """An annotation with something of each kind."""
    one = Annotation(SIZE, seconds=12.34)
    one = drawing.add_box(one, 1, 4, 5, 30, 20)
    one = drawing.add_box(one, 3, 59.2, 39.5, 40, 10.5)
    one = drawing.add_extreme(one, 2, [(20, 35), (8, 40), (35, 42), (22, 55)])
    one = drawing.add_stroke(one, 1, [(10, 8), (12, 20), (18, 25)], 3)
    one = drawing.add_stroke(one, 0, [(38, 2), (38, 50)], 2)
    one = drawing.add_stroke(one, 3, [(2, 2)], 1)
    one = drawing.add_point(one, 2, 25.9, 45.2)
    return drawing.add_point(one, 0, 0, 59)


# Steps


def test_steps_make_new_annotations_and_leave_the_old():
    empty = Annotation(SIZE)
    one = drawing.add_point(empty, 1, 3, 4)
    assert empty.empty and not one.empty and one != empty
    assert one.points == ((3, 4, 1),) and one.tags == {1}
    with pytest.raises(ValueError, match="read-only"):
        one.scribbles[0, 0] = 1
    assert one == Annotation(SIZE, points=[(3, 4, 1), (3, 4, 1)]), "a point is kept once"


def test_a_box_is_put_upright_and_cut_at_the_edge():
    one = drawing.add_box(Annotation(SIZE), 1, 70, 30.5, -3, 9.7)
    assert one.boxes == (Box(1, 0, 9, 60, 31),)
    for corners in ((5, 5, 5, 5), (5, 5, 30, 5.2), (-9, 3, -2, 20), (61, 3, 80, 20)):
        with pytest.raises(InputError, match="This box is empty; drag"):
            drawing.add_box(one, 1, *corners)


def test_extreme_points_are_sorted_by_where_they_lie():
    clicks = [(20, 35), (8, 40), (35, 42), (22, 55)]
    expected = Extreme(2, (8, 40), (20, 35), (35, 42), (22, 55))
    for turn in range(4):
        one = drawing.add_extreme(Annotation(SIZE), 2, clicks[turn:] + clicks[:turn])
        assert one.extreme == (expected,)
    assert drawing.box_of(expected) == Box(2, 35, 8, 56, 36)
    with pytest.raises(InputError, match="four clicks inside"):
        drawing.add_extreme(Annotation(SIZE), 2, [*clicks[:3], (50, 20)])


def test_strokes_are_as_wide_as_the_brush_and_one_pixel_is_fine():
    one = drawing.add_stroke(Annotation(SIZE), 1, [(20.9, 10.9), (20, 30)], 1)
    assert set(np.argwhere(one.scribbles == 1)[:, 0]) == {20} and one.count("scribbles") == 21
    wide = drawing.add_stroke(Annotation(SIZE), 1, [(20, 10), (20, 30)], 5)
    assert set(np.argwhere(wide.scribbles == 1)[:, 0]) == set(range(18, 23))
    dot = drawing.add_stroke(Annotation(SIZE), 2, [(3.5, 4.5)], 1)
    assert np.argwhere(dot.scribbles != 255).tolist() == [[3, 4]]
    assert drawing.problems(dot, NAMES) == []
    partly = drawing.add_stroke(Annotation(SIZE), 1, [(20, -30), (20, 5), (-5e6, 9)], 3)
    assert partly.count("scribbles")
    with pytest.raises(InputError, match="no free pixel"):
        drawing.add_stroke(Annotation(SIZE), 1, [(-20, -30)], 3)


def test_a_later_stroke_wins_and_points_keep_their_pixel():
    one = drawing.add_stroke(Annotation(SIZE), 1, [(20, 10), (20, 30)], 3)
    one = drawing.add_point(one, 1, 20, 20)
    two = drawing.add_stroke(one, 2, [(10, 20), (30, 20)], 3)
    assert two.scribbles[20, 19] == 2 and two.scribbles[20, 20] == 1
    assert drawing.problems(two, NAMES) == []
    with pytest.raises(InputError, match="row 25, column 20 belongs to another class"):
        drawing.add_point(two, 1, 25, 20)


def test_the_eraser_takes_what_it_touches_and_nothing_else():
    one = everything()
    gone = drawing.erase(one, [(5, 4), (5, 30)], 3)  # along the upper side of the first box
    assert gone.boxes == one.boxes[1:] and gone.points == one.points
    assert np.array_equal(gone.scribbles, one.scribbles)
    assert drawing.erase(one, [(15, 15)], 1).boxes == one.boxes, "inside is not on the line"
    assert drawing.erase(one, [(24, 44)], 1).points == one.points[:1]
    assert drawing.erase(one, [(8, 40)], 1).extreme == ()
    wiped = drawing.erase(one, [(y, x) for y in range(40) for x in (0, 59)], 5)
    assert wiped.empty and wiped.seconds == one.seconds


# What can be wrong


@pytest.mark.parametrize("parts, words", [
    ({"boxes": [Box(1, 50, 5, 70, 20)]}, r"Box 1 \(cat\) reaches outside the picture of 60 x 40"),
    ({"boxes": [Box(1, -2, 5, 9, 20)]}, r"columns -2 to 9.*; move its sides inside\."),
    ({"boxes": [Box(2, 30, 5, 10, 20)]}, r"Box 1 \(dog\) is turned round.*; swap the ends\."),
    ({"boxes": [Box(2, 30, 5, 30, 20)]}, "is empty; give it at least one row and one column"),
    ({"boxes": [Box(4, 3, 5, 30, 20)]}, "has the class 4, but there are 3; choose from cat, dog"),
    ({"boxes": [Box(0, 3, 5, 30, 20)]}, "is of the background; draw the background with strokes"),
    ({"points": [(3, 4, 1), (3, 4, 2)]}, "Both cat and dog claim the pixel in row 3, column 4"),
    ({"points": [(3, 60, 1)]}, "row 3, column 60 lies outside the picture of 60 x 40; move"),
    ({"points": [(3, 6, 9)]}, "has the class 9, but there are 3"),
    ({"scribbles": np.full(SIZE, 7)}, "A stroke has the class 7"),
    ({"points": [(3, 6, 2)], "scribbles": np.ones(SIZE)}, "Both cat and dog claim the pixel"),
    ({"extreme": [Extreme(1, (9, 9), (5, 5), (2, 9), (5, 20))]}, "is turned round: top"),
    ({"extreme": [Extreme(1, (2, 9), (5, 5), (45, 9), (5, 20))]}, "a point outside the picture"),
    ({"seconds": -1}, "time of -1.0 seconds cannot be"),
])  # fmt: skip
def test_each_fault_is_one_sentence(parts, words):
    one = Annotation(SIZE, **parts)
    found = drawing.problems(one, NAMES)
    assert found and re.search(words, found[0]) and found[0].count("\n") == 0
    with pytest.raises(InputError, match="^f.json: "):
        drawing.checked(one, NAMES, "f.json")


def test_nothing_drawn_is_said_when_something_is_needed():
    assert drawing.problems(Annotation(SIZE), NAMES) == []
    with pytest.raises(InputError, match="Nothing is drawn on p; draw a box, a stroke or a point"):
        drawing.need(Annotation(SIZE), "p")
    with pytest.raises(InputError, match="The strokes are 5 x 4 but their picture is 60 x 40"):
        Annotation(SIZE, scribbles=np.zeros((4, 5), np.uint8))


def test_the_repr_says_what_there_is():
    assert repr(everything()) == (
        "<Annotation of 60 x 40: 2 boxes, 1 object by its extreme points, "
        f"{everything().count('scribbles')} pixels of strokes, 2 points>"
    )
    assert repr(Annotation(SIZE)) == "<Annotation of 60 x 40: nothing drawn>"


# Files


def test_xml_there_and_back(tmp_path):
    one, path = everything(), tmp_path / "p.xml"
    files.write_xml(path, one, NAMES)
    back = files.read_xml(path, NAMES, SIZE)
    assert (back.boxes, back.extreme, back.size) == (one.boxes, one.extreme, SIZE)
    # The reader of the worlds sees the box of the extreme points.
    assert read_boxes(path, NAMES) == [*one.boxes, Box(2, 35, 8, 56, 36)]


def test_coco_there_and_back(tmp_path):
    path = tmp_path / "all.json"
    given = {"a/1": everything(), "empty": Annotation((7, 9)), "c": everything()}
    files.write_coco(path, given, NAMES)
    assert files.read_coco(path, NAMES) == given
    assert files.read_coco(path, NAMES[::-1])["c"].boxes[0].cls == 3, "classes go by name"
    content = json.loads(path.read_text())
    for row in content["annotations"]:
        x, y, width, height = row["bbox"]
        assert min(width, height) >= 1 and row["area"] >= 1 and x + width <= 60


def test_coco_of_another_program(tmp_path):
    rows = [{"id": 1, "image_id": 7, "category_id": 18, "bbox": [3.2, 4.9, 10.0, 12.3],
             "segmentation": [[1, 2, 3, 4, 5, 6]], "iscrowd": 0}]  # fmt: skip
    content = {"images": [{"id": 7, "file_name": "x.png", "height": 40, "width": 60}],
               "categories": [{"id": 18, "name": "dog"}], "annotations": rows}  # fmt: skip
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(content))
    assert files.read_coco(path, NAMES)["x"].boxes == (Box(2, 3, 4, 14, 18),)
    rows[0]["bbox"] = [0.1 + 0.2, 3, 9.7, 5]  # ends at 10 but for rounding errors
    path.write_text(json.dumps(content))
    assert files.read_coco(path, NAMES)["x"].boxes[0].x1 == 10


def test_png_there_and_back(tmp_path):
    one = everything()
    for kind in ("scribbles", "points"):
        path = tmp_path / f"{kind}.png"
        files.write_png(path, one, kind, NAMES)
        back = files.read_png(path, kind, NAMES, SIZE)
        assert np.array_equal(back.seeds(kind), one.seeds(kind))
        assert np.array_equal(read_mask(path), one.seeds(kind))
    assert back.points == one.points


def written(tmp_path, name="a.json", change=None):
    """A COCO file in which `change` has spoiled something."""
    content = files.to_coco({"p": everything()}, NAMES)
    change(content)
    (tmp_path / name).write_text(json.dumps(content))
    return tmp_path / name


def rows_of(content, kind):
    return [row for row in content["annotations"] if row["drawn"] == kind]


SPOILT = (
    (lambda c: c.pop("images"), "does not hold images, categories and annotations"),
    (lambda c: c["annotations"][0].pop("bbox"), "as COCO has them .KeyError: 'bbox'.; save"),
    (lambda c: c["annotations"][0].update(bbox=[1, 2, "x", 4]), "as COCO has them"),
    (lambda c: c["annotations"][0].update(bbox=[5, 5, -3, 4]), "is turned round"),
    (lambda c: c["annotations"][0].update(bbox=[5, 5, 300, 4]), "reaches outside"),
    (lambda c: c["annotations"][0].update(category_id=77), "category that is not there; add it"),
    (lambda c: c["categories"][1].update(name="cow"), "'cow', which is none of cat, dog, a & b"),
    (lambda c: c["annotations"][0].update(drawn="blob"), "drawn as 'blob'; use box, extreme"),
    (lambda c: rows_of(c, "scribble")[1].update(segmentation=rows_of(c, "scribble")[0][
        "segmentation"]), r"strokes of background and cat claim the pixel in row \d+, column \d+"),
    (lambda c: rows_of(c, "scribble")[1]["segmentation"].update(counts=[3]), "run lengths do not"),
    (lambda c: rows_of(c, "point")[0].update(keypoints=[90, 90, 2]), "lies outside the picture"),
    (lambda c: c["images"][0].update(seconds="long"), "as COCO has them"),
)  # fmt: skip


@pytest.mark.parametrize("change, words", SPOILT)
def test_spoilt_json_is_refused_in_a_sentence(tmp_path, change, words):
    path = written(tmp_path, change=change)
    before = path.read_bytes()
    with pytest.raises(InputError, match=words) as caught:
        files.read_coco(path, NAMES)
    assert "a.json" in str(caught.value) and str(caught.value).count("\n") == 0
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"images": 3}', "null", '{"a": NaN'])
def test_malformed_json(tmp_path, text):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"bad\.json .*; (mend or replace|save it again)"):
        files.read_coco(path, NAMES)


@pytest.mark.parametrize("old, new, words", [
    ("</annotation>", "", "not well-formed XML .*; mend or replace"),
    ("<name>dog</name>", "<name>cow</name>", "Object 3 of .*'cow', which is none of cat"),
    ("<xmin>5</xmin>", "<xmin>50</xmin>", r"box 1 \(cat\) is turned round"),
    ("<xmin>5</xmin>", "<xmin>-5</xmin>", r"box 1 \(cat\) reaches outside the picture"),
    ("<xmax>30</xmax>", "<xmax>61</xmax>", r"box 1 \(cat\) reaches outside the picture"),
    ("<xmin>5</xmin>", "<xmin>31</xmin>", r"box 1 \(cat\) is empty"),
    ("<ymax>20</ymax>", "", "Object 1 of .* lacks one of the numbers bndbox/xmin"),
    ("<height>40</height>", "<height>41</height>", "picture of 60 x 41, this one has 60 x 40"),
    ("<name>cat</name>", "<name>background</name>", "is of the background"),
])  # fmt: skip
def test_spoilt_xml_is_refused_in_a_sentence(tmp_path, old, new, words):
    path = tmp_path / "p.xml"
    text = files.xml_text(everything(), "p", NAMES)
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=words) as caught:
        files.read_xml(path, NAMES, SIZE)
    assert "p.xml" in str(caught.value) and str(caught.value).count("\n") == 0


def test_spoilt_png_and_missing_files(tmp_path):
    path = tmp_path / "p.png"
    files.write_png(path, everything(), "scribbles", NAMES)
    with pytest.raises(InputError, match="holds the value 3, but there are 2 classes"):
        files.read_png(path, "scribbles", NAMES[:2], SIZE)
    with pytest.raises(InputError, match="60 x 40 but its picture is 9 x 9"):
        files.read_png(path, "scribbles", NAMES, (9, 9))
    with pytest.raises(InputError, match="Cannot read .*x.json: No such file"):
        files.read_coco(tmp_path / "x.json", NAMES)
    with pytest.raises(InputError, match="has no size of the picture"):
        files.parse(b"<annotation/>", "p.xml", NAMES)
    with pytest.raises(InputError, match="neither .xml nor .json"):
        files.parse(b"", "p.txt", NAMES)


def test_a_wrong_annotation_is_not_written(tmp_path):
    wrong = Annotation(SIZE, boxes=[Box(9, 1, 1, 5, 5)])
    for write in (files.write_xml, lambda p, a, c: files.write_coco(p, {"a": a}, c)):
        path = tmp_path / "kept"
        path.write_text("what was there")
        with pytest.raises(InputError, match="class 9"):
            write(path, wrong, NAMES)
        assert path.read_text() == "what was there" and len(list(tmp_path.iterdir())) == 1


# A folder


def scenes(count):
    drawn = [draw(14 + k) for k in range(count)]
    return {f"s{k}": one for k, one in enumerate(drawn)}


def sketch(scene, boxes=True):
    """Boxes or strokes, and a click, on a scene of 128 x 128."""
    one = Annotation((128, 128), seconds=7.5)
    if boxes:
        one = drawing.add_box(one, 1, 10, 10, 60, 60)
        one = drawing.add_extreme(one, 2, [(70, 80), (90, 60), (110, 80), (90, 100)])
    one = drawing.add_stroke(one, 3, [(20, 100), (40, 110)], 3)
    one = drawing.add_stroke(one, 0, [(120, 5), (120, 120)], 3)
    return drawing.add_point(one, 1, 30, 30)


@pytest.fixture
def drawn():
    return {name: sketch(scene, name != "s1") for name, scene in scenes(3).items()}


def test_a_folder_there_and_back(tmp_path, drawn):
    root = tmp_path / "drawn"
    pictures = {name: scene.image for name, scene in scenes(4).items()}
    given = drawn | {"s3": Annotation((128, 128))}
    assert files.write_folder(root, pictures, given, CLASSES) == ("s0", "s1", "s2")
    assert files.read_folder(root) == drawn
    assert check(root) == []
    world = VOCFolder(root)
    assert world.classes == CLASSES and not world.has_masks
    assert [np.flatnonzero(world.tags(k)).tolist() for k in ("s0", "s1")] == [[0, 1, 2], [0, 2]]
    view = WeakView(world, drawn, "scribbles")
    assert np.array_equal(view.scribbles("s0"), drawn["s0"].scribbles)
    assert WeakView(world, drawn, "points").points("s2") == [(30, 30, 1)]
    boxes = WeakView(world, drawn, "boxes").boxes("s0")
    assert boxes[:2] == [Box(1, 10, 10, 60, 60), Box(2, 60, 70, 101, 111)]
    assert boxes[2].cls == 3 and boxes[2].difficult, "a class of strokes keeps its tag"


def test_a_folder_without_boxes_has_its_tags_in_the_lists(tmp_path):
    pictures = {name: scene.image for name, scene in scenes(2).items()}
    given = {name: sketch(None, boxes=False) for name in pictures}
    files.write_folder(tmp_path / "f", pictures, given, CLASSES)
    world = VOCFolder(tmp_path / "f")
    assert world.tags_from == "lists" and not (tmp_path / "f" / "Annotations").exists()
    assert np.flatnonzero(world.tags("s0")).tolist() == [0, 2]
    assert files.read_folder(tmp_path / "f") == given


def test_a_folder_grows_and_keeps_what_it_has(tmp_path, drawn):
    root = tmp_path / "f"
    pictures = {name: scene.image for name, scene in scenes(3).items()}
    first = {"s1": drawn["s1"]}
    files.write_folder(root, pictures, first, CLASSES)
    photo = (root / "JPEGImages" / "s1.jpg").read_bytes()
    files.write_folder(root, pictures, {"s2": drawn["s2"]}, CLASSES)
    assert files.read_folder(root) == {"s1": drawn["s1"], "s2": drawn["s2"]}
    changed = drawing.add_point(drawn["s1"], 0, 5, 5)
    files.write_folder(root, pictures, {"s1": changed}, CLASSES)
    assert files.read_folder(root) == {"s1": changed, "s2": drawn["s2"]}
    assert (root / "JPEGImages" / "s1.jpg").read_bytes() == photo
    assert VOCFolder(root).all_ids() == ["s1", "s2"] and check(root) == []


def test_a_folder_refuses_what_would_lose_something(tmp_path, drawn, tiny):
    pictures = {name: scene.image for name, scene in scenes(3).items()}
    with pytest.raises(InputError, match="Nothing is drawn on any of the pictures"):
        files.write_folder(tmp_path / "f", pictures, {"s0": Annotation((128, 128))}, CLASSES)
    assert not (tmp_path / "f").exists()
    files.write_folder(tmp_path / "f", pictures, drawn, CLASSES)
    with pytest.raises(InputError, match="was made with the classes .*; choose another folder"):
        files.write_folder(tmp_path / "f", pictures, drawn, (*CLASSES, "lamp"))
    other = {"s0": drawing.add_point(Annotation((9, 9)), 1, 3, 3)}
    with pytest.raises(InputError, match="another size than what was drawn on"):
        files.write_folder(tmp_path / "f", pictures, other, CLASSES)
    with pytest.raises(InputError, match="not drawn on here; choose another folder"):
        files.write_folder(tiny, pictures, drawn, CLASSES)
    (tmp_path / "f" / "seconds.csv").write_text("picture,seconds\ns0,long\n")
    with pytest.raises(InputError, match="no table of picture and seconds"):
        files.read_folder(tmp_path / "f")


def test_methods_run_on_what_was_drawn(tmp_path, drawn, quick, trunk, capsys):
    root = tmp_path / "f"
    made = scenes(3)
    pictures = {name: scene.image for name, scene in made.items()}
    masks = {name: scene.mask for name, scene in made.items()}
    files.write_folder(root, pictures, drawn, CLASSES, masks)
    view = Lab(str(root), trunk=trunk).view("scribbles")
    assert all(np.array_equal(view.scribbles(k), drawn[k].scribbles) for k in drawn)
    argv = ["run", "cam", "--world", str(root), "--until", "pseudo", "--json"]
    assert cli.main(argv) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["images"] and row["miou_pseudo"] is not None


def test_a_method_sees_the_extreme_points_that_were_drawn(tmp_path, trunk):
    ends = Extreme(2, (10, 40), (30, 20), (80, 44), (28, 90))
    one = Annotation((128, 128), boxes=[Box(1, 3, 4, 30, 40)], extreme=[ends])
    (name, scene), *_ = scenes(1).items()
    files.write_folder(tmp_path / "f", {name: scene.image}, {name: one}, CLASSES)
    view = Lab(str(tmp_path / "f"), trunk=trunk).view("boxes", needs=("extreme",))
    assert view.extreme(name) == [ends]
    assert [box.cls for box in view.boxes(name)] == [1, 2]
    path = tmp_path / "f" / "Annotations" / f"{name}.xml"
    twice = path.read_text().replace("<left>", "<right>", 1).replace("</left>", "</right>", 1)
    path.write_text(twice)
    with pytest.raises(InputError, match=f"{name}.xml lacks one of the numbers"):
        Lab(str(tmp_path / "f"), trunk=trunk).view("boxes", needs=("extreme",))
