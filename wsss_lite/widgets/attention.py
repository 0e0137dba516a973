"""The attention viewer: choose who looks, a class or a place of the picture, and see where."""

import anywidget
import ipywidgets as widgets
import numpy as np
import torch
import torch.nn.functional as F
import traitlets

from wsss_lite import show
from wsss_lite.widgets.base import SCREEN, Described, Panel, heat_over, outlined, png, prepared
from wsss_lite.widgets.moving import Layer, Moving, in_order

MEAN = "mean"
PATCH = "patch"
ROOM = 50_000  # bytes of a page without a kernel
STILLS = 3  # class tokens at most in the still view

PAGE = """
function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.className = "wsss-attention-canvas";
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  // Jupyter's own keys (the arrows select cells) stay out of it.
  canvas.dataset.lmSuppressShortcuts = "true";
  const FINE = 2;  // canvas pixels for one of the page, so that edges stay sharp
  Object.assign(canvas.style, {
    width: model.get("wide") + "px", touchAction: "none", cursor: "crosshair", display: "block",
    margin: "2px",  // as around the pictures of other widgets
  });
  el.appendChild(canvas);
  const image = new Image();
  let held = null;

  const draw = () => {
    const [height, width] = model.get("size"), [rows, columns] = model.get("grid");
    canvas.width = FINE * model.get("wide");
    canvas.height = Math.round(canvas.width * height / width);
    const context = canvas.getContext("2d");
    if (image.naturalWidth) context.drawImage(image, 0, 0, canvas.width, canvas.height);
    const [row, column] = model.get("place"), h = canvas.height / rows, w = canvas.width / columns;
    context.lineWidth = 2 * FINE;
    for (const [colour, grow] of [["black", FINE], ["white", 0]]) {
      context.strokeStyle = colour;
      context.strokeRect(column * w - grow, row * h - grow, w + 2 * grow, h + 2 * grow);
    }
  };
  const load = () => {
    const address = URL.createObjectURL(new Blob([model.get("picture")], { type: "image/png" }));
    image.onload = () => { URL.revokeObjectURL(address); draw(); };
    image.src = address;
  };
  const label = () => {
    canvas.setAttribute("aria-label", model.get("label"));
    canvas.title = model.get("label");
  };
  const between = (value, count) => Math.min(Math.max(value, 0), count - 1);
  const send = (row, column) => {
    const [rows, columns] = model.get("grid"), old = model.get("place");
    const place = [between(row, rows), between(column, columns)];
    const moved = place[0] !== old[0] || place[1] !== old[1];
    if (moved) model.set("place", place);
    else model.set("touched", model.get("touched") + 1);
    model.save_changes();
    draw();
  };
  const at = event => {
    const area = canvas.getBoundingClientRect(), [rows, columns] = model.get("grid");
    return [Math.floor((event.clientY - area.top) * rows / area.height),
            Math.floor((event.clientX - area.left) * columns / area.width)];
  };

  canvas.addEventListener("pointerdown", event => {
    if (event.button !== 0) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    held = at(event);
    send(...held);
  });
  canvas.addEventListener("pointermove", event => {
    if (!held) return;
    const now = at(event);
    if (now[0] === held[0] && now[1] === held[1]) return;
    held = now;
    send(...now);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => { held = null; });
  }
  canvas.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    const [row, column] = model.get("place"), [down, right] = moves[event.key];
    send(row + down, column + right);
  });

  const listeners = {
    "change:picture": load, "change:place": draw, "change:grid": draw, "change:label": label,
  };
  for (const [name, act] of Object.entries(listeners)) model.on(name, act);
  label(); load();
  return () => {
    for (const [name, act] of Object.entries(listeners)) model.off(name, act);
  };
}
export default { render };
"""


class Pointer(anywidget.AnyWidget):
    """A picture under a grid; `place` is the (row, column) that was clicked or reached by keys.

    picture: a PNG file; size: its (height, width); grid: (rows, columns); touched: grows when the
    same place is clicked again; label: what there is to see and to do.
    """

    _esm = PAGE
    picture = traitlets.Bytes(b"").tag(sync=True)
    size = traitlets.Tuple((1, 1)).tag(sync=True)
    grid = traitlets.Tuple((1, 1)).tag(sync=True)
    place = traitlets.Tuple((0, 0)).tag(sync=True)
    touched = traitlets.Int(0).tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    wide = traitlets.Int(SCREEN).tag(sync=True)


