"""The walker: who vouches for the pixel under the cursor, and where a map walks along it."""

import anywidget
import ipywidgets as widgets
import numpy as np
import traitlets

from wsss_lite import show
from wsss_lite.refine.threshold import label, upsample
from wsss_lite.refine.walk import walk
from wsss_lite.score import Scores, confusion
from wsss_lite.widgets.base import SCREEN, Described, Panel, heat_over, mask_over, png, prepared
from wsss_lite.widgets.moving import ALL, Layer, Moving, in_order

STEPS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256)
SHOWN = (0, 1, 4, 16, 64, 256)  # steps in a page without a kernel
ROOM = 60_000  # bytes of that page
STILL = 192  # pixels of a still picture: there are many of them

PAGE = """
const FINE = 2;  // canvas pixels for one of the page, so that edges stay sharp
const LEAP = 5;  // cells that an arrow key moves with shift
const PAUSE = 60;  // milliseconds between two messages while the cursor moves

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.className = "wsss-walker-canvas";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  // Jupyter's own keys (the arrows select cells) stay out of it.
  canvas.dataset.lmSuppressShortcuts = "true";
  Object.assign(canvas.style, {
    width: model.get("wide") + "px", touchAction: "none", cursor: "crosshair", display: "block",
    margin: "2px",  // as around the pictures of other widgets
  });
  el.appendChild(canvas);

  const image = new Image();
  let cell = [...model.get("cell")], held = null, timer = null;

  const draw = () => {
    const context = canvas.getContext("2d"), [rows, columns] = model.get("grid");
    const high = canvas.height / rows, wide = canvas.width / columns;
    if (image.naturalWidth) context.drawImage(image, 0, 0, canvas.width, canvas.height);
    for (const [colour, out] of [["black", 2 * FINE], ["white", FINE]]) {
      context.strokeStyle = colour;
      context.lineWidth = FINE;
      context.strokeRect(cell[1] * wide - out / 2, cell[0] * high - out / 2,
                         wide + out, high + out);
    }
  };
  const load = () => {
    const blob = new Blob([model.get("picture")], { type: "image/png" });
    const address = URL.createObjectURL(blob);
    image.onload = () => {
      URL.revokeObjectURL(address);
      canvas.width = FINE * model.get("wide");
      canvas.height = Math.round(canvas.width * image.naturalHeight / image.naturalWidth);
      draw();
    };
    image.src = address;
  };
  const label = () => {
    canvas.setAttribute("aria-label", model.get("label"));
    canvas.title = model.get("label");
  };
  const send = () => {
    clearTimeout(timer);
    timer = null;
    model.set("cell", [...cell]);
    model.save_changes();
  };
  const go = (row, column) => {
    const grid = model.get("grid");
    const next = [row, column].map((v, k) => Math.min(Math.max(Math.floor(v), 0), grid[k] - 1));
    if (next[0] === cell[0] && next[1] === cell[1]) return;
    cell = next;
    draw();
    if (timer === null) timer = setTimeout(send, PAUSE);
  };
  const point = event => {
    const area = canvas.getBoundingClientRect(), [rows, columns] = model.get("grid");
    go((event.clientY - area.top) / area.height * rows,
       (event.clientX - area.left) / area.width * columns);
  };

  canvas.addEventListener("pointerdown", event => {
    if (event.button !== 0 || held !== null) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    held = event.pointerId;
    point(event);
  });
  canvas.addEventListener("pointermove", event => { if (held === event.pointerId) point(event); });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, event => { if (held === event.pointerId) held = null; });
  }
  canvas.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const far = event.shiftKey ? LEAP : 1, [row, column] = cell;
    const moves = { ArrowUp: [row - far, column], ArrowDown: [row + far, column],
                    ArrowLeft: [row, column - far], ArrowRight: [row, column + far] };
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    go(...moves[event.key]);
  });

  const moved = () => {
    if (held === null && timer === null) { cell = [...model.get("cell")]; draw(); }
  };
  const listeners = { "change:picture": load, "change:label": label, "change:grid": draw,
                      "change:cell": moved };
  for (const [name, act] of Object.entries(listeners)) model.on(name, act);
  label(); load();
  return () => {
    if (timer !== null) send();
    for (const [name, act] of Object.entries(listeners)) model.off(name, act);
  };
}
export default { render };
"""


