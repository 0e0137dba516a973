"""The annotator without a page: what it receives, shows, undoes, keeps, and how long it takes."""

import io
import json
import time
from datetime import UTC, datetime

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("anywidget")

from wsss_lite.data import annotation_files as files  # noqa: E402
from wsss_lite.data.annotation import Annotation  # noqa: E402
from wsss_lite.data.scenes import CLASSES, draw  # noqa: E402
from wsss_lite.data.world import Box  # noqa: E402
from wsss_lite.errors import InputError  # noqa: E402
from wsss_lite.widgets import Annotator  # noqa: E402
from wsss_lite.widgets.annotator_methods import method_engines  # noqa: E402

NAMES = ("cat", "dog")
ACROSS = [(50, 35), (50, 60)]  # a stroke on the object of `picture`
GROUND = [(8, 5), (8, 90)]


def picture(colour=(200, 120, 40), size=(80, 96)):
    """(picture, mask): a disc of class 1 on noise."""
    rng = np.random.default_rng(0)
    image = rng.integers(90, 130, (*size, 3), dtype=np.uint8)
    y, x = np.indices(size)
    mask = ((y - 50) ** 2 + (x - 48) ** 2 < 24**2).astype(np.uint8)
    image[mask == 1] = colour
    return image, mask


@pytest.fixture
def annotator():
    first, second = picture(), picture((60, 60, 220))
    masks = {"a": first[1], "b": second[1]}
    return Annotator({"a": first[0], "b": second[0]}, NAMES, masks)


def told(annotator, kind, number=1, **content):
    """What the page says, as it comes: numbers as floats, names of pictures."""
    message = {"kind": kind, "number": number, "seconds": 1.5 * number, "cls": 1, "width": 3,
               "picture": annotator.name} | content  # fmt: skip
    annotator.canvas._handle_msg(
        {"content": {"data": {"method": "custom", "content": message}}, "buffers": []}
    )


def pixels(data, mode="RGBA"):
    return np.asarray(Image.open(io.BytesIO(data)).convert(mode))


def line(annotator):
    return annotator.line.value


# From messages to masks


def test_a_stroke_of_the_page_changes_drawing_mask_and_iou(annotator):
    assert annotator.state()["miou"] is None and "nothing drawn yet" in line(annotator)
    told(annotator, "scribble", 1, path=[[50.2, 35.7], [50.9, 60.1]])
    state = annotator.state()
    assert state["drawn"] == {"boxes": 0, "extreme": 0, "scribbles": 84, "points": 0}
    assert state["seconds"] == 1.5 and annotator.canvas.seen == 1
    assert "with the frame of the picture as background" in line(annotator)
    told(annotator, "scribble", 2, path=GROUND, cls=0)
    state = annotator.state()
    assert state["miou"] > 0.95 and state["iou"]["cat"] > 0.9 and state["seconds"] == 3.0
    assert f"mIoU of this picture {state['miou']:.2f}" in line(annotator)
    assert annotator.canvas.score == f"mIoU {state['miou']:.2f}"
    assert "frame of the picture" not in line(annotator)
    strokes = pixels(annotator.canvas.strokes)
    assert np.array_equal(strokes[..., 3] == 255, annotator.annotation().scribbles != 255)
    shown = pixels(annotator.canvas.mask)
    assert np.array_equal(shown[..., 3] == 255, annotator.mask() > 0)
    assert shown[50, 48, :3].tolist() == annotator.canvas.colours[1]


