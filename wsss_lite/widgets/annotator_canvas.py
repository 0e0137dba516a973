"""The canvas of the annotator: tools, palette, picture and stopwatch, drawn by the browser.

Nothing is sent while a stroke is drawn. When mouse, pen or finger is released one message says
what was drawn; messages are never merged, as the values of a widget would be, so that no stroke is
lost. The kernel answers with all that is drawn now. Until then the page shows the stroke itself,
and if no answer comes it says so.
"""

import anywidget
import traitlets

PAGE = r"""
const SHARP = 1024;  // canvas pixels of the longer side at least, so that lines stay fine
const LEAP = 10;  // pixels that an arrow key moves with shift
const IDLE = 15;  // seconds without a move after which the stopwatch stops
const PATIENCE = 4000;  // milliseconds until the page says that the kernel does not answer
const ZOOMS = [1, 1.5, 2, 3, 4, 6, 8];
const WIDEST = 40;  // pixels of the brush

const TOOLS = [
  ["box", "Box", "b", "drag from one corner of the object to the other"],
  ["scribble", "Scribble", "s", "draw along the object, and a stroke on the background"],
  ["point", "Point", "p", "click on the object, and on the background"],
  ["extreme", "Extreme points", "x", "click the four ends of the object, in any order"],
  ["eraser", "Eraser", "e", "wipe over strokes, points, or the line of a box"],
];
const HELP = "Keys: B box, S scribble, P point, X extreme points, E eraser; 0 background, 1 to 9 "
  + "classes; [ ] brush; Z undo, Shift+Z redo; + − zoom; M mask; T stopwatch; arrows move a "
  + "cursor (Shift: 10 pixels), Enter draws with it, Escape drops what is begun.";

const STYLE = `
.wsss-annotator-page { font: 13px/1.4 var(--jp-ui-font-family, sans-serif); max-width: 100%;
  color: var(--jp-ui-font-color1, #222); box-sizing: border-box; width: 100%; }
.wsss-annotator-page * { box-sizing: border-box; }
.wsss-annotator-page .row { display: flex; flex-wrap: wrap; gap: 4px; margin: 0 0 6px 0;
  align-items: center; }
.wsss-annotator-page button { font: inherit; padding: 4px 9px; min-height: 30px; cursor: pointer;
  border: 1px solid #767676; border-radius: 4px; color: #1a1a1a; background: #f4f4f4; }
.wsss-annotator-page button:hover { background: #e2e2e2; }
.wsss-annotator-page button[aria-pressed=true], .wsss-annotator-page button[aria-checked=true] {
  background: #0b4f8a; border-color: #0b4f8a; color: #fff; }
.wsss-annotator-page button:disabled { color: #6b6b6b; background: #f4f4f4; cursor: default; }
.wsss-annotator-page button:focus-visible, .wsss-annotator-page canvas:focus-visible,
.wsss-annotator-page input:focus-visible { outline: 3px solid #c25700; outline-offset: 1px; }
.wsss-annotator-page .swatch { display: inline-block; width: 12px; height: 12px; margin-right: 5px;
  border: 1px solid #fff; box-shadow: 0 0 0 1px #333; vertical-align: -1px; }
.wsss-annotator-page .frame { overflow: auto; max-width: 512px; width: 100%; max-height: 70vh;
  border: 1px solid #767676; background: #8c8c8c; }
.wsss-annotator-page canvas { display: block; touch-action: none; cursor: crosshair; }
.wsss-annotator-page label { display: inline-flex; align-items: center; gap: 4px; }
.wsss-annotator-page .clock { font-variant-numeric: tabular-nums; margin-left: 6px; }
.wsss-annotator-page .hint, .wsss-annotator-page .help { margin: 4px 0; max-width: 640px; }
.wsss-annotator-page .help { font-size: 12px; }
.wsss-annotator-page .alarm { color: #8a1c00; background: #fff3ee; padding: 4px 8px; margin: 4px 0;
  max-width: 640px; border-left: 4px solid #8a1c00; }
.wsss-annotator-page .alarm:empty { display: none; }
`;

function render({ model, el }) {
  const make = (tag, into, properties = {}, attributes = {}) => {
    const made = Object.assign(document.createElement(tag), properties);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (into) into.appendChild(made);
    return made;
  };
  const root = make("div", el, { className: "wsss-annotator-page" });
  // Jupyter's own keys (b adds a cell, x cuts one) stay out of it.
  root.dataset.lmSuppressShortcuts = "true";
  make("style", root, { textContent: STYLE });

  // ---- state

  let pending = [];  // sent, not answered yet: [{ number, ...what was drawn }]
  let stroke = null;  // what is being drawn: { kind, path, pointer }
  let clicks = [];  // extreme points so far
  let cursor = null, hover = null;  // [y, x] of the keyboard's and the mouse's place
  let zoom = 0, masked = true, late = null, sentNumber = 0;
  const pictures = { picture: null, strokes: null, mask: null };
  const clock = { seconds: model.get("seconds"), runs: false, last: 0, moved: 0, halted: false };
  // Another page of the same widget may have sent before.
  sentNumber = Math.max(model.get("seen"), Date.now() % 1e9);

  const size = () => model.get("size");
  const between = (low, value, high) => Math.min(Math.max(value, low), high);
  const colour = cls => `rgb(${model.get("colours")[cls].join(",")})`;
  const className = cls => model.get("classes")[cls];

  // ---- the stopwatch: runs from the first stroke, stops when nothing moves for a while

  const tick = () => {
    const now = performance.now() / 1000;
    if (clock.runs) {
      // Thinking counts, going away does not: after IDLE seconds the clock stood.
      const until = Math.min(now, clock.moved + IDLE);
      clock.seconds += Math.max(0, until - clock.last);
      if (now > clock.moved + IDLE || document.hidden) clock.runs = false;
    }
    clock.last = now;
    const word = clock.halted ? "halted" : clock.runs ? "runs" : "stands";
    parts.clock.textContent = `${clock.seconds.toFixed(1)} s (${word})`;
  };
  const awake = start => {
    tick();
    clock.moved = performance.now() / 1000;
    const begun = start || clock.seconds > 0;
    if (begun && !clock.halted && !document.hidden) clock.runs = true;
  };
  const halt = () => {
    tick();
    clock.halted = !clock.halted;
    clock.runs = !clock.halted;
    clock.moved = performance.now() / 1000;
    parts.halt.textContent = clock.halted ? "Resume" : "Pause";
    parts.halt.setAttribute("aria-pressed", clock.halted);
    tick();
  };

  // ---- messages

  const send = content => {
    tick();
    sentNumber += 1;
    const message = { number: sentNumber, seconds: Math.round(10 * clock.seconds) / 10,
                      picture: model.get("name"), ...content };
    pending.push(message);
    try { model.send(message); } catch (error) { console.warn(error); }
    clearTimeout(late);
    late = setTimeout(silent, PATIENCE);
    draw();
  };
  const silent = () => {
    if (!pending.length) return;
    parts.alarm.textContent = "The kernel has not answered yet. If it was restarted, run this cell "
      + "again" + (model.get("kept") ? `; what it had received is kept in ${model.get("kept")}.`
                                     : ".");
  };
  const answered = () => {
    const seen = model.get("seen");
    pending = pending.filter(message => message.number > seen);
    if (!pending.length) { clearTimeout(late); parts.alarm.textContent = ""; }
    draw();
  };

  // ---- controls

  const parts = {};
  const button = (into, text, label, act, attributes = {}) => {
    const made = make("button", into, { textContent: text, type: "button", title: label },
                      { "aria-label": label, ...attributes });
    made.addEventListener("click", act);
    return made;
  };
  const set = (name, value) => { model.set(name, value); model.save_changes(); };
  const choose = name => { clicks = []; stroke = null; set("tool", name); tools(); draw(); };
  const bar = make("div", root, { className: "row" }, { role: "toolbar", "aria-label": "tools" });
  parts.tools = TOOLS.map(([name, text, key]) => button(
    bar, text, `${text} (key ${key.toUpperCase()})`, () => choose(name), { "data-tool": name }));
  const edits = make("div", root, { className: "row" }, { role: "toolbar", "aria-label": "edit" });
  parts.undo = button(edits, "Undo", "Undo (key Z)", () => send({ kind: "undo" }));
  parts.redo = button(edits, "Redo", "Redo (keys Shift+Z)", () => send({ kind: "redo" }));
  parts.clear = button(edits, "Clear", "Clear this picture; undo brings it back",
                       () => { clicks = []; send({ kind: "clear" }); });
  const brush = make("label", edits, { textContent: "brush " });
  parts.brush = make("input", brush, { type: "range", min: 1, max: WIDEST, step: 1 },
                     { "aria-label": "width of the brush in pixels" });
  parts.brush.style.width = "90px";
  parts.width = make("span", brush);
  parts.brush.addEventListener("input", () => { set("width", +parts.brush.value); tools(); });
  parts.out = button(edits, "−", "Zoom out (key −)", () => enlarge(-1));
  parts.zoom = make("span", edits);
  parts.in = button(edits, "+", "Zoom in (key +)", () => enlarge(1));
  parts.mask = button(edits, "Mask", "Show the mask (key M)", () => toggle());
  // Also in the line below, where it is read aloud; here it stays in sight.
  parts.score = make("b", edits, { className: "clock" }, { "aria-hidden": "true" });
  const palette = make("div", root, { className: "row wsss-annotator-palette" },
                       { role: "radiogroup", "aria-label": "class" });
  const frame = make("div", root, { className: "frame" });
  const canvas = make("canvas", frame, { className: "wsss-annotator-canvas", tabIndex: 0 },
                      { role: "application" });
  const watch = make("div", root, { className: "row" });
  watch.style.marginTop = "6px";
  make("span", watch, { textContent: "Stopwatch" });
  parts.clock = make("b", watch, { className: "clock" }, { role: "timer", "aria-live": "off" });
  parts.halt = button(watch, "Pause", "Halt or resume the stopwatch (key T)", halt,
                      { "aria-pressed": "false" });
  parts.hint = make("p", root, { className: "hint" });
  parts.alarm = make("p", root, { className: "alarm" }, { role: "alert" });
  make("p", root, { className: "help", textContent: HELP });

  const tools = () => {
    const tool = model.get("tool");
    for (const made of parts.tools) made.setAttribute("aria-pressed", made.dataset.tool === tool);
    parts.undo.disabled = !model.get("undos");
    parts.redo.disabled = !model.get("redos");
    parts.score.textContent = model.get("score");
    parts.brush.value = model.get("width");
    parts.width.textContent = `${model.get("width")} px`;
    parts.mask.setAttribute("aria-pressed", masked);
    parts.zoom.textContent = `${Math.round(100 * ZOOMS[zoom])} %`;
    parts.out.disabled = zoom === 0;
    parts.in.disabled = zoom === ZOOMS.length - 1;
    const entry = TOOLS.find(row => row[0] === tool);
    const more = tool === "extreme" && clicks.length ? ` (${clicks.length} of 4)` : "";
    const of = tool === "eraser" ? "" : ` of ${className(model.get("cls"))}`;
    parts.hint.textContent = `${entry[1]}${of}: ${entry[3]}${more}.`;
    canvas.setAttribute("aria-label", `${model.get("label")} ${parts.hint.textContent}`);
    for (const made of palette.children) {
      made.setAttribute("aria-checked", +made.dataset.cls === model.get("cls"));
      made.tabIndex = +made.dataset.cls === model.get("cls") ? 0 : -1;
    }
  };
  const pick = cls => {
    if (cls < 0 || cls >= model.get("classes").length) return;
    set("cls", cls);
    tools();
    draw();
  };
  const paint = () => {
    palette.replaceChildren();
    model.get("classes").forEach((name, cls) => {
      const key = cls < 10 ? ` (key ${cls})` : "";
      const made = button(palette, "", `${name}${key}`, () => pick(cls),
                          { role: "radio", "data-cls": cls });
      const swatch = make("span", made, { className: "swatch" });
      swatch.style.background = colour(cls);
      made.append(cls < 10 ? `${cls} ${name}` : name);
    });
    tools();
  };
  palette.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    const count = model.get("classes").length;
    pick((model.get("cls") + step + count) % count);
    palette.children[model.get("cls")].focus();
  });
  const toggle = () => { masked = !masked; tools(); draw(); };
  const enlarge = step => {
    const wide = canvas.clientWidth, x = frame.scrollLeft + frame.clientWidth / 2;
    const y = frame.scrollTop + frame.clientHeight / 2;
    zoom = between(0, zoom + step, ZOOMS.length - 1);
    resize();
    const factor = canvas.clientWidth / Math.max(wide, 1);
    frame.scrollLeft = x * factor - frame.clientWidth / 2;
    frame.scrollTop = y * factor - frame.clientHeight / 2;
    tools();
  };

  // ---- drawing

  const still = document.createElement("canvas");
  const scale = () => canvas.width / size()[1];
  const resize = () => {
    const [height, width] = size();
    const factor = Math.max(1, Math.ceil(SHARP / Math.max(width, height)));
    if (canvas.width !== factor * width || canvas.height !== factor * height) {
      canvas.width = factor * width;
      canvas.height = factor * height;
    }
    canvas.style.width = `${100 * ZOOMS[zoom]}%`;
    draw();
  };
  const line = () => canvas.width / Math.max(canvas.clientWidth, 1);  // one pixel of the page
  const outlined = (context, cls, act) => {
    for (const [style, wide] of [["#000", 5], ["#fff", 3.6], [colour(cls), 2.2]]) {
      context.strokeStyle = style;
      context.lineWidth = wide * line();
      act();
    }
  };
  const box = (context, cls, [y0, x0], [y1, x1]) => {
    const z = scale();
    outlined(context, cls, () => context.strokeRect(z * x0, z * y0, z * (x1 - x0), z * (y1 - y0)));
  };
  const dot = (context, cls, [y, x], radius = 5) => {
    const z = scale();
    for (const [style, more] of [["#000", 3], ["#fff", 1.8], [colour(cls), 0]]) {
      context.fillStyle = style;
      context.beginPath();
      context.arc(z * (x + 0.5), z * (y + 0.5), (radius + more) * line(), 0, 7);
      context.fill();
    }
  };
  const trail = (context, cls, path, width) => {
    const z = scale();
    context.lineCap = context.lineJoin = "round";
    for (const [style, more] of [["#fff", 3 * line()], [colour(cls), 0]]) {
      context.strokeStyle = style;
      context.lineWidth = z * width + more;
      context.beginPath();
      path.forEach(([y, x], k) => k ? context.lineTo(z * x, z * y) : context.moveTo(z * x, z * y));
      if (path.length === 1) context.lineTo(z * path[0][1] + 0.01, z * path[0][0]);
      context.stroke();
    }
  };
  const begun = (context, message) => {
    const { kind, cls, path, width } = message;
    if (kind === "scribble") trail(context, cls, path, width);
    if (kind === "eraser") {
      context.globalAlpha = 0.6;
      trail(context, 0, path, width);
      context.globalAlpha = 1;
    }
    if (kind === "box") box(context, cls, path[0], path[path.length - 1]);
    if (kind === "point") dot(context, cls, path[0].map(Math.floor));
    if (kind === "extreme") path.forEach(point => dot(context, cls, point.map(Math.floor), 4));
  };
  const compose = () => {  // what stays the same while the pointer moves
    still.width = canvas.width;
    still.height = canvas.height;
    const context = still.getContext("2d"), drawn = model.get("marks");
    const whole = [0, 0, canvas.width, canvas.height];
    context.imageSmoothingEnabled = false;
    if (pictures.picture) context.drawImage(pictures.picture, ...whole);
    if (pictures.mask && masked) {
      context.globalAlpha = model.get("opacity");
      context.drawImage(pictures.mask, ...whole);
      context.globalAlpha = 1;
    }
    if (pictures.strokes) {
      const rim = white(pictures.strokes), off = 1.3 * line();
      for (const [dx, dy] of [[off, off], [off, -off], [-off, off], [-off, -off]]) {
        context.drawImage(rim, dx, dy, canvas.width, canvas.height);
      }
      context.drawImage(pictures.strokes, ...whole);
    }
    for (const [cls, x0, y0, x1, y1] of drawn.boxes || []) box(context, cls, [y0, x0], [y1, x1]);
    for (const [cls, ...points] of drawn.extreme || []) {
      const ys = points.map(p => p[0]), xs = points.map(p => p[1]);
      context.setLineDash([6 * line(), 4 * line()]);
      box(context, cls, [Math.min(...ys), Math.min(...xs)],
          [Math.max(...ys) + 1, Math.max(...xs) + 1]);
      context.setLineDash([]);
      points.forEach(point => dot(context, cls, point, 4));
    }
    for (const [y, x, cls] of drawn.points || []) dot(context, cls, [y, x]);
  };
  const white = image => {  // its shape in white
    const made = Object.assign(document.createElement("canvas"),
                               { width: image.naturalWidth, height: image.naturalHeight });
    const context = made.getContext("2d");
    context.drawImage(image, 0, 0);
    context.globalCompositeOperation = "source-in";
    context.fillStyle = "#fff";
    context.fillRect(0, 0, made.width, made.height);
    return made;
  };
  const draw = () => { compose(); over(); };
  const over = () => {
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(still, 0, 0);
    pending.forEach(message => begun(context, message));
    const cls = model.get("cls"), width = model.get("width");
    if (clicks.length) begun(context, { kind: "extreme", cls, path: clicks });
    if (stroke) begun(context, { kind: stroke.kind, cls, path: stroke.path, width });
    ring(context, cls, width);
  };
  const ring = (context, cls, width) => {
    const place = cursor || hover, tool = model.get("tool"), z = scale();
    if (!place) return;
    const [y, x] = [z * place[0], z * place[1]], brushed = ["scribble", "eraser"].includes(tool);
    const radius = brushed ? Math.max(z * width / 2, 2 * line()) : 7 * line();
    if (!brushed && !cursor) return;  // the mouse has its own cross
    for (const [style, wide] of [["#000", 3], ["#fff", 1.4]]) {
      context.strokeStyle = style;
      context.lineWidth = wide * line();
      context.beginPath();
      context.arc(x, y, radius, 0, 7);
      if (cursor) {
        context.moveTo(x - 2 * radius, y); context.lineTo(x + 2 * radius, y);
        context.moveTo(x, y - 2 * radius); context.lineTo(x, y + 2 * radius);
      }
      context.stroke();
    }
  };
  const load = name => {
    const bytes = model.get(name);
    if (!bytes || !bytes.byteLength) { pictures[name] = null; draw(); return Promise.resolve(); }
    const address = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
    const image = new Image();
    return new Promise(done => {
      image.onload = () => {
        URL.revokeObjectURL(address);
        if (model.get(name) === bytes) pictures[name] = image;  // else a later one is under way
        draw();
        done();
      };
      image.src = address;
    });
  };

  // ---- from pointer and keys to strokes

  const place = event => {
    const area = canvas.getBoundingClientRect(), [height, width] = size();
    const y = (event.clientY - area.top) * height / area.height;
    const x = (event.clientX - area.left) * width / area.width;
    return [between(0, y, height - 0.001), between(0, x, width - 0.001)];
  };
  const corner = point => {  // the far side of a box may lie on the very edge
    const [height, width] = size();
    return point.map((value, k) => Math.min(Math.round(value), [height, width][k]));
  };
  const begin = (point, pointer) => {
    const tool = model.get("tool");
    awake(true);
    if (tool === "point") {
      send({ kind: tool, cls: model.get("cls"), path: [point] });
    } else if (tool === "extreme") {
      clicks.push(point);
      if (clicks.length === 4) {
        const path = clicks;
        clicks = [];
        send({ kind: tool, cls: model.get("cls"), path });
      }
      tools();
      draw();
    } else {
      const first = tool === "box" ? corner(point) : point;
      stroke = { kind: tool, path: [first], pointer };
      draw();
    }
  };
  const go = point => {
    awake(false);
    if (!stroke) return;
    if (stroke.kind === "box") stroke.path = [stroke.path[0], corner(point)];
    else stroke.path.push(point);
    over();
  };
  const end = () => {
    if (!stroke) return;
    const { kind, path } = stroke;
    stroke = null;
    if (kind === "box" && path.length < 2) path.push(path[0]);
    send({ kind, cls: model.get("cls"), width: model.get("width"), path });
  };

  canvas.addEventListener("pointerdown", event => {
    if (event.button !== 0 || stroke) return;
    event.preventDefault();
    canvas.focus({ preventScroll: true });
    try { canvas.setPointerCapture(event.pointerId); } catch (error) { /* a made-up pointer */ }
    cursor = null;
    begin(place(event), event.pointerId);
  });
  canvas.addEventListener("pointermove", event => {
    hover = event.pointerType === "touch" ? null : place(event);
    awake(false);
    if (!stroke || stroke.pointer !== event.pointerId) { over(); return; }
    // A quick hand moves several pixels between two frames.
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of all.length ? all : [event]) go(place(one));
  });
  canvas.addEventListener("pointerup", event => {
    if (stroke && stroke.pointer === event.pointerId) { go(place(event)); end(); }
  });
  canvas.addEventListener("pointercancel", event => {
    if (stroke && stroke.pointer === event.pointerId) { stroke = null; draw(); }
  });
  canvas.addEventListener("pointerleave", () => { hover = null; over(); });
  canvas.addEventListener("blur", () => { cursor = null; over(); });

  const walk = (dy, dx, far) => {
    const [height, width] = size();
    const [y, x] = cursor || [Math.floor(height / 2) + 0.5, Math.floor(width / 2) + 0.5];
    const step = far ? LEAP : 1;
    cursor = [between(0.5, y + step * dy, height - 0.5), between(0.5, x + step * dx, width - 0.5)];
    go(cursor);
    const z = canvas.clientWidth / width;  // keep the cursor in sight
    const [top, left] = [z * cursor[0], z * cursor[1]];
    frame.scrollTop = between(top - frame.clientHeight + 20, frame.scrollTop, top - 20);
    frame.scrollLeft = between(left - frame.clientWidth + 20, frame.scrollLeft, left - 20);
    over();
  };
  const press = () => {
    if (!cursor) { walk(0, 0, false); return; }
    if (stroke) end(); else begin(cursor, "keys");
  };
  const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  const onCanvas = event => {
    if (ARROWS[event.key]) walk(...ARROWS[event.key], event.shiftKey);
    else if (event.key === "Enter" || event.key === " ") press();
    else return false;
    return true;
  };
  const anywhere = event => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const tool = TOOLS.find(row => row[2] === key);
    const width = model.get("width");
    if (tool) choose(tool[0]);
    else if (/^[0-9]$/.test(key)) pick(+key);
    else if (key === "z") send({ kind: event.shiftKey ? "redo" : "undo" });
    else if (key === "[" || key === "]") {
      set("width", between(1, width + (key === "]" ? 1 : -1), WIDEST));
    } else if (key === "+" || key === "=") enlarge(1);
    else if (key === "-" || key === "_") enlarge(-1);
    else if (key === "m") toggle();
    else if (key === "t") halt();
    else if (key === "Escape") { stroke = null; clicks = []; } else return false;
    tools();
    draw();
    return true;
  };
  root.addEventListener("keydown", event => {
    if (event.altKey) return;
    awake(false);
    const held = event.ctrlKey || event.metaKey, key = event.key.toLowerCase();
    if (held && key !== "z" && key !== "y") return;
    let known;
    if (held) {
      send({ kind: key === "y" || event.shiftKey ? "redo" : "undo" });
      known = true;
    } else {
      known = (event.target === canvas && onCanvas(event))
        || (event.target.type !== "range" || event.key.length === 1) && anywhere(event);
    }
    if (known) { event.preventDefault(); event.stopPropagation(); }
  });

  // ---- the kernel's side

  let listening = true;
  const listeners = {
    "change:picture": () => load("picture"), "change:strokes": () => load("strokes"),
    "change:mask": () => load("mask"), "change:size": resize, "change:marks": draw,
    "change:seen": answered, "change:opacity": draw, "change:label": tools,
    "change:tool": () => { clicks = []; tools(); draw(); }, "change:cls": tools,
    "change:width": tools, "change:undos": tools, "change:redos": tools,
    "change:score": tools,
    "change:classes": paint, "change:colours": paint,
    "change:name": () => {
      clicks = []; stroke = null;
      clock.seconds = model.get("seconds");
      clock.runs = false;
      tick();
    },
  };
  for (const [name, act] of Object.entries(listeners)) model.on(name, act);
  const timer = setInterval(tick, 200);
  const watcher = new ResizeObserver(() => { if (listening) draw(); });
  watcher.observe(frame);
  paint(); resize(); tick();
  for (const name of Object.keys(pictures)) load(name);
  return () => {
    listening = false;
    clearInterval(timer);
    clearTimeout(late);
    watcher.disconnect();
    for (const [name, act] of Object.entries(listeners)) model.off(name, act);
  };
}
export default { render };
"""


