"""Damaged files by the thousand: each reader copes, or says in one sentence which file is bad.

    python tests/fuzz.py                        10,000 files of all kinds, in some minutes
    python tests/fuzz.py -n 500 --only xml      fewer, of one kind
    python tests/fuzz.py --keep offenders       keep the files that broke something

A file is made from a sound one by changes that happen (cut, swapped, another encoding) or that
somebody might try (huge numbers, deep nesting). The reader then has to return or to raise an
InputError that names the file, within `SECONDS` of processor time and `MEGABYTES` of new memory.
All is drawn from one seed, so that a failure can be repeated.
"""

import argparse
import contextlib
import io
import json
import random
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from wsss_lite.errors import InputError

CLASSES = ("cat", "dog")
SIZE = (24, 36)  # of the sound pictures
SECONDS, MEGABYTES = 3.0, 300
NUMBERS = (
    "-1", "0", "1", "255", "256", "65536", "100000", "2147483648", "99999999999999999999", "1e5",
    "1e400", "-1e400", "nan", "inf", "0.5", "9" * 5000, "0x10", "٣", "", "true", "null", "[]",
    "{}", '"x"', "[1, 2]",
)  # fmt: skip
WORDS = (
    "", "x" * 300, "x" * 100_000, "../../etc/passwd", "/etc/passwd", "a\0b", "\ud7ff", "é", "..",
    "cat", "_none", "CON", "\n", '"', "<", "&a;", "&#0;", "train", " ", "a/b/c", ".", "\\", "C:x",
)  # fmt: skip
DEEP = 30_000  # levels of nesting


# ----------------------------------------------------------------------------------- sound files


def picture():
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8))


def saved(image, form, **options):
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()


def pictures():
    """{file name: bytes} in all formats that are read."""
    rgb = picture()
    turned = Image.Exif()
    turned[0x0112] = 6
    deep = Image.fromarray(np.arange(SIZE[0] * SIZE[1], dtype=np.uint16).reshape(SIZE))
    return {
        "a.jpg": saved(rgb, "JPEG"),
        "progressive.jpg": saved(rgb, "JPEG", progressive=True, exif=turned),
        "cmyk.jpg": saved(rgb.convert("CMYK"), "JPEG"),
        "a.png": saved(rgb, "PNG"),
        "alpha.png": saved(rgb.convert("RGBA"), "PNG"),
        "deep.png": saved(deep, "PNG"),
        "palette.png": saved(rgb.quantize(16), "PNG"),
        "a.gif": saved(rgb.quantize(16), "GIF"),
        "a.tif": saved(rgb, "TIFF"),
        "packed.tif": saved(rgb, "TIFF", compression="tiff_lzw"),
        "a.bmp": saved(rgb, "BMP"),
        "a.webp": saved(rgb, "WEBP"),
    }


def masks():
    """{file name: bytes} of masks as palette, grey, colour and 16-bit PNG."""
    numbers = np.zeros(SIZE, np.uint8)
    numbers[4:12, 5:20], numbers[14:20, 8:30], numbers[0] = 1, 2, 255
    palette = Image.fromarray(numbers)
    from wsss_lite.data.images import voc_palette

    palette.putpalette(voc_palette().tobytes())
    return {
        "palette.png": saved(palette, "PNG"),
        "grey.png": saved(Image.fromarray(numbers), "PNG"),
        "colour.png": saved(palette.convert("RGB"), "PNG"),
        "deep.png": saved(Image.fromarray(numbers.astype(np.uint16)), "PNG"),
    }


def annotation():
    from wsss_lite.data.annotation import Annotation, add_box, add_extreme, add_point, add_stroke

    one = add_box(Annotation(SIZE, seconds=12.5), 1, 2, 3, 20, 15)
    one = add_extreme(one, 2, [(5, 20), (10, 12), (18, 20), (12, 30)])
    one = add_point(one, 2, 20, 4)
    return add_stroke(one, 1, [(8, 8), (12, 16)], 3)


def xmls():
    from wsss_lite.data import annotation_files as files

    plain = files.xml_text(annotation(), "a", CLASSES)
    headed = '<?xml version="1.0" encoding="UTF-8"?>\n' + plain
    return {"a.xml": plain.encode(), "headed.xml": headed.encode()}