class Attention(Panel):
    """Shows the attention that a class token, or a patch under the pointer, pays to a picture.

    images: list of (H, W, 3) uint8; layers: for each layer a (N, heads, T, T) array of attention,
    rows of sum 1, T = C + h w with the class tokens first; grid: (h, w); masks: list of (H, W)
    uint8 (or None, for a picture or for all); classes: C names.

    The controls are `picture`, `layer`, `head`, `query` ("patch" or a class) and the `canvas`:
    setting their `.value` does what a click does, `point(row, column)` what a click on the picture
    does, and `state()` says what is shown.
    """

    kind = "attention"

    def __init__(self, images, layers, grid, masks, classes):
        self.classes, self.grid = tuple(classes), tuple(grid)
        self.images, self.masks = prepared(images, masks)
        self.layers = [np.asarray(layer, np.float32) for layer in layers]
        count, tokens = len(self.images), len(self.classes) + grid[0] * grid[1]
        shapes = [layer.shape for layer in self.layers]
        if not shapes or any(s[0] != count or s[2:] != (tokens, tokens) for s in shapes):
            raise ValueError(
                f"attention {shapes} does not belong to {count} pictures, {len(self.classes)} "
                f"classes and {grid[0]} x {grid[1]} patches"
            )
        self._covered, self._busy = {}, False
        self._build()
        self._new_picture()

    # ---- the controls

    def _build(self):
        last, numbers = len(self.images), range(1, len(self.layers) + 1)
        heads = range(1, self.layers[0].shape[1] + 1)
        self.picture = widgets.IntSlider(1, 1, last, description="picture", disabled=last == 1)
        self.layer = widgets.Dropdown(options=[str(n) for n in numbers], description="layer")
        self.head = widgets.Dropdown(options=[MEAN, *map(str, heads)], description="head")
        self.query = widgets.Dropdown(options=[PATCH, *self.classes], description="who looks")
        self.canvas, self.image = Pointer(), Described()
        self.canvas.grid = self.grid
        self.canvas.place = (self.grid[0] // 2, self.grid[1] // 2)
        self.image.add_class("wsss-attention-view")
        controls = [self.picture, self.query, self.layer, self.head]
        self._lay_out(controls[:2], controls[2:], [self.canvas, self.image])
        self._listen(self.picture, then=self._new_picture)
        self._listen(*controls[1:])
        self.canvas.observe(self._pointed, ["place", "touched"])

    def _new_picture(self, change=None):
        image = self.images[self._index]
        self.canvas.size, self.canvas.picture = image.shape[:2], png(image)
        self._draw()

    def _pointed(self, change=None):
        """A place was chosen: it is the one that looks from now on."""
        if self.query.value != PATCH:
            self.query.value = PATCH  # draws
        else:
            self._draw()

    def point(self, row, column):
        """Choose a patch, as a click on the picture does."""
        h, w = self.grid
        self.canvas.place = (int(np.clip(row, 0, h - 1)), int(np.clip(column, 0, w - 1)))
        self._pointed()

    def _draw(self, change=None):
        state = self.state()
        what = f"layer {state['layer']}, head {state['head']}"
        text = f"attention of {_who(state)} in picture {state['picture']}, {what}"
        row, column = self.canvas.place
        self.canvas.label = (
            f"Picture {state['picture']}, patch in row {row + 1}, column {column + 1}. "
            "Click on another one or press the arrow keys to see where it looks"
        )
        self.image.show(self.right(), text)
        self._say(f"{text[0].upper()}{text[1:]}", _numbers(state))

    # ---- what is shown

    @property
    def _index(self):
        return self.picture.value - 1

    def _row(self):
        """(T,) attention of the chosen token to all tokens."""
        layer = self.layers[int(self.layer.value) - 1][self._index]
        matrix = layer.mean(0) if self.head.value == MEAN else layer[int(self.head.value) - 1]
        if self.query.value != PATCH:
            return matrix[self.classes.index(self.query.value)]
        row, column = self.canvas.place
        return matrix[len(self.classes) + row * self.grid[1] + column]

    def heat(self):
        """(h, w) attention to the patches, of sum 1: what goes to class tokens is left out."""
        seen = self._row()[len(self.classes) :].reshape(self.grid)
        return seen / max(seen.sum(), 1e-12)

    def right(self):
        """(H, W, 3) uint8 the picture on the right: heat, and a line around a patch that looks."""
        heat = self.heat()
        picture = heat_over(self.images[self._index], heat / max(heat.max(), 1e-12))
        if self.query.value != PATCH:
            return picture
        patch = np.zeros(self.grid, np.float32)
        patch[tuple(self.canvas.place)] = 1
        large = show.resize(patch, self.images[self._index].shape[:2], smooth=False)
        return outlined(picture, large > 0.5)

    def covered(self, value):
        """(h, w) share of each patch that the true mask gives a value; None without a mask."""
        mask = self.masks[self._index]
        if mask is None:
            return None
        key = self._index, value
        if key not in self._covered:
            here = torch.from_numpy((np.asarray(mask) == value).astype(np.float32))
            self._covered[key] = F.adaptive_avg_pool2d(here[None], self.grid)[0].numpy()
        return self._covered[key]

    def _target(self):
        """The mask value that the attention is compared with: of the class, or under the patch."""
        if self.query.value != PATCH:
            return self.classes.index(self.query.value) + 1
        shares = [self.covered(v) for v in range(len(self.classes) + 1)]
        return None if shares[0] is None else int(np.argmax([s[self.canvas.place] for s in shares]))

    def state(self):
        """What is chosen and shown, as plain values: for a later cell, and for tests.

        target: what the attention is compared with, the class that looks or what lies under the
        patch; on: the share of the attention to patches that falls on it; area: its share of the
        picture; ratio: on / area, None where there is no such pixel. patches: share of all
        attention that goes to patches and not to class tokens; wide: how many patches share it
        (exponential of the entropy).
        """
        heat, target = self.heat(), self._target()
        there = None if target is None else self.covered(target)
        on = None if there is None else float((heat * there).sum())
        area = None if there is None else float(there.mean())
        flat = heat[heat > 0]
        row, column = self.canvas.place
        return {
            "picture": self.picture.value,
            "layer": int(self.layer.value),
            "head": self.head.value,
            "query": self.query.value,
            "row": row,
            "column": column,
            "target": None if target is None else ("background", *self.classes)[target],
            "on": on,
            "area": area,
            "ratio": on / area if area else None,
            "patches": float(self._row()[len(self.classes) :].sum()),
            "wide": float(np.exp(-(flat * np.log(flat)).sum())),
        }

    # ---- without a page that answers

    def strip(self):
        """The same as still pictures (`show.strip`): some class tokens, and the patch."""
        before = self.query.value
        mask = self.masks[self._index]
        found = [] if mask is None else [v - 1 for v in np.unique(mask) if 0 < v < show.VOID]
        chosen = [self.classes[k] for k in found or range(len(self.classes))][:STILLS]
        pictures, titles = [], []
        for query in [*chosen, PATCH]:
            self.query.value = query
            state = self.state()
            pictures.append(self.right())
            ratio = "" if state["ratio"] is None else f": {state['ratio']:.1f} x even on it"
            titles.append(f"{_who(state)}{ratio}")
        self.query.value = before
        alt = f"Still view of the attention viewer, picture {self.picture.value}"
        return show.strip([self.images[self._index], *pictures], ["picture", *titles], alt=alt)

    def moving(self):
        """The mean attention of the class tokens in each layer; places need a kernel."""
        mask, count = self.masks[self._index], len(self.images)
        there = [] if mask is None else [v for v in np.unique(mask) if 0 < v < show.VOID]
        return Moving(
            self.classes,
            (self._page_of(i) for i in in_order(self._index, count)),
            count,
            0.5,
            [str(n + 1) for n in range(len(self.layers))],
            "layer",
            cls=self.classes[there[0] - 1] if there else self.classes[0],
            layer=self.layer.value,
            whole=False,
            note="What a place or a single head looks at is asked in the notebook only.",
            largest=ROOM,
        )

    def _page_of(self, i):
        layers, many = [], len(self.classes)
        for layer in self.layers:
            seen = layer[i].mean(0)[:many, many:].reshape(many, *self.grid)
            layers.append(Layer({k: one / max(one.max(), 1e-12) for k, one in enumerate(seen)}))
        return i + 1, self.images[i], self.masks[i], layers

    def __repr__(self):
        sizes = len(self.images), len(self.layers), self.layers[0].shape[1]
        return "Attention({} pictures, {} layers, {} heads)".format(*sizes)


def _who(state):
    """Who looks, in words."""
    if state["query"] != PATCH:
        return f"the token of {state['query']}"
    under = f" on {state['target']}" if state["target"] else ""
    return f"the patch in row {state['row'] + 1}, column {state['column'] + 1}{under}"


def _numbers(state):
    """The numbers of the line as text."""
    wide = f"spread over {state['wide']:.0f} patches"
    if state["target"] is None:
        return wide
    if state["ratio"] is None:
        return f"no {state['target']} in the picture, {wide}"
    return (
        f"{state['on']:.0%} of it on {state['target']}, which is {state['area']:.0%} of the "
        f"picture ({state['ratio']:.2f} times even), {wide}"
    )