def test_every_tool_and_its_engine(annotator):
    annotator.canvas.tool = "box"
    assert annotator.engine.value == ("boxes", "GrabCut")
    told(annotator, "box", 1, path=[[20, 18], [80, 79]])
    assert annotator.annotation().boxes == (Box(1, 18, 20, 79, 80),)
    cut = annotator.state()["miou"]
    annotator.engine.value = ("boxes", "fill")
    assert annotator.state()["miou"] < cut - 0.1
    annotator.canvas.tool = "point"
    assert annotator.engine.value == ("points", "random walk")
    assert annotator.state()["miou"] is None and "nothing drawn yet" in line(annotator)
    told(annotator, "point", 2, path=[[50.5, 48.5]])
    assert annotator.annotation().points == ((50, 48, 1),)
    annotator.canvas.tool = "extreme"
    told(annotator, "extreme", 3, path=[[50, 25], [27, 48], [73, 48], [50, 71]], cls=2)
    assert annotator.state()["drawn"]["extreme"] == 1
    assert set(np.unique(annotator.mask())) == {0, 2}
    annotator.canvas.tool = "eraser"
    assert annotator.engine.value == ("extreme", "GrabCut"), "the eraser has no engine of its own"
    told(annotator, "eraser", 4, path=[[27, 48]])
    assert annotator.state()["drawn"]["extreme"] == 0
    annotator.canvas.tool = "box"
    assert annotator.engine.value == ("boxes", "fill"), "the engine last chosen comes back"
    marks = annotator.canvas.marks
    assert marks == {"boxes": [[1, 18, 20, 79, 80]], "extreme": [], "points": [[50, 48, 1]]}


def test_undo_and_redo_restore_drawing_mask_and_line(annotator):
    def seen():
        canvas = annotator.canvas
        return annotator.annotation().scribbles.tobytes(), canvas.strokes, canvas.mask

    told(annotator, "scribble", 1, path=ACROSS)
    first = seen()
    told(annotator, "scribble", 2, path=GROUND, cls=0)
    second, drawn = seen(), annotator.annotation()
    assert (annotator.canvas.undos, annotator.canvas.redos) == (2, 0)
    told(annotator, "undo", 3)
    assert seen() == first and (annotator.canvas.undos, annotator.canvas.redos) == (1, 1)
    told(annotator, "redo", 4)
    assert seen() == second
    told(annotator, "clear", 5)
    assert annotator.annotation().empty and annotator.canvas.mask == b""
    told(annotator, "undo", 6)
    assert annotator.annotation().scribbles.tobytes() == drawn.scribbles.tobytes()
    assert annotator.state()["seconds"] == 9.0, "undoing does not turn the clock back"
    told(annotator, "undo", 7)
    told(annotator, "scribble", 8, path=[(70, 5)], cls=2)
    told(annotator, "redo", 9)
    assert "There is nothing to redo." in line(annotator)


@pytest.mark.parametrize("kind, content, words", [
    ("box", {"path": [[5, 5], [5, 5]]}, "This box is empty; drag"),
    ("box", {"path": [[5, 5], [50, 50]], "cls": 0}, "The background has no box"),
    ("scribble", {"path": [[5, 5]], "cls": 3}, "class 3 is not in the palette: background, cat"),
    ("scribble", {"path": []}, "no free pixel"),
    ("point", {"path": [[500, 5]]}, "outside the picture"),
    ("point", {"path": [[50, 40]], "cls": 2}, "belongs to another class already"),
    ("spray", {"path": [[5, 5]]}, "There is no tool &#x27;spray&#x27;"),
    ("extreme", {"path": [[5, 5]]}, "four clicks"),
])  # fmt: skip
def test_what_cannot_be_done_is_said_and_nothing_is_lost(annotator, kind, content, words):
    told(annotator, "scribble", 1, path=ACROSS)
    before = annotator.annotation()
    told(annotator, kind, 2, **content)
    after = annotator.annotation()
    assert words in line(annotator) and annotator.canvas.seen == 2
    assert after.boxes == before.boxes and np.array_equal(after.scribbles, before.scribbles)
    assert annotator.canvas.undos == 1
    told(annotator, "scribble", 3, path=GROUND, cls=0)
    assert words not in line(annotator)


def test_two_classes_on_one_pixel_are_told(annotator):
    annotator.draw_scribble(ACROSS, "cat")
    annotator.draw_scribble([(30, 48), (70, 48)], "dog")
    assert "cat and dog both claim 9 pixels; the later stroke has them" in line(annotator)


def test_one_pixel_is_a_stroke(annotator):
    annotator.draw_scribble([(50, 48)], "cat", width=1)
    assert annotator.state()["drawn"]["scribbles"] == 1 and annotator.state()["miou"] > 0.5


