"""What the command line writes: pseudo masks, overlays, contact sheets, heat maps, the demo."""

import re
from pathlib import Path

import numpy as np
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from wsss_lite import show
from wsss_lite._compat import mend_torchvision
from wsss_lite.data.images import is_picture_name, read_image, write_mask
from wsss_lite.errors import InputError
from wsss_lite.files import atomic

SHEET = 24  # pictures on a contact sheet
LONGEST = 1600  # pixels; larger pictures are explained on a smaller copy
NOT_SURE = 0.2  # below this confidence the first name is called "not sure"
NAMES, HEADING, GAP = 110, 26, 4  # of the ladder's picture: its left column, headings, pixels
COLOURS = 192  # of the ladder's picture
INK = (40, 40, 40)


def export(lab, target):
    """Pseudo masks (palette PNG), overlays and a contact sheet of the lab's last run.

    Returns the path of the contact sheet.
    """
    target = Path(target)
    labels = lab.last["labels"]
    if labels is None:  # the run ended with the maps: their masks, as they were scored
        labels = dict(lab.labels(lab.last["maps"], lab.last["choice"], refine=False))
    shown = []
    for name, mask in labels.items():  # a name may hold folders: they are kept
        image = lab.world.image(name)
        write_mask(target / "masks" / f"{name}.png", mask)
        show.write_png(
            target / "overlays" / f"{name}.png", show.overlay(image, mask, lab.world.classes)
        )
        if len(shown) < SHEET:
            shown.append((image, mask))
    sheet = target / "contact_sheet.png"
    images, masks = zip(*shown, strict=True)
    show.write_png(sheet, show.contact_sheet(images, masks, lab.world.classes, columns=6))
    return sheet


def segment_files(model, paths, out):
    """Masks of pictures (files, or folders of them) by a saved segmenter, in VOC and COCO form.

    Returns a sentence that says what was written. Beside `write_predictions` a contact sheet.
    """
    from wsss_lite.data.predictions import write_predictions
    from wsss_lite.segment import Segmenter

    found = pictures_in(paths)
    segmenter = Segmenter.load(model)
    masks = dict(zip(found, segmenter.masks(map(read_image, found.values())), strict=True))
    write_predictions(out, masks, segmenter.classes)
    some = list(masks)[:SHEET]
    images = [modest(read_image(found[name])) for name in some]
    small = [show.resize(masks[n], x.shape[:2], smooth=False) for n, x in zip(some, images)]
    sheet = show.contact_sheet(images, small, segmenter.classes)
    show.write_png(Path(out) / "contact_sheet.png", sheet)
    return f"{len(masks)} masks of {', '.join(segmenter.classes)} are in {out}"


def pictures_in(paths):
    """{name: path} of files and of the pictures in folders; names without ending, each once."""
    found = {}
    for given in map(Path, paths):
        inside = sorted(p for p in given.rglob("*") if is_picture_name(p)) if given.is_dir() else ()
        if given.is_dir() and not inside:
            raise InputError(f"There are no pictures in {given}; give a folder that has some.")
        for path in inside or [given]:
            name = path.relative_to(given).with_suffix("").as_posix() if inside else path.stem
            name = name if name not in found else path.name
            if name in found:
                raise InputError(f"Two pictures are called {name}; segment them one at a time.")
            found[name] = path
    return found


