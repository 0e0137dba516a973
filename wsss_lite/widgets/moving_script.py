"""The script of `moving`: draws the maps that its page holds, and counts the IoU. Plain JavaScript.

It finds what to draw in the element that it stands in, asks no other address for anything, and
computes as Python does: bilinear enlargement (`refine.threshold.upsample`), the largest map above
the threshold (`label`), a confusion matrix without void (`score.confusion`).
"""

import re

SOURCE = """
(root => {
  const P = JSON.parse(root.querySelector("script").textContent), VOID = 255, ALL = "all";
  const make = (tag, into, attributes = {}) =>
    into.appendChild(Object.assign(document.createElement(tag), attributes));
  const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));

  // Runs of (value, length - 1).
  const unpack = (text, size) => {
    const runs = bytes(text), out = new Uint8Array(size);
    for (let i = 0, at = 0; i < runs.length; i += 2) out.fill(runs[i], at, at += runs[i + 1] + 1);
    return out;
  };
  // A map of 16 bits a cell, low byte first, bilinear at the size of the picture.
  const enlarge = (text, [h, w], [H, W]) => {
    const raw = bytes(text), out = new Float32Array(H * W);
    const value = (y, x) => (raw[2 * (y * w + x)] + 256 * raw[2 * (y * w + x) + 1]) / 65535;
    const place = (k, small, large) => {
      const at = Math.max(0, (k + .5) * small / large - .5), low = Math.floor(at);
      return [low, Math.min(low + 1, small - 1), at - low];
    };
    for (let Y = 0; Y < H; Y++) for (let X = 0; X < W; X++) {
      const [y, below, b] = place(Y, h, H), [x, right, a] = place(X, w, W);
      out[Y * W + X] = (1 - b) * ((1 - a) * value(y, x) + a * value(y, right))
        + b * ((1 - a) * value(below, x) + a * value(below, right));
    }
    return out;
  };

  for (const p of P.pictures) p.image = p.image || root.querySelector("img").src;

  // ---- the controls
  root.firstElementChild.hidden = true;  // the still pictures
  const form = make("div", root), views = make("div", root);
  form.style.cssText = views.style.cssText =
    "display:flex;flex-wrap:wrap;gap:8px 16px;margin:6px 0;align-items:center";
  const label = text => make("label", form, { textContent: text + " " });
  const menu = text => {
    const within = label(text), made = make("select", within);
    made.offer = options => {
      const old = made.value;
      made.replaceChildren();
      for (const o of options) make("option", made, { value: o, textContent: o });
      made.value = options.includes(old) ? old : options[0];
      within.hidden = options.length < 2;
    };
    return made;
  };
  const picture = menu("picture"), layer = menu(P.word), cls = menu("class"), view = menu("view");
  const colours = menu("colours"), within = label("threshold");
  const slider = make("input", within, { type: "range", min: 0, max: P.stops[2] - 1, step: 1 });
  const said = make("output", within);
  const original = make("img", views), canvas = make("canvas", views);
  for (const one of [original, canvas])
    one.style.cssText = "width:320px;max-width:100%;margin:0";
  canvas.setAttribute("role", "img");
  const line = make("p", root), told = make("span", line), numbers = make("b", line);
  line.setAttribute("aria-live", "polite");
  line.style.margin = "0";
  make("p", root, { textContent: P.note }).style.cssText = "margin:0;font-size:90%";
  const stop = () => +(P.stops[0] + P.stops[1] * slider.value).toFixed(2);

  // ---- what is shown
  const now = () => {
    const p = P.pictures.find(one => one.number == picture.value), [H, W] = p.size;
    const k = P.layers.indexOf(layer.value), L = p.layers[k], size = H * W;
    const one = P.classes.indexOf(cls.value) + 1;  // 0: all
    const cut = Math.fround(stop()), top = new Float32Array(size).fill(-1);
    let mask = new Uint8Array(size);
    for (const name in L.maps) {
      if (one && name != one) continue;
      L.large = L.large || {};
      const map = L.large[name] = L.large[name] || enlarge(L.maps[name], L.grid, p.size);
      for (let i = 0; i < size; i++) if (map[i] > top[i]) {
        top[i] = map[i];
        mask[i] = map[i] > cut ? name : 0;
      }
    }
    if (L.labels) mask = unpack(L.labels[slider.value], size).map(v => one && v != one ? 0 : v);
    const truth = p.truth && unpack(p.truth, size)
      .map(v => one && v != one && v != VOID ? 0 : v);
    return { p, L, H, W, one, cut, top, mask, truth };
  };
  // [[name, IoU]] of the classes that are there or found, background first.
  const scores = ({ mask, truth }) => {
    const both = {}, either = {}, out = [];
    if (!truth) return out;
    for (let i = 0; i < mask.length; i++) if (truth[i] != VOID) {
      const a = truth[i], b = mask[i];
      either[a] = (either[a] || 0) + 1;
      if (a == b) both[a] = (both[a] || 0) + 1;
      else either[b] = (either[b] || 0) + 1;
    }
    ["background", ...P.classes].forEach((name, k) => {
      if (either[k]) out.push([name, (both[k] || 0) / either[k]]);
    });
    return out;
  };
  const colour = value => {
    const line = P.heat[colours.value], at = Math.min(Math.max(value, 0), 1) * (line.length - 1);
    const low = Math.min(Math.floor(at), line.length - 2), part = at - low;
    return line[low].map((v, c) => v + part * (line[low + 1][c] - v));
  };
  const paint = s => {
    const { H, W } = s, heat = view.value == "heat", over = document.createElement("canvas");
    const shown = view.value == "truth" ? s.truth : s.mask, plane = new ImageData(W, H);
    const inside = i => heat ? s.top[i] > s.cut : shown[i];
    for (let i = 0; i < H * W; i++) {
      const x = i % W, y = (i - x) / W;
      const edge = inside(i) && [[x > 0, -1], [x < W - 1, 1], [y > 0, -W], [y < H - 1, W]]
        .some(([there, step]) => there && inside(i + step) !== inside(i));
      const value = heat ? Math.max(s.top[i], 0) : 0, index = shown[i];
      const rgb = !heat ? P.colours[Math.min(index, P.colours.length - 1)]
        : edge ? [255, 255, 255] : colour(value);
      const alpha = heat ? (edge ? 1 : .45 + .3 * value) : index ? (edge ? 1 : .55) : 0;
      plane.data.set([...rgb, 255 * alpha], 4 * i);
    }
    Object.assign(over, { width: W, height: H }).getContext("2d").putImageData(plane, 0, 0);
    const factor = Math.max(1, Math.ceil(320 / W)), context = canvas.getContext("2d");
    Object.assign(canvas, { width: factor * W, height: factor * H });
    const all = [0, 0, canvas.width, canvas.height];
    context.drawImage(s.p.base, ...all);
    if (heat) {  // the picture fades to grey, so that hot places stand out
      Object.assign(context, { globalCompositeOperation: "saturation", globalAlpha: .65 });
      context.fillRect(...all);
      Object.assign(context, { globalCompositeOperation: "source-over", globalAlpha: 1 });
    }
    context.imageSmoothingEnabled = false;
    context.drawImage(over, ...all);
  };
  let last = null;  // what is to be painted, if a picture is ready late
  const draw = () => {
    const s = now(), found = scores(s), miou = found.reduce((a, [, v]) => a + v / found.length, 0);
    const where = `Picture ${s.p.number} of ${P.count}`;
    const of = P.layers.length > 1 ? `, ${P.word} ${layer.value}` : "";
    const what = { heat: "heat map", mask: "mask", truth: "true mask" }[view.value];
    const text = `${where}${of}, ${what} of ${cls.value}, threshold ${stop().toFixed(2)}`;
    said.textContent = " " + stop().toFixed(2);
    slider.setAttribute("aria-valuetext", stop().toFixed(2));
    canvas.setAttribute("aria-label", text);
    told.textContent = text + ": ";
    numbers.textContent = !s.truth ? "no mask to compare with" : "IoU "
      + found.map(([name, v]) => `${name} ${v.toFixed(2)}`).join(", ")
      + (s.one ? "" : `; mIoU of this picture ${miou.toFixed(2)}`);
    root.state = { picture: s.p.number, layer: layer.value, cls: cls.value, view: view.value,
      threshold: stop(), iou: Object.fromEntries(found), miou: s.one || !s.truth ? null : miou };
    const address = s.L.image || s.p.image;
    if (original.src !== address) {
      original.src = address;
      original.alt = `${where}${s.L.image ? of : ""}, without anything drawn on it`;
    }
    s.p.base = s.p.base || Object.assign(new Image(), { src: s.p.image });
    last = s;
    s.p.base.decode().then(() => last === s && paint(s), () => {});
  };
  // Another picture or layer: offer what it has, keep what is chosen where it is there too.
  const renew = () => {
    const p = P.pictures.find(one => one.number == picture.value);
    const L = p.layers[P.layers.indexOf(layer.value)];
    const names = p.tags.map(k => P.classes[k - 1]);
    cls.offer(P.whole || !names.length ? [ALL, ...names] : names);
    view.offer([...(L.maps ? ["heat"] : []), "mask", ...(p.truth ? ["truth"] : [])]);
    draw();
  };
  picture.offer(P.pictures.map(p => `${p.number}`));
  layer.offer(P.layers);
  colours.offer(Object.keys(P.heat));
  slider.value = P.at;
  layer.value = P.layer;
  renew();
  for (const [menu, value] of [[cls, P.cls], [view, P.view]])
    if ([...menu.options].some(o => o.value === value)) menu.value = value;
  form.addEventListener("input",
                        event => [picture, layer].includes(event.target) ? renew() : draw());
  draw();
})(document.currentScript.parentElement);
"""


def compact(source):
    """The script without comments and indentation: it goes into every output that it moves."""
    lines = (re.sub(r"(^|\s)//\s.*", "", line).strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line)


SCRIPT = compact(SOURCE)