# What a cell of the notebook does


def test_methods_do_what_the_mouse_does(annotator):
    annotator.draw_scribble(ACROSS, "cat")
    annotator.draw_scribble(GROUND, "background", width=1)
    by_hand = annotator.annotation()
    annotator.clear()
    told(annotator, "scribble", 1, path=ACROSS)
    told(annotator, "scribble", 2, path=GROUND, cls=0, width=1)
    assert np.array_equal(annotator.annotation().scribbles, by_hand.scribbles)
    annotator.draw_box(10, 20, 40, 60, "dog")
    assert annotator.state()["tool"] == "box" and annotator.state()["kind"] == "boxes"
    annotator.erase([(20, 10)])
    assert annotator.annotation().boxes == ()
    annotator.undo()
    annotator.draw_point(5, 5, 0)
    annotator.draw_extreme([(10, 10), (5, 20), (30, 20), (10, 40)], 2)
    assert annotator.state()["drawn"] == {
        "boxes": 1, "extreme": 1, "points": 1,
        "scribbles": int((by_hand.scribbles != 255).sum()),
    }  # fmt: skip
    with pytest.raises(InputError, match="'bird' is not in the palette: background, cat, dog"):
        annotator.draw_scribble(ACROSS, "bird")


def test_each_picture_has_its_own_drawing_clock_and_way_back(annotator):
    told(annotator, "scribble", 4, path=ACROSS)
    annotator.picture.value = "b"
    assert annotator.annotation().empty and annotator.canvas.seconds == 0
    assert annotator.canvas.name == "b" and annotator.canvas.undos == 0
    told(annotator, "scribble", 5, path=GROUND, picture="a")  # was under way when b was chosen
    assert annotator.annotation().empty and annotator.annotation("a").count("scribbles") > 300
    annotator.picture.value = "a"
    assert annotator.canvas.seconds == 7.5 and annotator.canvas.undos == 2


def test_pictures_come_in_several_forms():
    image, mask = picture()
    assert Annotator(image, NAMES, mask).state()["picture"] == "1"
    assert list(Annotator([image, image], NAMES).images) == ["1", "2"]
    given = Annotation((80, 96), points=[(50, 48, 2)], seconds=5)
    made = Annotator({"x": image}, NAMES, annotations={"x": given})
    assert made.annotation("x") == given and made.state()["seconds"] == 5
    large = Annotator(np.zeros((900, 1300, 3), np.uint8), NAMES)
    assert large.size() == (443, 640)
    for wrong, words in (
        (dict(pictures=[]), "no picture to draw on"),
        (dict(pictures=image[..., 0]), "give .H, W, 3. uint8"),
        (dict(pictures=image, classes=()), "0 classes; name 1 to 254"),
        (dict(pictures=image, masks=mask[:9]), "give them at one size"),
        (dict(pictures=[image], masks=[mask, mask]), "1 pictures and 2 masks"),
        (dict(pictures=image, engines={"lines": {}}), "no drawing 'lines'; choose from boxes"),
        (dict(pictures=image, annotations={"y": given}), "There is no picture 'y'"),
        (dict(pictures=image[:9], annotations={"1": given}), "96 x 80 but the picture is 96 x 9"),
    ):
        with pytest.raises(InputError, match=words):
            Annotator(**{"classes": NAMES} | wrong)


def test_an_engine_of_the_reader(annotator):
    image, mask = picture()
    made = Annotator(image, NAMES, mask, engines={"points": {"all": lambda image, drawn: mask}})
    made.draw_point(50, 48, 1)
    made.engine.value = ("points", "all")
    assert made.state()["miou"] == 1 and "by all in" in line(made)