class Canvas(anywidget.AnyWidget):
    """A picture to draw on. What is drawn arrives as messages: see `Annotator.receive`.

    picture, strokes, mask: PNG files of one size, the last two transparent where there is nothing;
    size: (height, width) of the picture in pixels; name: of the picture; classes, colours: names
    and (r, g, b) by class number, background first; marks: {"boxes": [cls, x0, y0, x1, y1],
    "extreme": [cls, four of [y, x]], "points": [y, x, cls]}, lists of each; seen: number of the
    last message that was answered; undos, redos: how many steps there are to go;
    seconds: of the stopwatch when the picture was chosen; label: what there is to see; score: the
    mIoU as text; kept: the
    file in which everything is kept, or "".
    """

    _esm = PAGE
    picture = traitlets.Bytes(b"").tag(sync=True)
    strokes = traitlets.Bytes(b"").tag(sync=True)
    mask = traitlets.Bytes(b"").tag(sync=True)
    size = traitlets.Tuple((1, 1)).tag(sync=True)
    name = traitlets.Unicode("").tag(sync=True)
    classes = traitlets.List([]).tag(sync=True)
    colours = traitlets.List([]).tag(sync=True)
    marks = traitlets.Dict({}).tag(sync=True)
    tool = traitlets.Unicode("scribble").tag(sync=True)
    cls = traitlets.Int(1).tag(sync=True)
    width = traitlets.Int(3).tag(sync=True)
    opacity = traitlets.Float(0.5).tag(sync=True)
    seen = traitlets.Float(0).tag(sync=True)
    undos = traitlets.Int(0).tag(sync=True)
    redos = traitlets.Int(0).tag(sync=True)
    seconds = traitlets.Float(0.0).tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    score = traitlets.Unicode("").tag(sync=True)
    kept = traitlets.Unicode("").tag(sync=True)