def jsons():
    from wsss_lite.data import annotation_files as files
    from wsss_lite.data.predictions import masks_to_coco

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        files.write_coco(path, {"a": annotation(), "b": annotation()}, CLASSES)
        content = path.read_bytes()
    mask = np.zeros(SIZE, np.uint8)
    mask[4:12, 5:20], mask[14:20, 8:30] = 1, 2
    return {
        "a.json": content,
        "short.json": json.dumps(json.loads(content)).encode(),
        "masks.json": json.dumps(masks_to_coco({"a": mask, "b": mask}, CLASSES)).encode(),
    }


def voc_folder(root):
    """A folder in VOC layout as the annotator writes it; the files that may be damaged."""
    from wsss_lite.data import annotation_files as files

    names = [f"p{k}" for k in range(4)]
    drawn = {name: annotation() for name in names}
    files.write_folder(root, {n: np.asarray(picture()) for n in names}, drawn, CLASSES)
    return [p for p in sorted(root.rglob("*")) if p.is_file() and p.suffix in (".txt", ".csv")] + [
        root / "Annotations" / "p1.xml", root / "Scribbles" / "p2.png"
    ]  # fmt: skip


def tags_folder(root):
    """A folder with tags.csv; the table is what may be damaged."""
    (root / "in").mkdir(parents=True)
    for k in range(3):
        picture().save(root / "in" / f"{k}.png")
    rows = ("path,tags,group,split", "in/0.png,cat;dog,g,train", "in/1.png,cat,h,train",
            "in/2.png,,i,val")  # fmt: skip
    (root / "tags.csv").write_text("\n".join(rows) + "\n")
    return [root / "tags.csv"]


def weights():
    """{file name: bytes} of a segmenter's file and of checkpoints, all tiny."""
    import torch
    from safetensors.torch import save

    from wsss_lite.segment import KIND

    tensors = {f"decoder.{k}": torch.arange(12.0).view(3, 4) for k in ("one", "two")}
    facts = {"classes": CLASSES, "trunk": "tf_efficientnet_lite0", "size": 96, "stride": 16,
             "fingerprint": "0" * 16}  # fmt: skip
    stream = io.BytesIO()
    torch.save({"state_dict": tensors}, stream)
    return {
        "a.safetensors": save(tensors, {"kind": KIND, "facts": json.dumps(facts)}),
        "plain.safetensors": save(tensors),
        "a.pth": stream.getvalue(),
    }


# --------------------------------------------------------------------------------------- damage


def flip(data, rng):
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 40))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def cut(data, rng):
    return data[: rng.randrange(len(data))]


def swap(data, rng):
    a, b, c = sorted(rng.randrange(len(data)) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def repeat(data, rng):
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:b] + data[a:b] * rng.choice((1, 3, 50)) + data[b:]


def wipe(data, rng):
    a, b = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:a] + rng.choice((b"\0", b"\xff", b" ")) * (b - a) + data[b:]


def insert(data, rng):
    at = rng.randrange(len(data))
    return data[:at] + rng.randbytes(rng.choice((1, 4, 200))) + data[at:]


def wrong_size(data, rng):
    """A large or negative number where some length or width may stand."""
    at = rng.randrange(max(1, min(len(data), 200) - 4))
    number = rng.choice((0, 1, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1))
    return data[:at] + number.to_bytes(4, rng.choice(("big", "little"))) + data[at + 4 :]


def nothing(data, rng):
    return rng.choice((b"", b"\n", b"\0", b"\xef\xbb\xbf"))


def noise(data, rng):
    return rng.randbytes(rng.randrange(1, 300))


BINARY = (flip, flip, flip, cut, swap, repeat, wipe, insert, wrong_size, wrong_size, nothing, noise)


def number(data, rng):
    """Another number in the place of one."""
    found = list(re.finditer(rb"-?\d+(\.\d+)?", data))
    return replaced(data, found, rng.choice(NUMBERS), rng)


def word(data, rng):
    found = list(re.finditer(rb"[A-Za-z_][\w./]*", data))
    return replaced(data, found, rng.choice(WORDS), rng)


def replaced(data, found, new, rng):
    if not found:
        return data
    one = rng.choice(found)
    return data[: one.start()] + new.encode() + data[one.end() :]


