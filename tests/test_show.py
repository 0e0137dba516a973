"""Figures: stable colours, alternative texts, size on screen, bytes in a notebook."""

import io
import re
from base64 import b64decode
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from wsss_lite import show
from wsss_lite.errors import InputError

POCKET = ("bird", "boat", "car", "cat", "dog", "horse", "person", "train")
PHOTO = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
MASK = np.zeros((128, 128), np.uint8)
MASK[20:60, 20:60] = 4
MASK[80:100, 80:100] = 5
MASK[79, 80:100] = 255


def images_in(html):
    """[(alt, width, (H, W, 3) array, bytes)] of the pictures inside an HTML text."""
    element = r'<img alt="([^"]*)" width="(\d+)" src="data:image/\w+;base64,([^"]+)"'
    found = re.findall(element, html)
    return [
        (alt, int(width), np.asarray(Image.open(io.BytesIO(b64decode(code))).convert("RGB")), code)
        for alt, width, code in found
    ]


# ---- colours


def test_a_class_has_one_colour_in_every_list():
    alone, many = show.colours(["cat"]), show.colours(POCKET)
    assert alone["cat"] == many["cat"] == show.colours(["my thing", "cat"])["cat"]
    assert show.colours(["lesion"])["lesion"] == show.colours(["nevus", "lesion"])["lesion"]


@pytest.mark.parametrize("classes", [POCKET, tuple(show.KNOWN), [f"c{k}" for k in range(40)]])
def test_the_colours_of_a_list_differ(classes):
    colours = list(show.colours(classes).values())
    assert len(colours) == len(classes) + 2
    assert len(set(colours)) == len(colours)


def test_classes_that_are_confused_differ_also_in_brightness_or_hue():
    colours = show.colours(POCKET)
    for a, b in (("cat", "dog"), ("boat", "train"), ("horse", "person")):
        assert np.abs(np.subtract(colours[a], colours[b])).max() > 80


def test_colour_mask_uses_the_legend_colours_and_grey_void():
    colours, picture = show.colours(POCKET), show.colour_mask(MASK, POCKET)
    assert picture.dtype == np.uint8 and picture.shape == (128, 128, 3)
    assert tuple(picture[30, 30]) == colours["cat"]
    assert tuple(picture[90, 90]) == colours["dog"]
    assert tuple(picture[79, 90]) == show.VOID_COLOUR
    assert tuple(picture[0, 0]) == show.BACKGROUND_COLOUR


# ---- pictures


def test_overlay_leaves_the_background_and_tints_the_object():
    over = show.overlay(PHOTO, MASK, POCKET)
    assert np.array_equal(over[MASK == 0], PHOTO[MASK == 0])
    inside = np.abs(over[30:50, 30:50].astype(int) - show.colours(POCKET)["cat"]).mean()
    before = np.abs(PHOTO[30:50, 30:50].astype(int) - show.colours(POCKET)["cat"]).mean()
    assert inside < 0.6 * before
    assert tuple(over[20, 30]) == show.colours(POCKET)["cat"]  # the line around


def test_overlay_refuses_another_size():
    with pytest.raises(ValueError, match="mask"):
        show.overlay(PHOTO, MASK[:64], POCKET)


def test_heat_grows_brighter_and_marks_missing_values():
    ramp = show.heat(np.linspace(0, 1, 50)[None]).astype(int).sum(2)[0]
    assert (np.diff(ramp) >= -3).all() and ramp[-1] > ramp[0] + 400
    assert tuple(show.heat(np.array([[np.nan]]))[0, 0]) == show.VOID_COLOUR
    assert np.array_equal(show.heat(np.array([[-1.0, 2.0]])), show.heat(np.array([[0.0, 1.0]])))


def test_jet_is_refused():
    with pytest.raises(ValueError, match="magma"):
        show.heat(np.zeros((2, 2)), "jet")


def test_overlay_heat_enlarges_a_coarse_map_and_lights_its_place():
    coarse = np.zeros((12, 12), np.float16)
    coarse[2:5, 2:5] = 1
    over = show.overlay_heat(np.full((96, 120, 3), 128, np.uint8), coarse)
    assert over.shape == (96, 120, 3)
    assert over[28, 35].sum() > over[80, 100].sum() + 200


def test_contact_sheet_takes_any_sizes_and_holds_every_picture():
    sizes = [(50, 80), (128, 128), (1, 300), (200, 20)]
    images = [np.full((*s, 3), 90, np.uint8) for s in sizes]
    masks = [np.ones(s, np.uint8) for s in sizes]
    sheet = show.contact_sheet(images, masks, POCKET, columns=3, tile=64)
    assert sheet.dtype == np.uint8 and sheet.ndim == 3
    assert sheet.shape[0] == 2 * 68 + 4 and sheet.shape[1] == 3 * (2 * 64 + 1 + 4) + 4
    grey = (sheet == 90).all(2)
    assert all(grey[:, x : x + 133].any() for x in (0, 133, 266)) and grey[70:].any()
    with pytest.raises(ValueError):
        show.contact_sheet([], [], POCKET)