class Cells(anywidget.AnyWidget):
    """A picture under a grid; `cell` is the (row, column) that was clicked or moved to by keys.

    picture: a PNG file; grid: (rows, columns); label: what there is to see and to do.
    """

    _esm = PAGE
    picture = traitlets.Bytes(b"").tag(sync=True)
    grid = traitlets.Tuple((1, 1)).tag(sync=True)
    cell = traitlets.Tuple((0, 0)).tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    wide = traitlets.Int(SCREEN).tag(sync=True)


class Walker(Panel):
    """Shows the affinity of the pixel under the cursor, and steps the random walk along it.

    images: list of (H, W, 3) uint8; maps: (N, C, h, w) in 0..1, to start from; kinds: {name:
    (size, list of N transition matrices)}, each (n, n), sparse or not, of a grid of size (h, w)
    with n = h * w; masks: list of (H, W) uint8; tags: (N, C) bool; classes: C names.

    On the left is the pixel's row of the matrix over the picture, as a share of its largest value
    but for its own; on the right the map of a class after the steps. The controls are `picture`,
    `affinity`, `cls`, `steps`, `threshold`, `view` and the `cells`, whose cell follows mouse, pen,
    finger and the arrow keys. `move` does what a click does, and `state()` says what is shown.
    """

    kind = "walker"

    def __init__(self, images, maps, kinds, masks, tags, classes, threshold=0.4):
        self.classes, self.kinds = tuple(classes), dict(kinds)
        self.images, self.masks = prepared(images, masks)
        self.maps, self.tags = np.asarray(maps, np.float32), np.asarray(tags, bool)
        size = (len(self.images), len(self.classes))
        if self.tags.shape != size or self.maps.shape[:2] != size:
            raise ValueError(
                f"tags {self.tags.shape} and maps {self.maps.shape} do not belong to "
                f"{size[0]} pictures and {size[1]} classes"
            )
        for name, ((h, w), matrices) in self.kinds.items():
            wrong = [m.shape for m in matrices if m.shape != (h * w, h * w)]
            if wrong or len(matrices) != size[0]:
                raise ValueError(
                    f"{name}: {size[0]} matrices of {h * w} x {h * w} are wanted, not "
                    f"{len(matrices)} of {wrong or 'that size'}"
                )
        self._walks, self._busy = {}, True
        self._build(threshold)
        self._busy = False
        self._new_picture()

    # ---- the controls

    def _build(self, threshold):
        last = len(self.images)
        self.picture = widgets.IntSlider(1, 1, last, description="picture", disabled=last == 1)
        self.affinity = widgets.Dropdown(options=list(self.kinds), description="affinity")
        self.cls = widgets.Dropdown(options=self.classes, description="class")
        self.steps = widgets.SelectionSlider(options=STEPS, description="steps")
        self.threshold = widgets.FloatSlider(
            threshold, min=0, max=1, step=0.01, description="threshold", readout_format=".2f"
        )
        self.view = widgets.Dropdown(options=["heat", "mask"], description="view")
        self.cells, self.image = Cells(), Described()
        self.image.add_class("wsss-walker-view")
        rows = [
            [self.picture, self.affinity, self.cls],
            [self.steps, self.threshold, self.view],
            [self.cells, self.image],
        ]
        self._lay_out(*rows)
        self._listen(self.picture, then=self._new_picture)
        self._listen(self.affinity, then=self._new_grid)
        self._listen(self.cls, *rows[1])
        self.cells.observe(self._draw, "cell")
        h, w = self.size()
        self.cells.grid, self.cells.cell = (h, w), (h // 2, w // 2)

    def _new_picture(self, change=None):
        """Another picture: offer its classes, keep the chosen one where it is there too."""
        there = [self.classes[k] for k in np.flatnonzero(self.tags[self._index])]
        chosen = self.cls.value if self.cls.value in there else (there or [None])[0]
        self._busy = True  # two controls change below, one drawing is enough
        self.cls.options, self.cls.value = there, chosen
        self._busy = False
        self._draw()

    def _new_grid(self, change=None):
        """Another affinity: the cursor stays at its place in the picture, whatever the grid."""
        old, new = self.cells.grid, self.size()
        self._busy = True
        self.cells.cell = _cell(self.cells.cell, old, new)
        self.cells.grid = tuple(new)
        self._busy = False
        self._draw()

    def move(self, row, column):
        """Put the cursor on the pixel (row, column) of the picture."""
        size = self.images[self._index].shape[:2]
        self.cells.cell = _cell((row, column), size, self.size())

    def _draw(self, change=None):
        """Show what the controls say; all that runs while a slider moves."""
        if self._busy:
            return
        state = self.state()
        row, column = state["cell"]
        pixel = f"{state['affinity']} affinity of row {row}, column {column}"
        self.cells.label = f"{pixel}. Click, or press the arrow keys, to ask another pixel"
        self.cells.picture = png(self.left())
        what = f"{state['view']} of {state['cls']} after {state['steps']} steps"
        self.image.show(self.right(), what)
        where = f"Picture {state['picture']} of {len(self.images)}"
        self._say(f"{where}, {pixel}; {what}", _numbers(state))

    # ---- what is shown

    @property
    def _index(self):
        return self.picture.value - 1

    def size(self, affinity=None):
        """(h, w) of the grid of an affinity (default: the chosen one)."""
        return self.kinds[affinity or self.affinity.value][0]

    def row(self, affinity=None):
        """(h, w) in 0..1: the row of the pixel under the cursor, over its largest other value."""
        name = affinity or self.affinity.value
        (h, w), matrices = self.kinds[name]
        y, x = _cell(self.cells.cell, self.cells.grid, (h, w))
        line = matrices[self._index][[y * w + x]]
        line = np.asarray(line.toarray() if hasattr(line, "toarray") else line, np.float32)
        line = line.reshape(h, w)
        rest = line.copy()
        rest[y, x] = 0  # in a walk nobody vouches for a pixel like the pixel itself
        return (line / max(rest.max(), 1e-9)).clip(0, 1)

    def walked(self, affinity=None, steps=None):
        """(C, H, W) maps after the steps, each divided by its maximum."""
        steps = self.steps.value if steps is None else steps
        small = self._after(self._index, affinity or self.affinity.value, steps)
        return upsample(small, self.images[self._index].shape[:2])

    def _after(self, i, name, steps):
        """(C, h, w) the same for any picture, on the affinity's grid; a walk is taken once."""
        (h, w), matrices = self.kinds[name]
        known = self._walks.setdefault((i, name), {0: upsample(self.maps[i], (h, w))})
        if steps not in known:
            done = max(k for k in known if k < steps)
            known[steps] = walk(known[done], matrices[i], steps - done)
        top = known[steps].max((1, 2), keepdims=True)
        return known[steps] / top.clip(1e-9)

    def left(self, affinity=None):
        """(H, W, 3) uint8 the pixel's row over the picture."""
        return heat_over(self.images[self._index], self.row(affinity), colours="viridis")

    def right(self):
        """(H, W, 3) uint8 the picture on the right."""
        image, maps = self.images[self._index], self.walked()
        if self.view.value == "mask":
            return mask_over(image, label(maps, self.threshold.value), self.classes)
        if self.cls.value is None:
            return heat_over(image, np.zeros(image.shape[:2], np.float32))
        return heat_over(image, maps[self.classes.index(self.cls.value)], self.threshold.value)

    def miou(self, affinity=None, steps=None):
        """mIoU of the current picture's mask after the steps; None without a true mask."""
        truth = self.masks[self._index]
        if truth is None:
            return None
        found = label(self.walked(affinity, steps), self.threshold.value)
        return float(Scores(confusion(truth, found, len(self.classes) + 1)).miou)

    def own(self, affinity=None):
        """Share of the pixel's affinity that goes to its own true class, itself left out.

        None without a true mask, or where the pixel has no class or no affinity.
        """
        truth, line = self.masks[self._index], self.row(affinity).copy()
        if truth is None:
            return None
        small = show.resize(truth, line.shape, smooth=False)
        at = _cell(self.cells.cell, self.cells.grid, line.shape)
        line[at] = 0
        line[small == show.VOID] = 0
        if small[at] == show.VOID or line.sum() < 1e-6:
            return None
        return float(line[small == small[at]].sum() / line.sum())

    def state(self):
        """What is chosen and shown, as plain values: for a later cell, and for tests.

        own: see `own`; miou, before: of this picture after the steps, and after none.
        """
        return {
            "picture": self.picture.value,
            "affinity": self.affinity.value,
            "cls": self.cls.value,
            "cell": tuple(self.cells.cell),
            "steps": self.steps.value,
            "threshold": round(self.threshold.value, 2),
            "view": self.view.value,
            "own": self.own(),
            "miou": self.miou(),
            "before": self.miou(steps=0),
        }

    # ---- without a page that answers

    def strip(self):
        """The pixel's row in every affinity, and the map after the steps (`show.grid`)."""
        state, image = self.state(), self.images[self._index]
        rows, titles = [[], []], [[], []]
        h, w = self.cells.grid
        for name in self.kinds:
            picture = self.left(name)
            y, x = _cell(state["cell"], (h, w), picture.shape)
            rows[0].append(show.fit(_marked(picture, y, x), STILL))
            own = self.own(name)
            titles[0].append(name + ("" if own is None else f", {own:.0%} to its own class"))
            maps, miou = self.walked(name), self.miou(name)
            heat = maps[self.classes.index(state["cls"])] if state["cls"] else 0 * maps[0]
            rows[1].append(show.fit(heat_over(image, heat, state["threshold"]), STILL))
            titles[1].append(name + ("" if miou is None else f", mIoU {miou:.2f}"))
        headings = ["affinity of the marked pixel", f"{state['cls']} after {state['steps']} steps"]
        if state["before"] is not None:
            headings[1] += f" (mIoU of this picture before: {state['before']:.2f})"
        alt = f"Still view of the walker, picture {state['picture']} of {len(self.images)}"
        return show.grid(rows, titles, alt=alt, headings=headings)

    def moving(self):
        """The walk along each affinity; asking a pixel needs a kernel."""
        names = [f"{name}, {steps}" for name in self.kinds for steps in SHOWN]
        state = self.state()
        return Moving(
            self.classes,
            (self._page_of(i) for i in in_order(self._index, len(self.images))),
            len(self.images),
            state["threshold"],
            names,
            "affinity, steps",
            cls=state["cls"] or ALL,
            view=state["view"],
            note="The cursor asks other pixels in the notebook only.",
            largest=ROOM,
        )

    def _page_of(self, i):
        there = np.flatnonzero(self.tags[i])
        every = [self._after(i, name, steps) for name in self.kinds for steps in SHOWN]
        layers = [Layer({k: maps[k] for k in there}) for maps in every]
        return i + 1, self.images[i], self.masks[i], layers

    def __repr__(self):
        return f"{super().__repr__()[:-1]}, {len(self.kinds)} affinities)"


def _cell(place, old, new):
    """(row, column) on a grid of size `new` of the middle of a place on a grid of size `old`."""
    return tuple(min(max(int((place[k] + 0.5) / old[k] * new[k]), 0), new[k] - 1) for k in range(2))


def _marked(picture, y, x, arm=6):
    """The picture with a small cross, white on black, at (y, x)."""
    picture, y, x = picture.copy(), int(y), int(x)
    for colour, wide in ((0, 2), (255, 1)):
        picture[max(0, y - arm) : y + arm, max(0, x - wide) : x + wide] = colour
        picture[max(0, y - wide) : y + wide, max(0, x - arm) : x + arm] = colour
    return picture


def _numbers(state):
    """The scores as text."""
    own = "" if state["own"] is None else f"{state['own']:.0%} of the affinity to its own class, "
    if state["miou"] is None:
        return f"{own}no mask to compare with"
    return f"{own}mIoU of this picture {state['miou']:.2f} ({state['before']:.2f} before the walk)"
