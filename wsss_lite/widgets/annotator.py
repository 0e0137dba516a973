"""The annotator: draw boxes, strokes and points with the mouse and watch the mask appear."""

import tempfile
import time
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path

import ipywidgets as widgets
import numpy as np
from PIL import Image

from wsss_lite import show
from wsss_lite.data import annotation as drawing
from wsss_lite.data import annotation_files as files
from wsss_lite.data.images import VOID, is_picture_name, read_image
from wsss_lite.errors import InputError
from wsss_lite.refine import drawn as blocks
from wsss_lite.score import Scores, confusion
from wsss_lite.widgets.annotator_canvas import Canvas
from wsss_lite.widgets.annotator_steps import Steps
from wsss_lite.widgets.annotator_still import marks, marks_over, transparent
from wsss_lite.widgets.base import Panel, mask_over, png, prepared

TOOLS = {"box": "boxes", "scribble": "scribbles", "point": "points", "extreme": "extreme"}
FIRST = {"boxes": "GrabCut", "scribbles": "random walk", "points": "random walk",
         "extreme": "GrabCut"}  # fmt: skip
PALETTE = "annotations.json"  # everything in one file, beside the folder's own


class Annotator(Panel):
    """Draws on pictures, and shows the mask that an engine makes of the drawing.

    pictures: an (H, W, 3) uint8 picture, a list of them, or {name: picture}; classes: C names;
    masks: the true ones, (H, W) uint8 in the same order or under the same names, for the IoU;
    annotations: {name: Annotation} to begin with. file: a JSON file in which everything is kept
    after each stroke, and from which it is read where it exists: after a restart of the kernel
    the drawing is there again. engines: {kind: {name: function of (image, annotation)}}, more of
    them beside `refine.drawn.ENGINES`; kinds are boxes, scribbles, points and extreme.

    Tools, classes and the stopwatch are on the `canvas`. Beside it there are `picture`, `engine`,
    `opacity`, and for files `folder`, `save_button`, `load_button` and `upload`. The methods
    `draw_box`, `draw_scribble`, `draw_point`, `draw_extreme`, `erase`, `undo`, `redo` and `clear`
    do what the mouse does, and `state()` says what is shown. Photographs with a side above 640
    pixels are reduced and drawn on at that size.
    """

    kind = "annotator"

    def __init__(self, pictures, classes, masks=None, annotations=None, file=None, engines=None):
        self.classes = tuple(classes)
        if not 1 <= len(self.classes) < VOID:
            raise InputError(f"There are {len(self.classes)} classes; name 1 to 254.")
        named = _named(pictures)
        if not named:
            raise InputError("There is no picture to draw on; give one.")
        self.images, self.masks = {}, {}
        for (name, picture), mask in zip(named.items(), _masks(named, masks), strict=True):
            self._keep_picture(name, picture, mask)
        self.engines = _with_engines(engines)
        self._steps = {name: Steps(drawing.Annotation(self.size(name))) for name in self.images}
        self.file, self._others = Path(file) if file else None, {}
        self._note, self._busy, self._made = "", False, (None, None, 0.0)
        self._build()
        for name, one in (annotations or {}).items():
            self._known(name)
            self._steps[name] = Steps(self._fitting(name, one))
        if self.file and self.file.exists():
            self._replace(files.read_coco(self.file, self.classes))
        self._new_picture()

    # ---- the controls

    def _build(self):
        self.picture = widgets.Dropdown(options=list(self.images), description="picture")
        options = [(f"{kind}: {name}", (kind, name)) for kind, name in self._engine_names()]
        self.engine = widgets.Dropdown(options=options, description="mask from")
        self._engine_of = {kind: _first(kind, self.engines[kind]) for kind in self.engines}
        self.engine.value = ("scribbles", self._engine_of["scribbles"])
        self.opacity = widgets.FloatSlider(
            0.5, min=0, max=1, step=0.05, description="opacity", readout_format=".2f"
        )
        self.canvas = Canvas(layout={"width": "100%"})
        self.canvas.classes = [drawing.BACKGROUND, *self.classes]
        self.canvas.colours = [list(c) for c in list(show.colours(self.classes).values())[:-1]]
        self.canvas.kept = str(self.file or "")
        self.folder = widgets.Text("drawn", description="folder")
        self.save_button = widgets.Button(description="Save", tooltip="Write everything there")
        self.load_button = widgets.Button(description="Load", tooltip="Read it back from there")
        self.upload = widgets.FileUpload(
            accept=".json,.xml,.png,.jpg,.jpeg,.webp", description="Open a file",
            tooltip="An annotation (.json, .xml, palette .png) or a picture",
        )  # fmt: skip
        kept = [self.folder, self.save_button, self.load_button, self.upload]
        self._lay_out([self.picture, self.engine, self.opacity], [self.canvas], kept)
        above, middle, below = self.box.children[:3]
        self.box.children = (above, middle, self.line, below)
        self._listen(self.picture, then=self._new_picture)
        self._listen(self.engine, then=self._new_engine)
        self._listen(self.opacity, then=self._fade)
        self.canvas.on_msg(lambda _, content, __: self.receive(content))
        self.canvas.observe(self._new_tool, "tool")
        self.save_button.on_click(lambda _: self._try(self.save))
        self.load_button.on_click(lambda _: self._try(self.load))
        self.upload.observe(self._uploaded, "value")

    def _engine_names(self):
        return [(kind, name) for kind, row in self.engines.items() for name in row]

    def _new_picture(self, change=None):
        if self._busy:
            return
        self._note, image = "", self.images[self.name]
        with self.canvas.hold_sync():
            self.canvas.name, self.canvas.seconds = self.name, self._now.seconds
            self.canvas.size, self.canvas.picture = tuple(image.shape[:2]), png(image)
            self._draw()

    def _new_tool(self, change=None):
        """Another tool: the mask is made of what it draws, by the engine last chosen for that."""
        kind = TOOLS.get(self.canvas.tool)
        if kind and kind != self.engine.value[0]:
            self._note = ""
            self.engine.value = (kind, self._engine_of[kind])

    def _new_engine(self, change=None):
        kind, name = self.engine.value
        self._engine_of[kind] = name
        self._draw()

    def _fade(self, change=None):
        self.canvas.opacity = self.opacity.value

    # ---- what is drawn

    @property
    def name(self):
        """The name of the picture that is shown."""
        return self.picture.value

    @property
    def _now(self):
        return self._steps[self.name]

    def size(self, name=None):
        """(H, W) of a picture, of the shown one without a name."""
        return self.images[name or self.name].shape[:2]

    def annotation(self, name=None):
        """The `Annotation` of a picture (default: the shown one), with the seconds it took."""
        steps = self._steps[name or self.name]
        return replace(steps.now, seconds=steps.seconds)

    def annotations(self):
        """{name: Annotation} of all pictures on which something is drawn."""
        every = {name: self.annotation(name) for name in self.images}
        return {name: one for name, one in every.items() if not one.empty}

    def receive(self, message):
        """Do what a message of the page says; it is answered even where it cannot be done."""
        name = message.get("picture") or self.name
        try:
            self._do(name, message)
        except InputError as error:
            self._note = str(error)
        finally:
            with self.canvas.hold_sync():
                self._draw()
                self.canvas.seen = message.get("number", 0)

    def _do(self, name, message):
        """One step on one picture. InputError: the step cannot be made, and nothing changes."""
        self._known(name)
        self._note, steps = "", self._steps[name]
        steps.seconds = max(steps.seconds, float(message.get("seconds", 0)))
        kind = message.get("kind")
        if kind in ("undo", "redo"):
            if not getattr(steps, kind)():
                self._note = f"There is nothing to {kind}."
        else:
            before = steps.now
            steps.to(drawing.checked(self._step(before, kind, message), self.classes))
            self._note = _covered(before, steps.now, self.classes)
        self._keep()

    def _step(self, before, kind, message):
        """The annotation after one step."""
        if kind == "clear":
            return drawing.Annotation(before.size)
        path, width = message.get("path") or [], message.get("width", 1)
        if kind == "eraser":
            return drawing.erase(before, path, width)
        cls = self._class_number(message.get("cls", self.canvas.cls), kind)
        if kind == "box":
            (y0, x0), (y1, x1) = path[0], path[-1]
            return drawing.add_box(before, cls, x0, y0, x1, y1)
        if kind == "scribble":
            return drawing.add_stroke(before, cls, path, width)
        if kind == "point":
            return drawing.add_point(before, cls, *path[0])
        if kind == "extreme":
            return drawing.add_extreme(before, cls, path)
        raise InputError(f"There is no tool {kind!r}; choose from {', '.join(TOOLS)}, eraser.")

    def _class_number(self, cls, kind):
        """A class by name or number. InputError: not in the palette, or background by a box."""
        names = (drawing.BACKGROUND, *self.classes)
        if isinstance(cls, str) and cls in names:
            cls = names.index(cls)
        if isinstance(cls, str) or not 0 <= cls < len(names):
            raise InputError(f"The class {cls!r} is not in the palette: {', '.join(names)}.")
        if cls == 0 and kind in ("box", "extreme"):
            raise InputError("The background has no box; choose the class of the object.")
        return int(cls)

    # What the mouse does, for a cell of the notebook. cls: name or number; without, the chosen one.

    def draw_box(self, x0, y0, x1, y1, cls=None):
        """Draw a box: columns x0 to x1 - 1, rows y0 to y1 - 1."""
        self._by_hand("box", cls, [(y0, x0), (y1, x1)])

    def draw_scribble(self, path, cls=None, width=None):
        """Draw a stroke along (y, x) points."""
        self._by_hand("scribble", cls, path, width)

    def draw_point(self, y, x, cls=None):
        """Click on a pixel."""
        self._by_hand("point", cls, [(y, x)])

    def draw_extreme(self, points, cls=None):
        """Click the four ends (y, x) of an object, in any order."""
        self._by_hand("extreme", cls, points)

    def erase(self, path, width=None):
        """Wipe along (y, x) points."""
        self._by_hand("eraser", None, path, width)

    def undo(self):
        self._by_hand("undo")

    def redo(self):
        self._by_hand("redo")

    def clear(self):
        self._by_hand("clear")

    def _by_hand(self, kind, cls=None, path=(), width=None):
        message = {
            "kind": kind,
            "cls": self.canvas.cls if cls is None else cls,
            "path": [tuple(point) for point in path],
            "width": self.canvas.width if width is None else width,
        }
        self._do(self.name, message)
        self.canvas.tool = kind if kind in TOOLS else self.canvas.tool
        self._draw()

    # ---- files

    def save(self, folder=None):
        """Write all drawings to a folder (default: the one in the text field); returns its path.

        It is in VOC layout, so `wsss-lite run METHOD --world FOLDER` runs on it; true masks, where
        given, go with it. `annotations.json` in it holds the same in one file.
        """
        root = Path(folder or self.folder.value)
        drawn = self.annotations()
        masks = {name: self.masks[name] for name in drawn if self.masks[name] is not None}
        files.write_folder(root, self.images, drawn, self.classes, masks)
        files.write_coco(root / PALETTE, files.read_folder(root), self.classes)
        self._say_note(f"Saved {len(drawn)} of {len(self.images)} pictures in {root}.")
        return root

    def export(self, path):
        """Write to one file: .json all pictures, .xml the boxes of the shown one, .png its strokes
        (its points while the point tool is chosen)."""
        path, suffix = Path(path), Path(path).suffix.lower()
        if suffix == ".json":
            drawn = self.annotations()
            files.write_coco(path, drawn or {self.name: drawing.need(self.annotation())},
                             self.classes)  # fmt: skip
        elif suffix == ".xml":
            files.write_xml(path, self.annotation(), self.classes)
        elif suffix == ".png":
            files.write_png(path, self.annotation(), self._png_kind(), self.classes)
        else:
            raise InputError(f"{path} ends in none of .json, .xml and .png; choose one of them.")
        return path

    def load(self, path=None):
        """Read a folder or a file back; what it says replaces what is drawn, and undo goes back."""
        path = Path(path or self.folder.value)
        if path.is_dir():
            self._replace(files.read_folder(path, self.classes))
        else:
            try:
                self._open(path.name, path.read_bytes())
            except OSError as error:
                raise InputError(f"Cannot read {path}: {error.strerror}; check it.") from error
        self._say_note(f"Read {path}." + (f" {self._note}" if self._note else ""))

    def _open(self, name, data):
        """An uploaded file. InputError: it cannot be used, and nothing changes."""
        suffix = Path(name).suffix.lower()
        if suffix in (".json", ".xml"):
            found = files.parse(data, name, self.classes, self.size())
            if suffix == ".xml":
                (one,) = found.values()
                self._merge(boxes=one.boxes, extreme=one.extreme)
            else:
                self._replace(found)
        elif is_picture_name(name):
            self._open_png(name, data)
        else:
            raise InputError(f"{name} is neither an annotation nor a picture; give one of them.")

    def _open_png(self, name, data):
        """A palette PNG of this picture's size is a drawing, every other picture one to draw on."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(name).name
            path.write_bytes(data)
            try:
                picture = read_image(path)
                with Image.open(path) as opened:
                    palette = opened.mode == "P"
                if not (palette and picture.shape[:2] == self.size()):
                    self.add(path.stem, picture)
                    return
                kind = self._png_kind()
                one = files.read_png(path, kind, self.classes, self.size())
            except InputError as error:
                raise InputError(str(error).replace(str(path), name)) from error
        self._merge(**{kind: getattr(one, kind)})

    def _png_kind(self):
        return "points" if self.canvas.tool == "point" else "scribbles"

    def _merge(self, **parts):
        """Replace some kinds of drawing on the shown picture, as one step."""
        one = replace(self._now.now, **parts)
        self._now.to(self._fitting(self.name, one))
        self._keep()

    def _replace(self, found):
        """Replace the drawings of all pictures that are named, as one step each.

        A lone drawing under another name is of the shown picture, if it has its size. Drawings of
        unknown pictures are kept for the file, not shown. InputError: one does not fit its picture,
        and nothing changes.
        """
        if len(found) == 1 and not set(found) & set(self.images):
            (one,) = found.values()
            found = {self.name: one} if one.size == self.size() else found
        fitting = {k: self._fitting(k, one) for k, one in found.items() if k in self.images}
        if found and not fitting:
            self._note = f"None of the pictures {', '.join(found)} is here; open them first."
        for name, one in fitting.items():
            self._steps[name].to(one)
            self._steps[name].seconds = max(self._steps[name].seconds, one.seconds)
        self._others |= {k: one for k, one in found.items() if k not in self.images}
        self.canvas.seconds = self._now.seconds
        self._keep()

    def _fitting(self, name, one):
        """The annotation, if it belongs to the picture of that name."""
        if one.size != self.size(name):
            height, width = self.size(name)
            raise InputError(
                f"The drawing of {name} is {one.size[1]} x {one.size[0]} but the picture is "
                f"{width} x {height}; take the drawing that was made on it."
            )
        return drawing.checked(one, self.classes, name)

    def _keep(self):
        """Write everything to the file, if there is one."""
        every = self._others | self.annotations()
        if self.file and (every or self.file.exists()):
            files.write_coco(self.file, every, self.classes)

    def add(self, name, picture, mask=None):
        """One more picture, which is shown then; a name that is taken gets a number."""
        taken, stem, number = name in self.images, name, 2
        while taken:
            name, number = f"{stem}-{number}", number + 1
            taken = name in self.images
        self._keep_picture(name, picture, mask)
        self._steps[name] = Steps(drawing.Annotation(self.size(name)))
        if name in self._others:  # it was drawn on before
            self._steps[name] = Steps(self._fitting(name, self._others.pop(name)))
        self._busy = True  # new options choose the first one for a moment
        self.picture.options = list(self.images)
        self._busy = False
        if self.picture.value == name:
            self._new_picture()
        self.picture.value = name

    def _keep_picture(self, name, picture, mask):
        picture = np.asarray(picture)
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise InputError(
                f"The picture {name} is {picture.dtype} {picture.shape}; give (H, W, 3) uint8."
            )
        if mask is not None and np.shape(mask) != picture.shape[:2]:
            raise InputError(
                f"The mask of {name} is {np.shape(mask)} and its picture {picture.shape[:2]}; "
                "give them at one size."
            )
        (self.images[name],), (self.masks[name],) = prepared([picture], [mask])

    def _known(self, name):
        if name not in self.images:
            raise InputError(f"There is no picture {name!r}; choose from {', '.join(self.images)}.")

    def _uploaded(self, change):
        for one in change["new"]:
            self._try(partial(self._open, one["name"], bytes(one["content"])), one["name"])
        if change["new"]:
            self.upload.value = ()  # so that the same file can be opened again

    def _try(self, act, opened=None):
        """Do something with files; what is wrong is said below the canvas."""
        self._note = f"Opened {opened}." if opened else ""
        try:
            act()
        except InputError as error:
            self._note = str(error)
        self._draw()

    def _say_note(self, text):
        self._note = text
        self._draw()

    # ---- what is shown

    def mask(self):
        """(H, W) uint8 what the engine makes of the drawing; 0 everywhere where there is none.

        Made once for each drawing and engine.
        """
        key = self._now.now, self.engine.value
        if self._made[0] is None or self._made[0][0] is not key[0] or self._made[0][1] != key[1]:
            start = time.perf_counter()
            mask = blocks.run(*self.engine.value, self.images[self.name], key[0], self.engines)
            self._made = key, mask, time.perf_counter() - start
        return self._made[1]

    def scores(self):
        """{name: IoU} of the mask; empty without a true one, or where nothing is drawn for it."""
        truth = self.masks[self.name]
        if truth is None or not self._now.now.count(self.engine.value[0]):
            return {}
        iou = Scores(confusion(truth, self.mask(), len(self.classes) + 1)).iou
        names = (drawing.BACKGROUND, *self.classes)
        return {names[k]: float(iou[k]) for k in np.flatnonzero(np.isfinite(iou))}

    def state(self):
        """What is chosen and shown, as plain values: for a later cell, and for tests.

        drawn: how many boxes, extreme, scribbles (pixels) and points there are; miou: the mean over
        the classes of this one picture, None where `iou` is empty; took: seconds of the engine.
        """
        kind, engine = self.engine.value
        iou, mask = self.scores(), self.mask()
        return {
            "picture": self.name,
            "tool": self.canvas.tool,
            "cls": (drawing.BACKGROUND, *self.classes)[self.canvas.cls],
            "width": self.canvas.width,
            "kind": kind,
            "engine": engine,
            "drawn": {name: self._now.now.count(name) for name in drawing.KINDS},
            "objects": float((mask > 0).mean()),
            "seconds": self._now.seconds,
            "iou": iou,
            "miou": float(np.mean(list(iou.values()))) if iou else None,
            "took": self._made[2],
            "note": self._note,
        }

    def _draw(self, change=None):
        """Send what is drawn, its mask and the line; all that runs after a stroke."""
        if self._busy:
            return
        now, state = self._now.now, self.state()
        with self.canvas.hold_sync():
            self.canvas.marks = marks(now)
            self.canvas.strokes = transparent(now.scribbles, self.classes, VOID)
            self.canvas.mask = transparent(self.mask(), self.classes, 0)
            self.canvas.undos, self.canvas.redos = len(self._now.past), len(self._now.future)
            shown = state["miou"]
            self.canvas.score = "" if shown is None else f"mIoU {shown:.2f}"
            self.canvas.label = f"Picture {self.name}, {drawing.described(now)}."
        text, numbers = _texts(state, now, len(self.images))
        note = f'<p role="status" style="margin:0"><b>{escape(self._note)}</b></p>'
        self._say(text, numbers, "iou", above=note if self._note else "")

    # ---- without a page that answers

    def strip(self):
        """The same as still pictures (`show.strip`)."""
        state, image = self.state(), self.images[self.name]
        pictures = [
            marks_over(image, self._now.now, self.classes),
            mask_over(image, self.mask(), self.classes),
        ]
        titles = ["what is drawn", f"mask from {state['kind']} ({state['engine']})"]
        if state["miou"] is not None:
            titles[1] += f", mIoU {state['miou']:.2f}"
        if self.masks[self.name] is not None:
            pictures.append(np.asarray(self.masks[self.name], np.uint8))
            titles.append("truth")
        here = sorted(self._now.now.tags | set(np.unique(self.mask()).tolist()) - {0})
        legend = {k: v for k, v in show.colours(self.classes).items()
                  if k in {self.classes[cls - 1] for cls in here}}  # fmt: skip
        pictures = [show.as_picture(picture, self.classes) for picture in pictures]
        alt = f"Still view of the annotator, picture {self.name}"
        return show.strip(pictures, titles, alt=alt, legend=legend)


def _named(pictures):
    """{name: picture}; those of a list are called by their number."""
    if isinstance(pictures, dict):
        return {str(name): picture for name, picture in pictures.items()}
    if np.ndim(pictures[0] if len(pictures) else 0) == 2:  # one picture: its rows
        pictures = [pictures]
    return {f"{k}": picture for k, picture in enumerate(pictures, 1)}


def _masks(named, masks):
    """The true masks in the order of the pictures, None where there is none."""
    if masks is None:
        return [None] * len(named)
    if isinstance(masks, dict):
        return [masks.get(name) for name in named]
    masks = [masks] if np.ndim(masks) == 2 and len(named) == 1 else list(masks)
    if len(masks) != len(named):
        raise InputError(f"There are {len(named)} pictures and {len(masks)} masks; give as many.")
    return masks


def _with_engines(engines):
    """`blocks.ENGINES` and those of the reader."""
    every = {kind: dict(row) for kind, row in blocks.ENGINES.items()}
    for kind, row in (engines or {}).items():
        if kind not in every:
            raise InputError(f"There is no drawing {kind!r}; choose from {', '.join(every)}.")
        every[kind] |= row
    return every


def _first(kind, engines):
    return FIRST[kind] if FIRST[kind] in engines else next(iter(engines))


def _covered(before, after, classes):
    """A sentence where a stroke went over another class's; empty else."""
    old, new = before.scribbles, after.scribbles
    changed = (old != VOID) & (new != VOID) & (old != new)
    if not changed.any():
        return ""
    names = [drawing.name_of(int(cls), classes) for cls in (old[changed][0], new[changed][0])]
    return (
        f"{names[0]} and {names[1]} both claim {int(changed.sum())} pixels; the later stroke has "
        "them, and undo gives them back."
    )


def _texts(state, annotation, count):
    """(text, numbers) of the line below."""
    kind, number = state["kind"], annotation.count(state["kind"])
    shown = f"picture {state['picture']}" if count > 1 else "picture"
    text = f"{shown}, {drawing.described(annotation)}, {state['seconds']:.1f} s"
    if not number:
        return f"{text[0].upper()}{text[1:]}", f"nothing drawn yet for a mask from {kind}"
    text += f"; mask from {kind} by {state['engine']} in {1000 * state['took']:.0f} ms"
    if kind in ("scribbles", "points") and blocks.with_frame(annotation.seeds(kind))[1]:
        text += ", with the frame of the picture as background, as none is drawn"
    text = f"{text[0].upper()}{text[1:]}"
    if not state["iou"]:
        return text, f"objects cover {state['objects']:.2f} of the picture"
    iou = ", ".join(f"{name} {value:.2f}" for name, value in state["iou"].items())
    return text, f"IoU {iou}; mIoU of this picture {state['miou']:.2f}"