def test_write_png_reads_back_and_leaves_nothing_half_written(tmp_path):
    path = show.write_png(tmp_path / "new" / "a.png", PHOTO)
    assert np.array_equal(np.asarray(Image.open(path)), PHOTO)
    with pytest.raises(ValueError, match="uint8"):
        show.write_png(tmp_path / "b.png", PHOTO / 255)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(InputError):
        show.write_png(blocked / "c.png", PHOTO)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.png", "file", "new"]


# ---- strips


def test_every_picture_of_a_strip_has_alt_text_and_256_pixels():
    made = show.strip([PHOTO, MASK, PHOTO[..., 0] / 255], ["scene", "mask", "CAM, IoU 0.41"],
                      alt="A cat & its map", legend=POCKET)
    html = made._repr_mimebundle_()["text/html"]
    shown = [i for i in images_in(html) if i[1] > 12]
    assert [i[0] for i in shown] == [
        f"A cat &amp; its map: {title}" for title in ("scene", "mask", "CAM, IoU 0.41")
    ]
    assert all(width >= 256 for _, width, _, _ in shown)
    assert html.count("<img") == len(images_in(html)) == 3 + 4  # 4 swatches: 0, cat, dog, void
    assert "CAM, IoU 0.41</figcaption>" in html


def test_the_legend_names_what_the_masks_hold_in_the_masks_colours():
    made = show.strip([MASK], ["mask"], alt="a", legend=POCKET)
    assert list(made.legend) == ["background", "cat", "dog", "void"]
    assert made.legend["dog"] == show.colours(POCKET)["dog"]
    assert list(show.strip([PHOTO], alt="a", legend=["cat"]).legend) == ["cat"]


def test_masks_keep_crisp_edges_when_enlarged():
    html = show.strip([MASK], alt="a", legend=POCKET).html()
    picture = images_in(html)[0][2]
    assert picture.shape == (256, 256, 3)
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 4


def test_a_strip_is_small_even_of_large_noisy_photographs():
    noise = np.random.default_rng(1).integers(0, 255, (900, 1200, 3), dtype=np.uint8)
    html = show.strip([noise] * 4, alt="noise").html()
    assert all(len(code) < 60_000 for _, _, _, code in images_in(html))
    assert len(html) < 160_000


@pytest.mark.parametrize("alt", ["", "  "])
def test_a_figure_without_alt_text_is_refused(alt):
    with pytest.raises(ValueError, match="alt"):
        show.strip([PHOTO], alt=alt)


def test_what_a_strip_cannot_show_is_refused():
    with pytest.raises(ValueError, match="titles"):
        show.strip([PHOTO, PHOTO], ["one"], alt="a")
    with pytest.raises(ValueError, match="legend"):
        show.strip([MASK], alt="a")
    with pytest.raises(ValueError, match="256"):
        show.strip([PHOTO], alt="a", width=100)
    with pytest.raises(ValueError, match="cannot show"):
        show.strip([np.zeros((3, 4, 5))], alt="a")


def test_grid_repeats_column_titles_and_prints_row_headings():
    rows, names = [[PHOTO, PHOTO]] * 2, ["scene", "again"]
    html = show.grid(rows, names, alt="g", headings=["r=0", "r=1"]).html()
    assert html.count("<figcaption") == 4 and "<b>r=1</b>" in html


# ---- plots and tables


def test_curve_and_bars_carry_alt_text_and_are_equal_twice():
    x = np.linspace(0, 1, 21)

    def make():
        return (
            show.curve(x, {"cat": x, "CAM": x**2}, alt="rises", xlabel="t", ylabel="mIoU",
                       bands={"cat": (x - 0.1, x + 0.1)}, marks={"tuned": 0.3},
                       levels={"full": 0.8}),
            show.bars(["cat", "other"], [0.4, np.nan], alt="bars", xlabel="IoU", errors=[0.1, 0],
                      bound={"full": 0.84}),
        )

    for one, two, alt in zip(make(), make(), ("rises", "bars"), strict=True):
        html = one.html()
        assert html == two.html()
        ((text, width, _, code),) = images_in(html)
        assert text == alt and width >= 256 and len(code) < 60_000


def test_names_of_lines_do_not_overlap():
    made = show.curve([0, 1], {"a": [0, 0.5], "b": [0, 0.5], "c": [0, 1]}, alt="a", xlabel="x",
                      ylabel="y")
    heights = sorted(t.xy[1] for t in made.drawing.axes[0].texts)
    assert np.diff(heights).min() > 0.06