def explain(paths, name=None, out=".", trunk="lite0", weights=None):
    """Name pictures by the trunk's ImageNet classifier; write heat map and overlay of a class.

    name: an ImageNet class name (part of it suffices); without it the best class is shown.
    Yields one line a picture: top three names with confidence, and the files written.
    """
    pictures = [modest(read_image(p)) for p in paths]  # all, before anything slow or written
    names = imagenet_names()
    chosen = None if name is None else find_class(name, names)

    from wsss_lite.maps.cam import cam
    from wsss_lite.nets.trunk import Trunk
    from wsss_lite.refine.threshold import upsample

    net = Trunk(trunk, weights, size=320)
    weight, bias = (t.cpu() for t in net.classifier)
    used = set()
    for path, picture in zip(map(Path, paths), pictures, strict=True):
        final = net([picture])["final"].float().cpu()
        confidence = (final.mean((2, 3)) @ weight.T + bias).softmax(1)[0].numpy()
        top = np.argsort(-confidence)[:3]
        index = top[0] if chosen is None else chosen
        heat = upsample(cam(final, weight[[index]])[0].numpy(), picture.shape[:2])[0]
        stem = unused(Path(out) / f"{path.stem}-{slug(short(names[index]))}", used)
        show.write_png(f"{stem}-heat.png", show.heat(heat))
        show.write_png(f"{stem}-overlay.png", show.overlay_heat(picture, heat))
        unsure = "not sure, perhaps " if confidence[top[0]] < NOT_SURE else ""
        said = ", ".join(f"{short(names[i])} {confidence[i]:.0%}" for i in top)
        yield f"{path.name}: {unsure}{said} -> {stem}-heat.png, {stem}-overlay.png"


def imagenet_names():
    """The 1000 ImageNet classes in the classifier's order, each a string of synonyms."""
    mend_torchvision()  # timm imports it
    from timm.data import ImageNetInfo

    info = ImageNetInfo()
    return [info.index_to_description(i) for i in range(1000)]


def modest(picture):
    """The picture, or a copy of it whose longer side is `LONGEST` pixels."""
    return picture if max(picture.shape) <= LONGEST else show.fit(picture, LONGEST)


def slug(name):
    """A name as a part of a file name: "Egyptian cat" to "egyptian-cat"."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def unused(stem, used):
    """`stem`, with a number behind it where a picture of the same name has taken it."""
    number, taken = 1, stem
    while taken in used:
        number += 1
        taken = stem.with_name(f"{stem.name}-{number}")
    used.add(taken)
    return taken


def short(name):
    """The first of an ImageNet class's synonyms."""
    return name.split(",")[0]


def find_class(name, names):
    """Number of the ImageNet class called `name`: a whole synonym before a part of one."""
    import difflib

    wanted = name.lower().strip()
    if not wanted:
        raise InputError("--class was given an empty name; give an ImageNet class, like 'tabby'.")
    synonyms = [[s.strip().lower() for s in n.split(",")] for n in names]
    for i, words in enumerate(synonyms):
        if wanted in words:
            return i
    parts = [i for i, words in enumerate(synonyms) if any(wanted in w for w in words)]
    if parts:
        return parts[0]
    near = difflib.get_close_matches(wanted, [w for words in synonyms for w in words], n=3)
    hint = f"; did you mean {', '.join(near)}?" if near else "; try a more common noun."
    raise InputError(f"ImageNet has no class called {name!r}{hint}")


def ladder(out, scenes=300):
    """The demo: CAM, + CRF, two-stage and full on a few scenes; returns the text, writes a picture.

    Test scores are of the first `scenes` test scenes; the README's ladder uses all of them.
    """
    from wsss_lite.data.pocket import PocketVOC
    from wsss_lite.lab import Lab

    lab = Lab(PocketVOC(limit=scenes), limit=scenes)
    row = lab.run("cam")
    maps, choice, decoder = (lab.last[k] for k in ("maps", "choice", "decoder"))
    bound = lab.run("full")
    lines = [
        f"PocketVOC, {scenes} training scenes, mIoU in percent",
        f"  CAM               {100 * row['miou_maps']:5.1f}   on train",
        f"  CAM + CRF         {100 * row['miou_pseudo']:5.1f}   on train (pseudo masks)",
        f"  two-stage         {100 * row['miou_test']:5.1f}   on test (segmenter on them)",
        f"  full supervision  {100 * bound['miou_test']:5.1f}   on test (the bound)",
    ]
    with atomic(out) as path:
        ladder_picture(lab, maps, choice, decoder).save(path, "PNG", optimize=True)
    return "\n".join([*lines, f"picture: {out}"])


