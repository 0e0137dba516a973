"""The prompt: type a text, see where in a picture CLIP finds it, and which words it never read."""

import re
from html import escape

import ipywidgets as widgets
import numpy as np
import torch

from wsss_lite import show
from wsss_lite.assist import captions
from wsss_lite.assist.grad_cam import grad_cam_picture
from wsss_lite.assist.pocket_clip import HELD_OUT
from wsss_lite.assist.prompts import SYNONYMS
from wsss_lite.data.casting import CLASSES
from wsss_lite.maps.cam import normalise, relu
from wsss_lite.maps.text import similarity
from wsss_lite.refine.threshold import upsample
from wsss_lite.widgets.base import Described, Panel, heat_over, prepared

KINDS = ("Grad-CAM", "probability", "cosine")
AGAINST = "water, rails, road, grass, sky, room"
POCKET = "pocket"  # how the names of the models begin that have read captions of scenes only


class Prompt(Panel):
    """Where in a picture is what a text says, for a CLIP of any name.

    images: {name: (H, W, 3) uint8}; clip: a `Clip`; masks: {name: (H, W) uint8}, for some or none
    of the pictures, with the values of `classes`; photos: names of those that are no drawn scenes.
    A text that names a class whose mask is known is scored by the share of the heat on it.

    The controls are `picture`, `text`, `against` (texts that compete, with commas between) and
    `map`, one of `KINDS`: setting their `.value` does what typing and Enter do, and `state()`
    says what is shown. Places of a picture and texts are embedded once; each Grad-CAM takes a
    forward pass.
    """

    kind = "prompt"

    def __init__(self, images, clip, masks=None, classes=(), photos=(), text="a boat"):
        if not images:
            raise ValueError("the prompt needs a picture")
        self.names, self.clip, self.classes = tuple(images), clip, tuple(classes)
        masks = masks or {}
        small = prepared(images.values(), [masks.get(name) for name in self.names])
        self.images, self.masks = (dict(zip(self.names, part)) for part in small)
        self.photos, self.known = set(photos), words_of(clip.name)
        self._dense, self._rows, self._texts, self._last = {}, {}, {}, (None, None)
        self._build(text)
        self._draw()

    # ---- the controls

    def _build(self, text):
        said = {"continuous_update": False}  # half a word means nothing
        self.picture = widgets.Dropdown(options=self.names, description="picture")
        self.text = widgets.Text(text, description="text", placeholder="then press Enter", **said)
        self.against = widgets.Text(
            AGAINST, description="against", placeholder="texts, with commas between", **said
        )
        self.map = widgets.Dropdown(options=KINDS, description="map")
        self.original, self.image, self.note = Described(), Described(), widgets.HTML()
        self.image.add_class("wsss-prompt-view")
        rows = [self.picture, self.text], [self.map, self.against], [self.original, self.image]
        self._lay_out(*rows)
        self.box.children = (*self.box.children, self.note)
        self._listen(*rows[0], *rows[1])
        for control in (*rows[0], *rows[1]):
            control.layout.max_width = "100%"  # of a narrow window

    def _draw(self, change=None):
        """Show what the controls say."""
        state = self.state()
        text = _sentence(state)
        self.original.show(self.images[state["picture"]], f"picture {state['picture']}")
        self.image.show(self.right(), text)
        self._say(text, _numbers(state))
        self.note.value = _note(self.notes(state))

    # ---- what is shown

    def typed(self):
        """The text without spaces around it; "" where it holds neither letter nor digit."""
        text = self.text.value.strip()
        return text if words(text) else ""

    def rivals(self):
        """The texts that compete."""
        return [part.strip() for part in self.against.value.split(",") if words(part)]

    def shown(self):
        """The kind of map: cosines where nothing is there to compete with."""
        return self.map.value if self.rivals() else "cosine"

    def vectors(self, texts):
        """(K, D) float32, unit length."""
        new = [text for text in dict.fromkeys(texts) if text not in self._texts]
        if new:
            self._texts |= dict(zip(new, self.clip.texts(new)))
        return np.stack([self._texts[text] for text in texts])

    def cosines(self, texts):
        """(K, h, w) of each position of the picture with each text."""
        name = self.picture.value
        if name not in self._dense:
            self._dense[name] = torch.as_tensor(self.clip.dense([self.images[name]]))
        return similarity(self._dense[name], self.vectors(texts))[0]

    def raw(self):
        """(h, w) cosines, probabilities or evidence of the text, as they come."""
        key = (self.picture.value, self.shown(), self.typed(), *self.rivals())
        if self._last[0] != key:
            self._last = key, self._fresh(self.shown(), [self.typed(), *self.rivals()])
        return self._last[1]

    def _fresh(self, kind, texts):
        if kind == "Grad-CAM":
            one, others = np.split(self.vectors(texts), [1])
            there = np.ones(1, bool)
            image = self.images[self.picture.value]
            return torch.as_tensor(grad_cam_picture(self.clip, image, one, others, there)[0])
        cosines = self.cosines(texts)
        return cosines[0] if kind == "cosine" else (self.clip.scale * cosines).softmax(0)[0]

    def heat(self):
        """(H, W) in 0..1: what is positive, divided by the maximum; zero without a text."""
        size = self.images[self.picture.value].shape[:2]
        if not self.typed():
            return np.zeros(size, np.float32)
        return upsample(normalise(relu(self.raw()))[None].numpy(), size)[0]

    def right(self):
        """(H, W, 3) uint8 the picture on the right: as it is where there is no text."""
        image = self.images[self.picture.value]
        return heat_over(image, self.heat()) if self.typed() else image

    def region(self):
        """((H, W) bool where the classes lie that the text names, their names), or (None, [])."""
        mask = self.masks[self.picture.value]
        said = [] if mask is None else named(self.typed(), self.classes)
        inside = np.isin(mask, [self.classes.index(name) + 1 for name in said])
        return (inside, said) if said and inside.any() else (None, [])

    def state(self):
        """What is chosen and shown, as plain values: for a later cell, and for tests.

        whole: cosine of the text with the picture as a whole; highest: the largest value of the
        map before it is divided by it; on, area: share of the heat and of the picture that lies on
        the classes `named`, None where the text names none that is outlined. unknown: words that
        no caption held; cut: whether the text is longer than the model reads.
        """
        text, kind = self.typed(), self.shown()
        state = {"picture": self.picture.value, "text": text, "against": self.rivals(),
                 "kind": kind, "whole": None, "highest": None, "named": [], "on": None,
                 "area": None, "unknown": [], "cut": False}  # fmt: skip
        if not text:
            return state
        heat, (inside, said) = self.heat(), self.region()
        if inside is not None:
            known = self.masks[self.picture.value] != show.VOID
            total = heat[known].sum()
            state |= {"named": said, "area": float(inside[known].mean()),
                      "on": float(heat[inside].sum() / total) if total else 0.0}  # fmt: skip
        return state | {
            "whole": float(self.whole() @ self.vectors([text])[0]),
            "highest": float(self.raw().max()),
            "unknown": self.unknown([text, *state["against"]]),
            "cut": too_long(self.clip, text),
        }

    def whole(self):
        """(D,) float32: the picture as a whole, unit length."""
        name = self.picture.value
        if name not in self._rows:
            self._rows[name] = self.clip.pictures([self.images[name]])[0]
        return self._rows[name]

    def unknown(self, texts):
        """Words of the texts that no caption held; [] for a model whose reading nobody listed."""
        if self.known is None:
            return []
        said = [word for text in texts for word in words(text)]
        return [word for word in dict.fromkeys(said) if word not in self.known]

    def notes(self, state):
        """Sentences on what the model cannot know of this."""
        if not state["text"]:
            return ["Type what to look for and press Enter."]
        notes = []
        if state["unknown"]:
            said = ", ".join(f"“{word}”" for word in state["unknown"])
            notes.append(f"The model has never read {said}: the map follows from the letters, "
                         "not from a meaning.")  # fmt: skip
        if self.known is not None and state["picture"] in self.photos:
            notes.append("This is a photograph. The model has learnt what words look like from "
                         "drawn scenes only.")  # fmt: skip
        if self.map.value != state["kind"]:
            notes.append("There is no text to compete with, so these are cosines.")
        if state["cut"]:
            notes.append("The text is longer than the model reads; its end is ignored.")
        return notes

    # ---- without a page that answers

    def strip(self):
        """The same as still pictures (`show.strip`)."""
        state = self.state()
        titles = [state["picture"], _sentence(state)]
        if state["on"] is not None:
            titles[1] += f", {state['on']:.0%} of the heat on it"
        alt = f"Still view of the prompt, {_sentence(state)}"
        return show.strip([self.images[state["picture"]], self.right()], titles, alt=alt)

    def __repr__(self):
        return f"Prompt({len(self.images)} pictures, {self.clip.name})"