@pytest.mark.parametrize("name", ["box-fill", "sdi", "point-walk", "scribblesup", "scribble-ce"])
def test_a_registered_method_is_an_engine(name, trunk):
    image, mask = picture()
    engines = method_engines(NAMES, [name], trunk)
    made = Annotator(image, NAMES, mask, engines=engines)
    made.draw_box(24, 26, 73, 75, "cat")
    made.draw_point(50, 48, "cat")
    made.draw_point(5, 5, 0)
    made.draw_scribble([(50, 40), (50, 60)], "cat")
    made.draw_scribble([(5, 5), (5, 60)], 0)
    (kind,) = engines
    made.engine.value = (kind, name)
    labels = made.mask()
    assert labels.shape == mask.shape and set(np.unique(labels)) == {0, 1}
    assert made.state()["iou"]["cat"] > 0.3
    made.clear()
    assert not made.mask().any()  # nothing drawn: nothing is run


def test_an_engine_loads_a_trunk_where_it_is_given_none():
    image, mask = picture()
    made = Annotator(image, NAMES, mask, engines=method_engines(NAMES, ["scribble-pixels"]))
    made.draw_scribble([(50, 40), (50, 60)], "cat")
    made.draw_scribble([(5, 5), (5, 60)], 0)
    made.engine.value = ("scribbles", "scribble-pixels")
    assert made.state()["iou"]["cat"] > 0.5


def test_only_methods_for_drawings_are_engines():
    light = method_engines(NAMES)
    assert "sdi" in light["boxes"] and "extreme-grabcut" in light["extreme"]
    assert not {"bbtp", "scribble-ce"} & {name for row in light.values() for name in row}
    with pytest.raises(InputError, match="cam learns from tags; choose a method for boxes"):
        method_engines(NAMES, ["cam"])


# Files


def filled(annotator):
    annotator.draw_scribble(ACROSS, "cat")
    annotator.draw_box(24, 26, 73, 75, "cat")
    annotator.draw_point(5, 5, 0)
    annotator.draw_extreme([(10, 10), (5, 20), (30, 20), (10, 40)], "dog")
    annotator.picture.value = "b"
    annotator.draw_point(9, 9, 2)
    return annotator.annotations()


def test_saving_and_loading_are_equal(annotator, tmp_path):
    given = filled(annotator)
    annotator.folder.value = str(tmp_path / "drawn")
    annotator.save_button.click()
    assert "Saved 2 of 2 pictures" in line(annotator)
    assert files.read_folder(tmp_path / "drawn") == given
    assert files.read_coco(tmp_path / "drawn" / "annotations.json", NAMES) == given
    assert (tmp_path / "drawn" / "SegmentationClass" / "a.png").exists()
    for picture in ("a", "b"):
        annotator.picture.value = picture
        annotator.clear()
    assert annotator.annotations() == {}
    annotator.load_button.click()
    assert annotator.annotations() == given and "Read " in line(annotator)
    annotator.undo()
    assert annotator.annotation().empty, "loading is one step"


@pytest.mark.parametrize("suffix", [".json", ".xml", ".png"])
def test_one_file_there_and_back(annotator, tmp_path, suffix):
    given = filled(annotator)
    annotator.picture.value = "a"
    annotator.canvas.tool = "scribble"
    path = annotator.export(tmp_path / f"a{suffix}")
    annotator.clear()
    annotator.upload.value = [_uploaded(path)]
    assert f"Opened a{suffix}." in line(annotator) and annotator.upload.value == ()
    kinds = {".json": ("boxes", "extreme", "points", "scribbles"), ".xml": ("boxes", "extreme"),
             ".png": ("scribbles",)}[suffix]  # fmt: skip
    for kind in ("boxes", "extreme", "points", "scribbles"):
        expected = given["a"].count(kind) if kind in kinds else 0
        assert annotator.annotation().count(kind) == expected
    if suffix == ".json":
        assert annotator.annotation() == given["a"]
    with pytest.raises(InputError, match="none of .json, .xml and .png"):
        annotator.export(tmp_path / "a.txt")


def _uploaded(path, data=None):
    content = path.read_bytes() if data is None else data
    return {"name": path.name, "type": "", "size": len(content), "content": memoryview(content),
            "last_modified": datetime.now(UTC)}  # fmt: skip


