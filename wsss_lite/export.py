"""What the command line writes: pseudo masks, overlays, contact sheets, heat maps, the demo."""

import re
from pathlib import Path

import numpy as np

from wsss_lite import show
from wsss_lite.data.images import read_image, write_mask
from wsss_lite.files import atomic

SHEET = 24  # pictures on a contact sheet
NOT_SURE = 0.2  # below this confidence the first name is called "not sure"


def export(lab, target):
    """Pseudo masks (palette PNG), overlays and a contact sheet of the lab's last run.

    Returns the path of the contact sheet.
    """
    target = Path(target)
    shown = []
    for name, mask in lab.last["labels"].items():
        stem = re.sub(r"[^\w.-]", "_", str(name))
        with atomic(target / "masks" / f"{stem}.png") as path:
            write_mask(path, mask)
        image = lab.world.image(name)
        show.write_png(
            target / "overlays" / f"{stem}.png", show.overlay(image, mask, lab.world.classes)
        )
        if len(shown) < SHEET:
            shown.append((image, mask))
    sheet = target / "contact_sheet.png"
    images, masks = zip(*shown)
    show.write_png(sheet, show.contact_sheet(images, masks, lab.world.classes, columns=6))
    return sheet


def explain(paths, name=None, out=".", trunk="lite0"):
    """Name pictures by the trunk's ImageNet classifier; write heat map and overlay of a class.

    name: an ImageNet class name (part of it suffices); without it the best class is shown.
    Yields one line a picture: top three names with confidence, and the files written.
    """
    from timm.data import ImageNetInfo

    from wsss_lite.maps.cam import cam
    from wsss_lite.nets.trunk import Trunk
    from wsss_lite.refine.threshold import upsample

    info = ImageNetInfo()
    names = [info.index_to_description(i) for i in range(1000)]
    chosen = None if name is None else find_class(name, names)
    pictures = [read_image(p) for p in paths]  # all are checked before anything is written
    net = Trunk(trunk, size=320)
    weight, bias = (t.cpu() for t in net.classifier)
    for path, picture in zip(map(Path, paths), pictures):
        final = net([picture])["final"].float().cpu()
        confidence = (final.mean((2, 3)) @ weight.T + bias).softmax(1)[0].numpy()
        top = np.argsort(-confidence)[:3]
        index = top[0] if chosen is None else chosen
        heat = upsample(cam(final, weight[[index]])[0].numpy(), picture.shape[:2])[0]
        stem = Path(out) / f"{path.stem}-{re.sub(r'[^a-z0-9]+', '-', short(names[index]).lower())}"
        show.write_png(f"{stem}-heat.png", show.heat(heat))
        show.write_png(f"{stem}-overlay.png", show.overlay_heat(picture, heat))
        unsure = "not sure, perhaps " if confidence[top[0]] < NOT_SURE else ""
        said = ", ".join(f"{short(names[i])} {confidence[i]:.0%}" for i in top)
        yield f"{path.name}: {unsure}{said} -> {stem}-heat.png, {stem}-overlay.png"


def short(name):
    """The first of an ImageNet class's synonyms."""
    return name.split(",")[0]


def find_class(name, names):
    """Number of the ImageNet class called `name`: a whole synonym before a part of one."""
    import difflib

    from wsss_lite.errors import InputError

    wanted = name.lower().strip()
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
    show.write_png(out, ladder_picture(lab, maps, choice, decoder))
    return "\n".join([*lines, f"picture: {out}"])


def ladder_picture(lab, maps, choice, decoder, pictures=6):
    """Rows of picture, CAM, CAM + CRF; then test pictures with two-stage and full predictions."""
    from wsss_lite.lab import pseudo_mask
    from wsss_lite.nets.segmenter import STAGES, predict
    from wsss_lite.refine.threshold import label, upsample

    classes, world = lab.world.classes, lab.world
    train = lab.train[:pictures]
    images = [world.image(i) for i in train]
    over = [show.overlay(world.image(i), world.mask(i), classes) for i in train]
    cams = [label(upsample(m, x.shape[:2]), choice.maps) for m, x in zip(maps, images)]
    crfs = [pseudo_mask(x, m, choice) for m, x in zip(maps, images)]
    rows = [over, *([show.overlay(x, m, classes) for x, m in zip(images, ms)] for ms in (cams, crfs))]
    test = lab.test[:pictures]
    features = [lab.bank.features(test, s) for s in STAGES]
    images = [world.image(i) for i in test]
    rows.append([show.overlay(x, world.mask(i), classes) for x, i in zip(images, test)])
    for net in (decoder, lab.last["decoder"]):
        found = predict(net, features, [x.shape[:2] for x in images])
        rows.append([show.overlay(x, m, classes) for x, m in zip(images, found)])
    return np.concatenate([np.concatenate(row, 1) for row in rows])