def words(text):
    """The words of a text, in small letters."""
    return re.findall(r"[^\W_]+", text.lower())


def words_of(name):
    """The set of words in the captions that a pocket model has read; None for any other."""
    if not name.startswith(POCKET):
        return None
    without = HELD_OUT if name.endswith("held-out") else ()
    return set(captions.every_word([cls for cls in CLASSES if cls not in without]))


def forms(cls):
    """All names of a class, with plurals."""
    names = SYNONYMS.get(cls, (cls,))
    more = [p for name in names for p in (f"{name}s", *captions.PLURAL.get(name, ()))]
    return [*names, *more]


def named(text, classes):
    """The classes that a text names by one of their names."""
    said = f" {' '.join(words(text))} "
    return [cls for cls in classes if any(f" {form} " in said for form in forms(cls))]


def too_long(clip, text):
    """Whether the end of a text is not read; False where the tokenizer does not tell."""
    tokenizer = getattr(clip, "tokenizer", None)
    most = getattr(tokenizer, "context_length", None)
    if not most or not hasattr(tokenizer, "encode"):
        return False
    return len(tokenizer.encode(text)) + 2 > most  # a start and an end are put around it


def _sentence(state):
    """What the picture on the right shows, for those who do not see it."""
    if not state["text"]:
        return f"{state['picture']}: no text yet"
    many = len(state["against"])
    rivals = f" against {many} text{'s' * (many > 1)}" if state["kind"] != "cosine" else ""
    return f"{state['picture']}: {state['kind']} of “{state['text']}”{rivals}"


def _numbers(state):
    """The numbers of the line as text."""
    if not state["text"]:
        return "nothing to look for"
    said = [f"cosine with the whole picture {state['whole']:.2f}"]
    if state["kind"] != "Grad-CAM":
        said.append(f"highest {state['kind']} of a place {state['highest']:.2f}")
    if state["on"] is not None:
        what = " and ".join(state["named"])
        share = f"{state['area']:.0%} of the picture"
        said.append(f"{state['on']:.0%} of the heat on {what} ({share})")
    return ", ".join(said)


def _note(sentences):
    text = escape(" ".join(sentences))
    return f'<p class="wsss-prompt-note" role="status" style="margin:0">{text}</p>'
