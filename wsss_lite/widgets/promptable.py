"""The prompter: click or drag on a picture, see the mask and what its IoU is believed to be."""

import time

import cv2
import ipywidgets as widgets
import numpy as np

from wsss_lite import show
from wsss_lite.data.images import VOID
from wsss_lite.errors import InputError
from wsss_lite.widgets.base import Panel, png, prepared
from wsss_lite.widgets.promptable_canvas import Canvas

BEST = "the best"
INK = (0, 114, 178)  # Okabe and Ito's blue
SHADE = 110  # of 255: how much of the ink a mask gets
ON, BESIDE = (0, 158, 115), (213, 94, 0)


class Prompter(Panel):
    """Asks a promptable segmenter, and shows its mask over the picture with the estimated IoU.

    images: {name: (H, W, 3) uint8}, a list of them, or one; sam: a `Promptable`; things: numbered
    things, (H, W) uint8 with 0 for none and 255 for void, under the same names or in the same
    order, to compare with: the true IoU is that with the thing that a mask fits best. Each picture
    is encoded once, when it is first shown.

    The `canvas` takes clicks and boxes by mouse, pen, finger and keys; `picture` chooses the
    picture and `answer` among the masks where a single click has several. `click`, `beside`,
    `drag`, `undo` and `clear` do what the mouse does, and `state()` says what is shown.
    """

    kind = "promptable"

    def __init__(self, images, sam, things=None):
        named = _named(images)
        if not named:
            raise InputError("There is no picture to click on; give one.")
        pictures, numbers = prepared(named.values(), _in_order(named, things))
        self.images, self.things = dict(zip(named, pictures)), dict(zip(named, numbers))
        self.sam, self.classes = sam, ()
        self._embeddings, self._acts, self._busy = {}, {name: [] for name in named}, False
        self._build()
        self._new_picture()

    # ---- the controls

    def _build(self):
        self.picture = widgets.Dropdown(options=list(self.images), description="picture")
        self.answer = widgets.Dropdown(options=[BEST], description="answer")
        self.canvas = Canvas()
        self._lay_out([self.picture, self.answer], [self.canvas])
        self._listen(self.picture, then=self._new_picture)
        self._listen(self.answer)
        self.canvas.observe(self._asked, "acts")

    def _new_picture(self, change=None):
        image = self.images[self.name]
        self._busy = True  # the old picture's prompts are not this one's
        with self.canvas.hold_sync():
            self.canvas.size, self.canvas.picture = tuple(image.shape[:2]), png(image)
            self.canvas.acts = self._acts[self.name]
        self._busy = False
        self._asked()

    def _asked(self, change=None):
        """Another prompt: ask for its masks, show the best."""
        if self._busy:
            return
        self._acts[self.name] = [list(act) for act in self.canvas.acts]
        self._masks, self._iou, self._note, self._ms = None, np.zeros(0), "", 0.0
        try:
            self._ask()
        except InputError as error:
            self._note = str(error)
        options = [BEST, *(f"{k} of {len(self._iou)}" for k in range(1, len(self._iou) + 1))]
        self._busy = True
        self.answer.options = options if len(self._iou) > 1 else [BEST]
        self.answer.value = BEST
        self._busy = False
        self._draw()

    def _ask(self):
        box, points, labels = self.prompt()
        if self.name not in self._embeddings:
            self._embeddings[self.name] = self.sam.encode(self.images[self.name])
        if box is None and not points:
            return
        given = {"points": [points], "labels": [labels]} if points else {}
        start = time.perf_counter()
        masks, iou = self.sam.masks(self._embeddings[self.name], boxes=box and [box], **given)
        self._ms = 1e3 * (time.perf_counter() - start)
        self._masks, self._iou = masks[0], iou[0]

    def _draw(self, change=None):
        if self._busy:
            return
        mask, state = self.mask(), self.state()
        self.canvas.mask = b"" if mask is None else png(transparent(mask))
        where = f"picture {self.name}, {_spoken(state['acts'])}"
        self.canvas.label = f"{where}. {_numbers(state)}".replace("..", ".")
        self._say(where[0].upper() + where[1:], self._note or self._told(state))

    def _told(self, state):
        told = f", answered in {self._ms:.0f} ms" if state["predicted"] else ""
        return f"{_numbers(state)}{told}"

    # ---- what is asked

    @property
    def name(self):
        """The name of the picture that is shown."""
        return self.picture.value

    def prompt(self):
        """(box or None, list of (x, y), list of 1 on the thing and 0 beside it): one prompt.

        Of several boxes the last counts.
        """
        acts = self._acts[self.name]
        boxes = [tuple(at) for kind, *at in acts if kind == "box"]
        clicks = [(tuple(at), int(kind == "on")) for kind, *at in acts if kind != "box"]
        return boxes[-1] if boxes else None, [p for p, _ in clicks], [n for _, n in clicks]

    # What the mouse does, for a cell of the notebook; in pixels of the picture.

    def click(self, x, y):
        """Click on the thing."""
        self._add(["on", x, y])

    def beside(self, x, y):
        """Click beside the thing."""
        self._add(["beside", x, y])

    def drag(self, x0, y0, x1, y1):
        """Drag a box; x1 and y1 lie outside."""
        self._add(["box", x0, y0, x1, y1])

    def undo(self):
        """Take the last click or box back."""
        self.canvas.acts = self._acts[self.name][:-1]

    def clear(self):
        """Take all of them back."""
        self.canvas.acts = []

    def _add(self, act):
        """InputError: outside the picture, or empty, and nothing changes."""
        from wsss_lite.assist.sam import prompts

        kind, *at = act
        asked = {"boxes": [at]} if kind == "box" else {"points": [[at]]}
        prompts(self.images[self.name].shape[:2], **asked)
        self.canvas.acts = [*self._acts[self.name], [kind, *map(_plain, at)]]

    # ---- what is shown

    def _chosen(self):
        """The number of the mask that is shown, from 0."""
        return int(self._iou.argmax()) if self.answer.value == BEST else self.answer.index - 1

    def mask(self):
        """(H, W) bool: the mask that is shown, None before anything was asked."""
        return None if self._masks is None else self._masks[self._chosen()]

    def true_iou(self):
        """(IoU, number) with the thing that the mask fits best; (None, None) without things."""
        mask, things = self.mask(), self.things[self.name]
        if mask is None or things is None:
            return None, None
        known, best = things != VOID, (0.0, None)
        for number in np.setdiff1d(things, (0, VOID)).tolist():
            there = things == number
            both, either = (mask & there).sum(), ((mask | there) & known).sum()
            best = max(best, (float(both / either), number), key=lambda pair: pair[0])
        return best

    def state(self):
        """What is asked and shown, as plain values: for a later cell, and for tests.

        predicted: the estimates of all answers; shown: the number of the one that is shown, from
        1; iou: its true IoU with the thing that it fits best, thing: the number of that; area: its
        share of the picture.
        """
        iou, thing = self.true_iou()
        mask = self.mask()
        return {
            "picture": self.name,
            "acts": [list(act) for act in self._acts[self.name]],
            "predicted": [float(v) for v in self._iou],
            "shown": None if mask is None else self._chosen() + 1,
            "iou": iou,
            "thing": thing,
            "area": None if mask is None else float(mask.mean()),
        }

    # ---- without a page that answers

    def strip(self):
        """What was asked, and all answers, as still pictures (`show.strip`)."""
        state, image = self.state(), self.images[self.name]
        asked = self.asked_over(image)
        pictures, titles = [asked], [_spoken(state["acts"])]
        for k, iou in enumerate(state["predicted"]):
            pictures.append(blended(image, self._masks[k]))
            titles.append(f"predicted IoU {iou:.2f}")
        if state["iou"] is not None:
            titles[state["shown"]] += f", true {state['iou']:.2f}"
        alt = f"Still view of the prompter, picture {self.name}: the prompt and its masks"
        return show.strip(pictures, titles, alt=alt)

    def asked_over(self, image):
        """(H, W, 3) uint8: the picture, enlarged for the screen, with the prompt on it."""
        factor = max(1, -(-show.WIDTH // image.shape[1]))
        picture = np.ascontiguousarray(_enlarged(image))
        box, points, labels = self.prompt()
        if box is not None:
            x0, y0, x1, y1 = (int(factor * v) for v in box)
            for colour, wide in (((0, 0, 0), 4), ((255, 255, 255), 2)):
                cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), colour, wide)
        for (x, y), on in zip(points, labels):
            middle = int(factor * (x + 0.5)), int(factor * (y + 0.5))
            cv2.circle(picture, middle, 7, (255, 255, 255), -1)
            cv2.circle(picture, middle, 5, ON if on else BESIDE, -1 if on else 2)
        return picture

    def __repr__(self):
        return f"Prompter({len(self.images)} pictures, {self.sam.name})"


