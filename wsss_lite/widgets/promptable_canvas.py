"""The canvas of the prompter: a picture on which clicks and boxes ask for a mask.

A press that does not move is a click, one that moves is a box. Nothing is sent before the pointer
is released; then `acts`, the list of all that was asked, is set as a whole.
"""

import anywidget
import traitlets

PAGE = r"""
const SHARP = 768;  // canvas pixels of the longer side at least, so that lines stay fine
const STILL = 4;  // page pixels that a click may move and still be a click
const LEAP = 10;  // pixels that an arrow key moves with shift
const HELP = "Click on a thing, drag a box round it, Shift+click beside it. Keys: arrows move a "
  + "cursor (Shift: 10 pixels), Enter clicks, Shift+Enter clicks beside, B begins and ends a box, "
  + "Z takes the last one back, Escape all of them.";

const STYLE = `
.wsss-promptable-page { font: 13px/1.4 var(--jp-ui-font-family, sans-serif); width: 100%;
  max-width: 400px; color: var(--jp-ui-font-color1, #222); }
.wsss-promptable-page canvas { display: block; width: 100%; touch-action: none; cursor: crosshair; }
.wsss-promptable-page .row { display: flex; flex-wrap: wrap; gap: 4px; margin: 0 0 6px 0; }
.wsss-promptable-page button { font: inherit; padding: 4px 9px; min-height: 30px; cursor: pointer;
  border: 1px solid #767676; border-radius: 4px; color: #1a1a1a; background: #f4f4f4; }
.wsss-promptable-page button:hover { background: #e2e2e2; }
.wsss-promptable-page button[aria-pressed=true] { background: #0b4f8a; border-color: #0b4f8a;
  color: #fff; }
.wsss-promptable-page button:disabled { color: #6b6b6b; background: #f4f4f4; cursor: default; }
.wsss-promptable-page button:focus-visible, .wsss-promptable-page canvas:focus-visible {
  outline: 3px solid #c25700; outline-offset: 1px; }
.wsss-promptable-page .help { font-size: 12px; margin: 4px 0; }
`;

function render({ model, el }) {
  const make = (tag, into, properties = {}, attributes = {}) => {
    const made = Object.assign(document.createElement(tag), properties);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    into.appendChild(made);
    return made;
  };
  const root = make("div", el, { className: "wsss-promptable-page" });
  // Jupyter's own keys (b adds a cell, z takes one back) stay out of it.
  root.dataset.lmSuppressShortcuts = "true";
  make("style", root, { textContent: STYLE });

  let beside = false;  // whether a plain click says "not this"
  let press = null;  // { from, to, id, page, beside } while a button is down
  let cursor = null, corner = null;  // of the keys: place, and where a box was begun
  const pictures = { picture: null, mask: null };
  const between = (low, value, high) => Math.min(Math.max(value, low), high);
  const size = () => model.get("size");
  const tell = acts => { model.set("acts", acts); model.save_changes(); };
  const add = act => tell([...model.get("acts"), act]);

  const bar = make("div", root, { className: "row" }, { role: "toolbar", "aria-label": "prompts" });
  const button = (text, label, act) => {
    const made = make("button", bar, { textContent: text, type: "button", title: label },
                      { "aria-label": label });
    made.addEventListener("click", act);
    return made;
  };
  const onto = button("On the thing", "A click says: this", () => turn(false));
  const off = button("Beside it", "A click says: not this (or hold Shift)", () => turn(true));
  const back = button("Undo", "Take the last one back (key Z)", () => undo());
  const clear = button("Clear", "Take all back (key Escape)", () => tell([]));
  const canvas = make("canvas", root, { className: "wsss-promptable-canvas", tabIndex: 0 },
                      { role: "application" });
  make("p", root, { className: "help", textContent: HELP });

  const turn = other => { beside = other; show(); };
  const undo = () => tell(model.get("acts").slice(0, -1));
  const show = () => {
    onto.setAttribute("aria-pressed", !beside);
    off.setAttribute("aria-pressed", beside);
    back.disabled = clear.disabled = !model.get("acts").length;
    canvas.setAttribute("aria-label", model.get("label"));
    draw();
  };

  // ---- drawing

  const scale = () => canvas.width / size()[1];
  const line = () => canvas.width / Math.max(canvas.clientWidth, 1);  // one pixel of the page
  const twice = (context, act) => {
    for (const [style, wide] of [["#000", 4], ["#fff", 2]]) {
      context.strokeStyle = style;
      context.lineWidth = wide * line();
      act();
    }
  };
  const box = (context, [x0, y0, x1, y1]) => twice(context, () => context.strokeRect(
    scale() * x0, scale() * y0, scale() * (x1 - x0), scale() * (y1 - y0)));
  const dot = (context, [x, y], on) => {  // a disc on the thing, a cross beside it
    const [u, v] = [scale() * (x + 0.5), scale() * (y + 0.5)], r = 6 * line();
    if (on) {
      for (const [style, more] of [["#000", 2.5], ["#fff", 1], ["#009E73", -1]]) {
        context.fillStyle = style;
        context.beginPath();
        context.arc(u, v, r + more * line(), 0, 7);
        context.fill();
      }
      return;
    }
    for (const [style, wide] of [["#000", 7], ["#fff", 5], ["#D55E00", 2.5]]) {
      context.strokeStyle = style;
      context.lineWidth = wide * line();
      context.beginPath();
      context.moveTo(u - r, v - r); context.lineTo(u + r, v + r);
      context.moveTo(u - r, v + r); context.lineTo(u + r, v - r);
      context.stroke();
    }
  };
  const cross = (context, [x, y]) => twice(context, () => {
    const [u, v] = [scale() * (x + 0.5), scale() * (y + 0.5)], r = 9 * line();
    context.beginPath();
    context.moveTo(u - r, v); context.lineTo(u + r, v);
    context.moveTo(u, v - r); context.lineTo(u, v + r);
    context.stroke();
  });
  const draw = () => {
    const context = canvas.getContext("2d"), acts = model.get("acts");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = false;
    for (const image of [pictures.picture, pictures.mask]) {
      if (image) context.drawImage(image, 0, 0, canvas.width, canvas.height);
    }
    const boxes = acts.filter(act => act[0] === "box");
    if (boxes.length) box(context, boxes[boxes.length - 1].slice(1));
    for (const [kind, ...at] of acts) if (kind !== "box") dot(context, at, kind === "on");
    if (press && moved()) box(context, spanned(press.from, press.to));
    if (cursor && corner) box(context, spanned(corner, cursor));
    if (cursor) cross(context, cursor);
  };
  const resize = () => {
    const [height, width] = size();
    const factor = Math.max(1, Math.ceil(SHARP / Math.max(width, height)));
    canvas.width = factor * width;
    canvas.height = factor * height;
    cursor = corner = press = null;
    show();
  };
  const load = name => {
    const bytes = model.get(name);
    if (!bytes || !bytes.byteLength) { pictures[name] = null; draw(); return; }
    const address = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    const image = new Image();
    image.onload = () => {
      URL.revokeObjectURL(address);
      if (model.get(name) === bytes) pictures[name] = image;  // else a later one is under way
      draw();
    };
    image.src = address;
  };

  // ---- pointer and keys

  const place = event => {  // x, y in pixels of the picture, as real numbers
    const area = canvas.getBoundingClientRect(), [height, width] = size();
    return [between(0, (event.clientX - area.left) * width / area.width, width),
            between(0, (event.clientY - area.top) * height / area.height, height)];
  };
  const pixel = ([x, y]) => [between(0, Math.floor(x), size()[1] - 1),
                             between(0, Math.floor(y), size()[0] - 1)];
  const spanned = (a, b) => {  // whole pixels, never empty
    const [height, width] = size();
    const x0 = between(0, Math.round(Math.min(a[0], b[0])), width - 1);
    const y0 = between(0, Math.round(Math.min(a[1], b[1])), height - 1);
    return [x0, y0, between(x0 + 1, Math.round(Math.max(a[0], b[0])), width),
            between(y0 + 1, Math.round(Math.max(a[1], b[1])), height)];
  };
  const moved = () => Math.hypot(press.page[0] - press.start[0],
                                 press.page[1] - press.start[1]) > STILL;
  canvas.addEventListener("pointerdown", event => {
    if (event.button !== 0 || press) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    try { canvas.setPointerCapture(event.pointerId); } catch (error) { /* a made-up pointer */ }
    cursor = corner = null;
    const page = [event.clientX, event.clientY];
    press = { from: place(event), to: place(event), id: event.pointerId, start: page, page,
              other: event.shiftKey };
    draw();
  });
  canvas.addEventListener("pointermove", event => {
    if (!press || press.id !== event.pointerId) return;
    press.to = place(event);
    press.page = [event.clientX, event.clientY];
    draw();
  });
  canvas.addEventListener("pointerup", event => {
    if (!press || press.id !== event.pointerId) return;
    press.to = place(event);
    press.page = [event.clientX, event.clientY];
    const act = moved() ? ["box", ...spanned(press.from, press.to)]
      : [beside !== press.other ? "beside" : "on", ...pixel(press.from)];
    press = null;
    add(act);
  });
  canvas.addEventListener("pointercancel", () => { press = null; draw(); });

  const walk = (dx, dy, far) => {
    const [height, width] = size(), step = far ? LEAP : 1;
    const [x, y] = cursor || [Math.floor(width / 2), Math.floor(height / 2)];
    cursor = cursor ? [between(0, x + step * dx, width - 1), between(0, y + step * dy, height - 1)]
                    : [x, y];
  };
  const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
  canvas.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (ARROWS[key]) {
      walk(...ARROWS[key], event.shiftKey);
    } else if (key === "Enter" || key === " ") {
      if (!cursor) walk(0, 0, false);
      else if (corner) end();
      else add([beside !== event.shiftKey ? "beside" : "on", ...cursor]);
    } else if (key === "b") {
      if (!cursor) walk(0, 0, false);
      if (corner) end(); else corner = [...cursor];
    } else if (key === "z") undo();
    else if (key === "Escape") { corner = null; tell([]); }
    else return;
    event.preventDefault();
    event.stopPropagation();
    draw();
  });
  const end = () => {
    // The pixels of both corners are inside.
    const [[a, b], [c, d]] = [corner, cursor];
    corner = null;
    add(["box", Math.min(a, c), Math.min(b, d), Math.max(a, c) + 1, Math.max(b, d) + 1]);
  };
  canvas.addEventListener("blur", () => { cursor = corner = null; draw(); });

  // ---- the kernel's side

  const listeners = {
    "change:picture": () => load("picture"), "change:mask": () => load("mask"),
    "change:size": resize, "change:acts": show, "change:label": show,
  };
  for (const [name, act] of Object.entries(listeners)) model.on(name, act);
  resize(); load("picture"); load("mask");
  return () => { for (const [name, act] of Object.entries(listeners)) model.off(name, act); };
}
export default { render };
"""


class Canvas(anywidget.AnyWidget):
    """A picture and what was asked on it.

    picture, mask: PNG files, the mask transparent where there is nothing; size: (height, width) of
    the picture in pixels; acts: list of ["on", x, y], ["beside", x, y] and ["box", x0, y0, x1, y1]
    in whole pixels, x1 and y1 outside; label: what there is to see.
    """

    _esm = PAGE
    picture = traitlets.Bytes(b"").tag(sync=True)
    mask = traitlets.Bytes(b"").tag(sync=True)
    size = traitlets.Tuple((1, 1)).tag(sync=True)
    acts = traitlets.List([]).tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