def line(data, rng):
    """A line twice, missing, elsewhere, or with a cell more."""
    rows = data.splitlines(keepends=True)
    at = rng.randrange(len(rows))
    here = rows[at]
    rows[at : at + 1] = rng.choice(([], [here, here], [here, b"\n", b",,,\n"], [b'"' + here]))
    rng.random() < 0.3 and rng.shuffle(rows)
    return b"".join(rows)


def nested(data, rng):
    """Very deep brackets or elements, at some place or around all."""
    opening, closing = rng.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"<a>", b"</a>"), (b'"', b"")))
    deep = opening * DEEP + b"1" * rng.randrange(2) + closing * DEEP * rng.randrange(2)
    at = rng.choice((0, len(data), rng.randrange(len(data)), data.find(b"<object>") + 8))
    return data[:at] + deep + data[at:]


def entities(data, rng):
    """Entities that grow, or name a file, in front of XML."""
    rows = "".join(f'<!ENTITY e{k} "{f"&e{k - 1};" * 10}">' for k in range(1, 12))
    inner = rng.choice((f'<!ENTITY e0 "lol">{rows}', '<!ENTITY e11 SYSTEM "file:///etc/passwd">'))
    body = data[data.find(b"<annotation") :].replace(b"cat", b"&e11;", 1)
    return f"<!DOCTYPE annotation [{inner}]>".encode() + body


def encoding(data, rng):
    text = data.decode("utf-8", "replace").replace("cat", rng.choice(("cat", "kät", "猫")))
    code = rng.choice(("utf-16", "utf-16-le", "utf-8-sig", "latin-1", "utf-32", "cp037", "utf-7"))
    out = text.encode(code, "replace")
    if rng.random() < 0.3:
        out = (
            f'<?xml version="1.0" encoding="{rng.choice((code, "martian", "cp1252"))}"?>'.encode()
            + out
        )
    return out.replace(b"\n", rng.choice((b"\n", b"\r\n", b"\r", b"\x0b")))


TEXT = (*BINARY[2:], number, number, number, number, word, word, word, line, line, encoding)