def scores():
    return {
        "full": {"maps": None, "test": (0.85, 0.002, 3)},
        "cam": {"maps": (0.41, 0.01, 3), "test": (0.45, 0.01, 3)},
        "oaa": {"maps": (0.42, 0.01, 3), "test": (0.455, 0.01, 3)},
        "none": {"maps": 0.2, "test": None},
        "full-20": {"maps": None, "test": 0.35},
    }


def test_table_sorts_ranks_and_keeps_bound_and_baseline_apart():
    made = show.table(scores(), {"maps": "on train", "test": "on test"}, alt="ladder")
    assert [row[0] for row in made.rows] == [
        "oaa", "cam", "full-20 (baseline)", "none", "full (bound)"
    ]
    assert made.rows[0][1:] == ["42.0 ± 1.0", "45.5 ± 1.0", "1-2"]
    assert made.rows[2][1:] == ["–", "35.0", ""]
    html = made.html()
    assert html.count("<tr>") == 6 and "<caption" in html and "ladder</caption>" in html
    assert made.markdown().splitlines()[1] == "| --- | ---: | ---: | ---: |"


def test_methods_that_the_corpus_has_helped_get_a_star_and_the_table_says_why():
    values = {"cam": {"t": 0.5}, "dextr": {"t": 0.4}, "no method": {"t": 0.3}}
    made = show.table(values, {"t": "test"}, alt="ladder")
    assert [row[0] for row in made.rows] == ["cam", "dextr*", "no method"]
    assert made.alt == f"ladder (* {show.STAR})" and made.rows[1][-1] == "2"
    del values["dextr"]
    assert show.table(values, {"t": "test"}, alt="ladder").alt == "ladder"


def test_a_column_may_have_its_own_way_of_writing():
    scores = {"a": {"t": (0.5, 0.01, 3), "h": (1.234, 0.05, 3), "s": (12.3, 4.0, 3)}}
    columns = {"t": "test", "h": ("heads", show.ratio), "s": ("seconds", show.seconds)}
    made = show.table(scores, columns, rank="t", alt="three kinds of numbers")
    assert made.headings == ["method", "test", "heads", "seconds", "rank"]
    assert made.rows[0][1:4] == ["50.0 ± 1.0", "1.23 ± 0.05", "12"]
    assert show.ratio(None) == show.seconds(None) == "–"


def test_rank_groups_part_when_intervals_do():
    near = {"a": (0.50, 0.02, 3), "b": (0.49, 0.02, 3), "c": (0.40, 0.02, 3)}
    assert show.rank_groups(near) == {"a": "1-2", "b": "1-2", "c": "3"}
    assert show.rank_groups(near, tie=lambda a, b: False) == {"a": "1", "b": "2", "c": "3"}
    assert show.rank_groups({"a": 0.5, "b": 0.5, "c": 0.4}) == {"a": "1-2", "b": "1-2", "c": "3"}


# ---- files


FIGURES = {
    "strip": lambda: show.strip([PHOTO, MASK], ["a", "b"], alt="A cat: first <then> a mask. Two.",
                                legend=POCKET),
    "curve": lambda: show.curve([0, 1], {"a": [0, 1]}, alt="it rises", xlabel="x", ylabel="y"),
    "bars": lambda: show.bars(["cat"], [0.4], alt="one bar", xlabel="IoU"),
    "table": lambda: show.table(scores(), {"test": "on test"}, alt="a ladder"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FIGURES)
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_saved_figures_say_what_they_show_and_are_equal_from_run_to_run(tmp_path, suffix, kind):
    made = FIGURES[kind]()
    one, two = (show.save(f, tmp_path / f"{id(f)}{suffix}") for f in (made, FIGURES[kind]()))
    assert one.read_bytes() == two.read_bytes() and one.stat().st_size > 1000
    if suffix == ".png":
        assert Image.open(one).text["Description"] == made.alt
        return
    root = ElementTree.parse(one).getroot()
    title, desc = root[0], root[1]
    assert [child.tag.split("}")[1] for child in (title, desc)] == ["title", "desc"]
    assert desc.text == made.alt and made.alt.startswith(title.text)
    assert root.get("role") == "img"
    assert root.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"


def test_a_figure_is_saved_as_png_or_svg_and_with_words(tmp_path):
    with pytest.raises(ValueError, match="png or .svg"):
        show.save(FIGURES["bars"](), tmp_path / "a.gif")
    plain = Figure((2, 2))
    with pytest.raises(ValueError, match="a.svg needs alt"):
        show.save(plain, tmp_path / "a.svg")
    assert "two words" in show.save(plain, tmp_path / "a.svg", "two words").read_text("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]
