"""The prompt: what it shows, what it says it cannot know, and how a page answers to typing.

The CLIP here knows three colours, so that it is known in advance where each text has to be found.
The last tests need Chromium and playwright, as `test_browser.py` does, whose server they use.
"""

import inspect
import io
import time

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

pytest.importorskip("ipywidgets")

from test_browser import browser, followed, notebooks, page, run_all, server, write_notebook  # noqa: E402, F401

from wsss_lite.maps import text as text_maps  # noqa: E402
from wsss_lite.widgets.prompt import Prompt, named, words_of  # noqa: E402


class Last:
    """As `towers.LastBlock`, of a tower that is a mean over places."""

    def __init__(self, activations):
        self.activations = activations.requires_grad_()

    def embed(self, activations):
        return F.normalize(activations.mean((2, 3)), dim=-1)

    def maps(self, activations):
        return activations


class Colours:
    """A CLIP whose space is red, green and blue; a word it does not know lies in between."""

    axes = {"boat": (1, 0, 0), "water": (0, 0, 1), "grass": (0, 1, 0), "dog": (0.2, 1, 0)}

    def __init__(self, name="pocket-colours", scale=20.0):
        self.name, self.scale, self.asked = name, scale, []

    def texts(self, texts):
        self.asked += texts
        rows = [next((v for k, v in self.axes.items() if k in t), (1, 1, 1)) for t in texts]
        rows = np.array(rows, np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def dense(self, images):
        self.asked += ["picture"] * len(images)
        small = [np.asarray(Image.fromarray(x).resize((16, 16)), np.float32) for x in images]
        return np.stack(small).transpose(0, 3, 1, 2) / 255 + 0.01

    def pictures(self, images):
        rows = self.dense(images).mean((2, 3))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def last_block(self, images):
        return Last(torch.tensor(self.dense(images)))


def picture(side=128):
    """(image, mask): a red boat on blue water under green trees."""
    image = np.zeros((side, side, 3), np.uint8)
    image[: side // 2, :, 1] = image[side // 2 :, :, 2] = 200
    mask = np.zeros((side, side), np.uint8)
    mask[side // 4 : 3 * side // 4, side // 4 : 3 * side // 4] = 1
    image[mask == 1] = (200, 0, 0)
    return image, mask


def made(**options):
    image, mask = picture()
    pictures = {"lake": image, "photo": image[:, ::-1].copy()}
    options = {"masks": {"lake": mask}, "classes": ("boat", "dog"), "photos": ["photo"]} | options
    return Prompt(pictures, options.pop("clip", None) or Colours(), **options)


@pytest.fixture
def prompt():
    return made()


def pixels(widget):
    return np.asarray(Image.open(io.BytesIO(widget.value)).convert("RGB"))


@pytest.mark.parametrize("kind", ("cosine", "probability", "Grad-CAM"))
def test_the_heat_is_where_the_text_is(prompt, kind):
    prompt.map.value = kind
    on = {}
    for text in ("a boat", "the water"):
        prompt.text.value = text
        heat = prompt.heat()
        assert heat.shape == (128, 128) and heat.min() >= 0 and heat.max() > 0.95
        inside = picture()[1] == 1
        on[text] = heat[inside].sum() / heat.sum()
    assert on["a boat"] > 0.8 and on["the water"] < 0.3
    assert prompt.state()["kind"] == kind and f"{kind} of" in prompt.line.value


def test_the_maps_are_those_of_the_package(prompt):
    clip, tags = prompt.clip, np.ones((1, 1), bool)
    dense = torch.tensor(clip.dense([picture()[0]]))
    text, rivals = clip.texts(["a boat"]), clip.texts(prompt.rivals())
    prompt.map.value = "probability"
    soft = text_maps.softmax_maps(dense, text, rivals, clip.scale, tags)[0, 0]
    plain = text_maps.cosine_maps(dense, text, tags)[0, 0]
    assert torch.allclose(prompt.raw() / prompt.raw().max(), soft, atol=1e-6)
    prompt.map.value = "cosine"
    assert torch.allclose(prompt.raw().relu() / prompt.raw().max(), plain, atol=1e-6)


def test_a_named_class_with_an_outline_is_scored(prompt):
    state, inside = prompt.state(), picture()[1] == 1
    assert state["named"] == ["boat"] and state["area"] == pytest.approx(inside.mean())
    heat = prompt.heat()
    assert state["on"] == pytest.approx(heat[inside].sum() / heat.sum())
    assert f"{state['on']:.0%} of the heat on boat (25% of the picture)" in prompt.line.value
    prompt.picture.value = "photo"  # has no mask
    assert prompt.state()["on"] is None and "of the heat on" not in prompt.line.value
    prompt.picture.value, prompt.text.value = "lake", "a dog"  # is not in it
    assert prompt.state()["on"] is None


def test_void_counts_neither_for_nor_against(prompt):
    image, mask = picture()
    mask[:, :32] = 255
    state = made(masks={"lake": mask}).state()
    assert state["area"] == pytest.approx((mask == 1).sum() / (mask != 255).sum())


def test_a_class_is_named_by_synonym_and_plural_and_not_by_a_part_of_a_word():
    classes = ("boat", "cat", "person", "train")
    assert named("Two SHIPS and people!", classes) == ["boat", "person"]
    assert named("a railway train", classes) == ["train"]
    assert named("a catalogue of boating", classes) == []


@pytest.mark.parametrize("text", ("", "   ", "?!", "\n"))
def test_an_empty_text_shows_the_picture_and_asks_for_one(prompt, text):
    prompt.text.value = text
    assert prompt.state()["whole"] is None and not prompt.heat().any()
    assert np.array_equal(pixels(prompt.image), picture()[0])
    assert "press Enter" in prompt.note.value and "nothing to look for" in prompt.line.value
    prompt.text.value = "water"
    assert "press Enter" not in prompt.note.value


def test_words_that_were_never_read_are_named(prompt):
    assert prompt.state()["unknown"] == [] and "never read" not in prompt.note.value
    prompt.text.value = "a zebra <b>near</b> the water"
    assert prompt.state()["unknown"] == ["zebra", "b", "near"]
    assert "“zebra”" in prompt.note.value and "<b>" not in prompt.note.value
    prompt.text.value, prompt.against.value = "a boat", "water, quicksand"
    assert prompt.state()["unknown"] == ["quicksand"]


def test_each_model_has_its_own_words():
    assert {"horse", "ponies", "people", "water"} <= words_of("pocket")
    assert not {"sofa", "couch", "motorcycle"} & words_of("pocket")  # names of no scene's class
    held = words_of("pocket-held-out")
    assert "boat" in held and not {"horse", "ponies", "bird", "fowl"} & held
    assert words_of("ViT-B-16/openai") is None


def test_a_real_model_gets_no_warnings():
    prompt = made(clip=Colours("ViT-B-16/openai"), text="a zebra")
    prompt.picture.value = "photo"
    assert prompt.notes(prompt.state()) == []


def test_on_a_photograph_the_pocket_model_says_what_it_has_seen(prompt):
    assert "photograph" not in prompt.note.value
    prompt.picture.value = "photo"
    assert "This is a photograph" in prompt.note.value


def test_without_rivals_there_are_cosines_and_it_says_so(prompt):
    prompt.against.value = " , ?"
    assert prompt.state()["kind"] == "cosine" and prompt.map.value == "Grad-CAM"
    assert "no text to compete with" in prompt.note.value
    prompt.map.value = "cosine"
    assert "compete" not in prompt.note.value


def test_a_rival_takes_its_places_away(prompt):
    prompt.map.value, prompt.against.value = "probability", "water"
    some = prompt.heat()
    prompt.against.value = "water, grass"
    both = prompt.heat()
    trees = np.zeros((128, 128), bool)
    trees[:24] = True
    assert some[trees].mean() > 5 * both[trees].mean()


def test_a_text_that_is_too_long_is_called_so(prompt):
    class Tokens:
        context_length = 8

        def encode(self, text):
            return text.split()

    prompt.clip.tokenizer = Tokens()
    prompt.text.value = "a boat on the water"
    assert not prompt.state()["cut"]
    prompt.text.value = "a boat on the water under a tree"
    assert prompt.state()["cut"] and "its end is ignored" in prompt.note.value


def test_pictures_and_texts_are_embedded_once(prompt):
    prompt.map.value = "probability"
    prompt.picture.value = "photo"
    before = len(prompt.clip.asked)
    for kind in ("cosine", "probability"):
        prompt.map.value = kind
    prompt.picture.value = "lake"
    assert len(prompt.clip.asked) == before
    start = time.process_time()  # other work on the machine is not ours
    prompt.text.value = "a dog"
    assert time.process_time() - start < 0.5


def test_the_repr_is_short_and_the_bundle_has_a_still_picture(prompt):
    bundle = prompt._repr_mimebundle_()
    assert bundle["text/plain"] == repr(prompt) == "Prompt(2 pictures, pocket-colours)"
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "Still view of the prompt" in bundle["text/html"]
    assert "of the heat on it" in bundle["text/html"]


def test_no_picture_is_refused():
    with pytest.raises(ValueError, match="needs a picture"):
        Prompt({}, Colours())


# ------------------------------------------------------------------------------ in a page

SETUP = "import numpy as np\nimport torch\nimport torch.nn.functional as F\nfrom PIL import Image\n"
CELL = """\
from wsss_lite.widgets.prompt import Prompt
image, mask = picture()
Prompt({"lake": image, "photo": image[:, ::-1].copy()}, Colours(), {"lake": mask}, ("boat",),
       ["photo"])
"""


@pytest.fixture
def opened(page, server, notebooks):  # noqa: F811
    parts = [SETUP, *map(inspect.getsource, (Last, Colours, picture))]
    write_notebook(notebooks / "prompt.ipynb", "\n\n".join(parts), CELL)
    page.goto(server("prompt.ipynb"))
    run_all(page)
    widget = page.locator(".wsss-prompt").first
    widget.wait_for(timeout=120_000)
    widget.scroll_into_view_if_needed()
    return widget


def type_into(page, widget, which, text):  # noqa: F811
    """Fill a field letter by letter and press Enter."""
    field = widget.locator("input[type=text]").nth(which)
    field.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_the_page_answers_to_typing(page, opened):  # noqa: F811
    line, note = opened.locator(".wsss-prompt-line"), opened.locator(".wsss-prompt-note")
    assert "of the heat on boat (25% of the picture)" in line.inner_text()

    before, after = followed(page, opened, lambda: type_into(page, opened, 0, "the water"))
    assert before[0] != after[0] and "the water" in line.inner_text()
    assert "the water" in opened.locator("img.wsss-prompt-view").get_attribute("title")

    followed(page, opened, lambda: type_into(page, opened, 0, "a zebra"))
    assert "zebra" in note.inner_text() and "never read" in note.inner_text()

    followed(page, opened, lambda: type_into(page, opened, 0, ""))
    assert "press Enter" in note.inner_text() and "nothing to look for" in line.inner_text()

    followed(page, opened, lambda: type_into(page, opened, 0, "a boat"))
    before, after = followed(page, opened, lambda: type_into(page, opened, 1, "water"))
    assert before[0] != after[0] and "against 1 text" in line.inner_text()

    followed(page, opened, lambda: opened.locator("select").first.select_option("photo"))
    assert "photograph" in note.inner_text()

    shown = opened.locator("img.wsss-prompt-view")
    assert shown.bounding_box()["width"] >= 256
    # The file browser would take half of the width; this closes it.
    page.locator(".jp-SideBar .lm-TabBar-tab[data-id='filebrowser']").click()
    page.set_viewport_size({"width": 480, "height": 900})
    page.wait_for_timeout(1_500)
    frame = opened.bounding_box()
    right = min(480, frame["x"] + frame["width"])
    for part in opened.locator("input, select, img").all():
        box = part.bounding_box()
        assert box["x"] >= frame["x"] - 1 and box["x"] + box["width"] <= right + 1
    assert shown.bounding_box()["width"] >= 256, "too small to see in a narrow window"
    before, after = followed(page, opened, lambda: type_into(page, opened, 0, "grass"))
    assert before[0] != after[0] and "grass" in line.inner_text()