def mutate(data, changes, rng):
    """One change of sound bytes, sometimes two or three."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(changes)(data, rng) if data else data
    return data


# --------------------------------------------------------------------------------------- readers


def read_pictures(path):
    from wsss_lite.data.images import image_size, read_image

    yield lambda: read_image(path)
    yield lambda: image_size(path)


def read_masks(path):
    from wsss_lite.data.annotation_files import read_png
    from wsss_lite.data.images import read_mask

    yield lambda: read_mask(path, SIZE)
    yield lambda: read_png(path, "points", CLASSES)
    yield lambda: read_png(path, "scribbles", CLASSES, SIZE)


def read_xmls(path):
    from wsss_lite.data import annotation_files as files
    from wsss_lite.data.voc import read_boxes, read_extreme

    yield lambda: read_boxes(path, CLASSES)
    yield lambda: read_extreme(path, CLASSES)
    yield lambda: files.read_xml(path, CLASSES, SIZE)
    yield lambda: files.read_xml(path, CLASSES)
    yield lambda: files.parse(path.read_bytes(), path.name, CLASSES)


def read_jsons(path):
    from wsss_lite.data import annotation_files as files
    from wsss_lite.data.predictions import read_coco_masks

    yield lambda: files.read_coco(path, CLASSES)
    yield lambda: files.parse(path.read_bytes(), path.name, CLASSES)
    yield lambda: read_coco_masks(path)


def read_voc(root):
    from wsss_lite.data.annotation_files import read_folder
    from wsss_lite.data.folder import check, open_world

    yield lambda: everything(open_world(str(root)))
    yield lambda: check(root)
    yield lambda: read_folder(root)


def read_tags(root):
    from wsss_lite.data.folder import check, open_world

    yield lambda: everything(open_world(str(root)))
    yield lambda: check(root)


def everything(world):
    """Ask a world for all that a lab asks it for."""
    for id in [id for split in world.splits for id in world.ids(split)]:
        world.image(id), world.tags(id)
        if world.tags_from != "folder":
            world.boxes(id), [world.drawn(id, kind) for kind in ("scribbles", "points", "extreme")]
    world.fingerprint()


def read_weights(path):
    from wsss_lite.nets.trunk import read_checkpoint
    from wsss_lite.segment import read

    yield lambda: read_checkpoint(path)
    yield lambda: read(path)


FILES = {  # kind: (sound files, changes, reader, share of all)
    "picture": (pictures, BINARY, read_pictures, 25),
    "mask": (masks, BINARY, read_masks, 15),
    "xml": (xmls, (*TEXT, nested, entities), read_xmls, 15),
    "json": (jsons, (*TEXT, nested, nested), read_jsons, 15),
    "weights": (weights, (*BINARY, number, word), read_weights, 6),
}
FOLDERS = {
    "voc": (voc_folder, TEXT, read_voc, 12),
    "table": (tags_folder, TEXT, read_tags, 12),
}
KINDS = (*FILES, *FOLDERS)


# ------------------------------------------------------------------------------------------- runs


def cases(kind, count, rng, place):
    """Yield (damaged file, what to read, calls) one after the other; all within a folder."""
    if kind in FILES:
        make, changes, reader, _ = FILES[kind]
        sound = make()
        for k in range(count):
            name = rng.choice(list(sound))
            path = place / f"{k:05d}-{name}"
            path.write_bytes(mutate(sound[name], changes, rng))
            yield path, path, reader(path)
            path.unlink()
        return
    make, changes, reader, _ = FOLDERS[kind]
    root = place / kind
    sound = {path: path.read_bytes() for path in make(root)}
    for _ in range(count):
        path = rng.choice(list(sound))
        path.write_bytes(mutate(sound[path], changes, rng))
        yield path, root, reader(root)
        path.write_bytes(sound[path])


def verdict(call, path, where):
    """What is wrong with how a reader took a file; None when nothing is."""
    started, before = time.process_time(), peak()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
        said = None
    except InputError as error:
        text = str(error)
        named = path.name in text or str(where) in text
        said = None if named and text.count("\n") == 0 else f"does not name the file: {text[:200]}"
    except Exception as error:  # whatever it is, a reader should never see it
        said = f"{type(error).__name__}: {str(error)[:200]}"
    spent, grown = time.process_time() - started, peak() - before
    if said is None and spent > SECONDS:
        said = f"took {spent:.1f} s"
    if said is None and grown > MEGABYTES:
        said = f"took {grown:.0f} MB"
    return said


def peak():
    """Most memory of this process so far, in MB; 0 where that is not known."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e3)


def fuzz(kind, count, seed=0, keep=None):
    """List of (kind, number of the case, file name, what went wrong)."""
    rng, found = random.Random(f"{kind} {seed}"), []
    with tempfile.TemporaryDirectory() as place:
        for k, (path, where, calls) in enumerate(cases(kind, count, rng, Path(place))):
            for call in calls:
                if said := verdict(call, path, where):
                    found.append((kind, k, path.name, said))
                    if keep:
                        (keep / f"{kind}-{k}-{path.name}").write_bytes(path.read_bytes())
    return found


def shares(count, kinds=KINDS):
    """{kind: how many of `count` files}, in fixed proportions."""
    weight = {kind: (FILES | FOLDERS)[kind][3] for kind in kinds}
    total = sum(weight.values())
    return {kind: round(count * one / total) for kind, one in weight.items()}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=10_000, help="files in all")
    parser.add_argument("--only", choices=KINDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for the files that broke something")
    arguments = parser.parse_args(argv)
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    kinds = (arguments.only,) if arguments.only else KINDS
    bad, done, started = [], 0, time.process_time()
    with contextlib.suppress(ImportError):  # a runaway fails alone, and not the machine with it
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (6_000_000_000,) * 2)
    for kind, count in shares(arguments.n, kinds).items():
        found = fuzz(kind, count, arguments.seed, arguments.keep)
        bad, done = bad + found, done + count
        print(f"{kind:8} {count:6} files, {len(found)} complaints", flush=True)
    for kind, k, name, said in bad:
        print(f"{kind} {k} {name}: {said}")
    print(f"{done} files, {len(bad)} complaints, {time.process_time() - started:.0f} CPU-seconds, "
          f"peak {peak():.0f} MB")  # fmt: skip
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