def ladder_picture(lab, maps, choice, decoder, pictures=5):
    """The rungs as rows of overlays with their names: train pictures above, test ones below.

    Above: the true mask, CAM, CAM + CRF. Below: the true mask, the segmenter trained on the
    pseudo masks (`decoder`), and the one of `lab.last`, trained on the true masks. Returns
    a PIL image of at most `COLOURS` colours, so that its PNG stays small.
    """
    from wsss_lite.lab import pseudo_mask
    from wsss_lite.nets.segmenter import STAGES, predict
    from wsss_lite.refine.threshold import label, upsample

    world = lab.world
    rows = varied(world, lab.train, pictures)
    train = [lab.train[k] for k in rows]
    images = [world.image(i) for i in train]
    cams = [label(upsample(maps[k], x.shape[:2]), choice.maps) for k, x in zip(rows, images)]
    crfs = [pseudo_mask(x, maps[k], choice) for k, x in zip(rows, images)]
    above = [("true mask", map(world.mask, train)), ("CAM", cams), ("CAM + CRF", crfs)]
    bands = [("train: given the tags of each picture", images, above)]

    test = [lab.test[k] for k in varied(world, lab.test, pictures)]
    images = [world.image(i) for i in test]
    features = [lab.bank.features(test, s) for s in STAGES]
    sizes = [x.shape[:2] for x in images]
    below = [("true mask", map(world.mask, test))]
    nets = {"two-stage\n(from tags)": decoder, "full\nsupervision": lab.last["decoder"]}
    below += [(name, predict(net, features, sizes)) for name, net in nets.items()]
    bands.append(("test: given nothing but the picture", images, below))
    return rungs(bands, world.classes)


def varied(world, ids, count):
    """Places in `ids` of the first pictures that together show as many classes as can be."""
    shown, chosen = np.zeros(len(world.classes), bool), []
    for k, name in enumerate(ids):
        if len(chosen) == count or shown.all():
            break
        fresh = world.tags(name) & ~shown
        if fresh.sum() * (count - len(chosen)) >= (~shown).sum():  # its share of what is missing
            chosen.append(k)
            shown |= fresh
    rest = [k for k in range(len(ids)) if k not in chosen]
    return sorted((chosen + rest)[:count])


def rungs(bands, classes):
    """A PIL image of bands (heading, pictures, [(row name, masks), ...]) with a legend below.

    The pictures are small squares of one size, as PocketVOC's are.
    """
    side = bands[0][1][0].shape[0]
    step = side + GAP
    width = NAMES + step * len(bands[0][1])
    height = sum(HEADING + step * len(rows) for _, _, rows in bands) + HEADING + GAP
    sheet = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(sheet)
    y = 0
    for heading, images, rows in bands:
        write(pen, (NAMES, y + HEADING // 2), heading, "lm")
        y += HEADING
        for name, masks in rows:
            write(pen, (NAMES - 2 * GAP, y + side // 2), name, "rm")
            for k, (image, mask) in enumerate(zip(images, masks)):
                tile = Image.fromarray(show.overlay(image, mask, classes))
                sheet.paste(tile, (NAMES + k * step, y))
            y += step
    x, y = NAMES, y + HEADING // 2
    for name, colour in list(show.colours(classes).items())[1:-1]:  # background is not tinted
        pen.rectangle((x, y - 6, x + 12, y + 6), fill=colour)
        x = write(pen, (x + 17, y), name, "lm") + 12
    return sheet.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)


def write(pen, place, text, anchor):
    """Draw text at (x, y); returns the x at which it ends."""
    font = ImageFont.truetype(get_data_path() + "/fonts/ttf/DejaVuSans.ttf", 13)
    pen.text(place, text, INK, font, anchor, align="right")
    return round(pen.textbbox(place, text, font, anchor)[2])