def transparent(mask):
    """(H, W, 4) uint8: a mask in ink, enlarged, opaque white on its edge, clear beside it."""
    large = _enlarged(mask)
    out = np.zeros((*large.shape, 4), np.uint8)
    out[large] = (*INK, SHADE)
    out[show.edges(large)] = 255
    return out


def blended(image, mask):
    """(H, W, 3) uint8: the mask in ink over its picture."""
    picture = image.astype(np.float32)
    picture[mask] += (np.float32(INK) - picture[mask]) * SHADE / 255
    return picture.round().astype(np.uint8)


def _enlarged(array):
    factor = max(1, -(-show.WIDTH // array.shape[1]))
    return array.repeat(factor, 0).repeat(factor, 1)


def _spoken(acts):
    """The prompt in words."""
    words = {"on": "click on {}, {}", "beside": "click beside at {}, {}",
             "box": "box {}, {} to {}, {}"}  # fmt: skip
    return ", ".join(words[kind].format(*at) for kind, *at in acts) or "nothing asked"


def _numbers(state):
    """The estimates and the truth as text."""
    if not state["predicted"]:
        return "click on a thing or drag a box round it"
    several = " / ".join(f"{v:.2f}" for v in state["predicted"])
    text = f"predicted IoU {state['predicted'][state['shown'] - 1]:.2f}"
    if len(state["predicted"]) > 1:
        text += f" (answer {state['shown']} of {several})"
    return text if state["iou"] is None else f"{text}, true IoU {state['iou']:.2f}"


def _plain(value):
    """A number as the page knows it, whole where it is."""
    return int(value) if value == int(value) else float(value)


def _named(images):
    """{name: picture}; those of a list are called by their number."""
    if isinstance(images, dict):
        return {str(name): np.asarray(image) for name, image in images.items()}
    alone = isinstance(images, np.ndarray) and images.ndim == 3
    images = [images] if alone else list(images)
    return {f"{k}": np.asarray(image) for k, image in enumerate(images, 1)}


def _in_order(named, things):
    """The numbered things in the order of the pictures, None where there are none."""
    if things is None:
        return [None] * len(named)
    found = [things.get(name) for name in named] if isinstance(things, dict) else list(things)
    if len(found) != len(named):
        raise InputError(f"There are {len(named)} pictures but things of {len(found)}; give one "
                         "array of numbers a picture.")  # fmt: skip
    return found