@pytest.mark.parametrize("name, data, words", [
    ("x.json", b"{", "x.json is not well-formed JSON"),
    ("x.xml", b"<a>", "x.xml is not well-formed XML"),
    ("x.png", b"no", "x.png is not a picture that can be read"),
    ("x.txt", b"", "x.txt is neither an annotation nor a picture"),
])  # fmt: skip
def test_a_bad_upload_is_a_sentence_and_nothing_is_lost(annotator, tmp_path, name, data, words):
    annotator.draw_scribble(ACROSS, "cat")
    before = annotator.annotation()
    annotator.upload.value = [_uploaded(tmp_path / name, data)]
    assert words in line(annotator) and str(tmp_path.parent) not in line(annotator)
    assert annotator.annotation() == before and list(annotator.images) == ["a", "b"]


def test_an_uploaded_picture_is_drawn_on(annotator, tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(picture(size=(60, 70))[0]).save(path)
    annotator.upload.value = [_uploaded(path)]
    assert annotator.name == "a-2" and annotator.size() == (60, 70)
    assert annotator.canvas.name == "a-2" and annotator.canvas.size == (60, 70)
    annotator.draw_point(5, 5, 1)
    assert "objects cover" in line(annotator), "no truth, no IoU"


def test_everything_is_kept_in_a_file_for_the_next_kernel(tmp_path):
    image, mask = picture()
    path = tmp_path / "kept.json"
    first = Annotator({"a": image, "b": image}, NAMES, file=path)
    assert not path.exists() and first.canvas.kept == str(path)
    told(first, "scribble", 3, path=ACROSS)
    first.picture.value = "b"
    told(first, "point", 4, path=[[5, 5]])
    # After a restart, with one of the pictures only.
    second = Annotator({"a": image}, NAMES, file=path)
    assert second.annotation("a") == first.annotation("a")
    assert second.annotation("a").seconds == 4.5
    second.clear()
    kept = files.read_coco(path, NAMES)
    assert kept["b"] == first.annotation("b") and "a" not in kept
    path.write_text("{")
    with pytest.raises(InputError, match="kept.json is not well-formed JSON"):
        Annotator({"a": image}, NAMES, file=path)
    assert path.read_text() == "{"


def test_nothing_drawn_is_not_saved(annotator, tmp_path):
    annotator.folder.value = str(tmp_path / "drawn")
    annotator.save_button.click()
    assert "Nothing is drawn on any of the pictures" in line(annotator)
    annotator.load_button.click()
    assert "Cannot read" in line(annotator) and not list(tmp_path.iterdir())


# The page and the still view


def test_a_stroke_takes_less_than_300_ms(annotator):
    scene = draw(14)
    made = Annotator(scene.image, CLASSES, scene.mask)
    for engine in ("random walk", "graph cut", "nearest label"):
        made.engine.value = ("scribbles", engine)
        taken = []
        for step in range(4):
            start = time.process_time()
            told(made, "scribble", step, path=[[20 + step, 20], [20 + step, 60]], cls=step % 2)
            taken.append(time.process_time() - start)
        assert min(taken) < 0.3, engine


def test_the_repr_is_short_and_fixed_and_the_bundle_has_still_pictures(annotator):
    filled(annotator)
    annotator.picture.value = "a"
    bundle = annotator._repr_mimebundle_()
    assert bundle["text/plain"] == repr(annotator) == "Annotator(2 pictures, 2 classes)"
    assert "application/vnd.jupyter.widget-view+json" in bundle
    html = bundle["text/html"]
    assert html.count("<figure") == 3 and 'alt="Still view of the annotator, picture a' in html
    assert "mask from points (random walk), mIoU 0." in html and len(html) < 200_000
    annotator.clear()
    assert annotator.strip().html()


def test_the_page_is_given_no_address_to_load_from(annotator):
    page = str(annotator.canvas._esm)
    assert "import" not in page and "http" not in page
    assert annotator.canvas.classes == ["background", *NAMES]
    assert 'aria-live="polite"' in line(annotator)


def test_the_file_is_plain_coco(annotator, tmp_path):
    filled(annotator)
    content = json.loads(annotator.export(tmp_path / "all.json").read_text())
    assert [row["name"] for row in content["categories"]] == ["background", *NAMES]
    assert {row["file_name"] for row in content["images"]} == {"a.jpg", "b.jpg"}
