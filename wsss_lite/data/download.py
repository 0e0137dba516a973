"""Fetch the data sets of the field: VOC 2012, SBD, Oxford-IIIT Pets, and the coco-mini photos.

    fetch("voc2012", root)      root/VOC2012       1464 + 1449 pictures with masks
    fetch("sbd", root)          root/SBD           11355 pictures; beside VOC2012 also `trainaug`
    fetch("pets", root)         root/pets          7349 cats and dogs with outlines
    fetch("coco-mini", root)    root/coco-mini     84 photos, see `wsss_lite.data.coco`

Each ends as a folder in VOC layout that `VOCFolder` reads. Addresses and checksums are those that
torchvision and the official sites publish. **Not run against the live hosts by us**: the tests
use a server on this machine, so a host that has moved shows itself only when you run it.
"""

import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat

from wsss_lite.data import coco
from wsss_lite.data.images import read_image
from wsss_lite.data.transfer import Remote, get, unpack
from wsss_lite.data.voc import LISTS, MASKS, VOC_CLASSES, Sample, read_list, write_voc
from wsss_lite.data.world import Box
from wsss_lite.errors import InputError
from wsss_lite.files import atomic, unwritable
from wsss_lite.progress import progress

OXFORD = "https://www.robots.ox.ac.uk/~vgg/data/pets/data"
BERKELEY = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours"
VOC_FILES = {
    "voc": Remote(
        "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/VOCtrainval_11-May-2012.tar",
        "md5:6cd6e144f989b92b3379bac3b3de84fd", 2000,
    ),
}  # fmt: skip
SBD_FILES = {
    "sbd": Remote(f"{BERKELEY}/benchmark.tgz", "md5:82b4d87ceb2ed10f6038a1cba92111cb", 1420),
}
PETS_FILES = {
    "images": Remote(f"{OXFORD}/images.tar.gz", "md5:5c4f3ee8e5d25df40f4fd59a7f44e54c", 792),
    "trimaps": Remote(f"{OXFORD}/annotations.tar.gz", "md5:95a8c909bbe2e81eed6a22bccdf3f68f", 19),
}
TRAINAUG = 10_582  # pictures; every paper since 2015 names this number
AUG_MASKS = "SegmentationClassAug"
CAT_FG, CAT_BG = 1, 2  # of a pets trimap; 3 is the outline, which becomes void


def fetch(name, root, files=None, keep=False):
    """Download data set `name` below `root` and turn it into VOC layout; returns its folder.

    A folder that is there is returned at once. Archives wait in root/downloads and go when the
    folder is complete, unless `keep`. files: {key: Remote} in place of the published addresses.

    InputError: an unknown name, no space, and whatever `get` and `unpack` raise. Nothing is
    half-made then, and what has been downloaded is used by the next call.
    """
    if name not in BUILDERS:
        raise InputError(f"There is no data set {name!r}; choose from {', '.join(BUILDERS)}.")
    root = Path(root)
    folder_name, published, build = BUILDERS[name]
    folder, downloads = root / folder_name, root / "downloads" / name
    if not folder.exists():
        files = files or published()
        _need_space(root, downloads, sum(remote.megabytes for remote in files.values()))
        remotes = progress(list(files.items()), "files")
        paths = {key: get(remote, downloads) for key, remote in remotes}
        with atomic(folder) as unfinished:
            unfinished.mkdir()
            build(paths, unfinished)
        if not keep:
            shutil.rmtree(downloads, ignore_errors=True)
    if name in ("voc2012", "sbd"):
        _join(root)
    return folder


def _need_space(root, downloads, megabytes):
    """InputError unless the disk holds the archives and about as much again unpacked."""
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(root, error) from error
    have = sum(path.stat().st_size for path in downloads.glob("*"))
    need, free = 2.2e6 * megabytes - have, shutil.disk_usage(root).free
    if free < need:
        raise InputError(
            f"{root} has {free / 1e9:.1f} GB free and needs {need / 1e9:.1f}; free some "
            "space or choose another folder with --root."
        )


def _raw(folder):
    """A place for unpacked originals; `atomic` removes it with the private folder it lies in."""
    return folder.with_name("raw")


# PASCAL VOC 2012


def build_voc(paths, folder):
    unpack(paths["voc"], folder, "VOCdevkit/VOC2012")


# Semantic Boundaries Dataset


def build_sbd(paths, folder):
    """MATLAB masks become palette PNGs; there is no void band in SBD."""
    raw = _raw(folder)
    unpack(paths["sbd"], raw, "benchmark_RELEASE/dataset")
    splits = {split: read_list(raw / f"{split}.txt") for split in ("train", "val")}
    ids = [id for split in splits.values() for id in split]
    samples = (_sbd_sample(raw, id) for id in progress(ids, "SBD masks"))
    write_voc(folder, samples, splits, VOC_CLASSES)


def _sbd_sample(raw, id):
    image = (raw / "img" / f"{id}.jpg").read_bytes()
    mask = read_mat(raw / "cls" / f"{id}.mat", "GTcls")
    instances = read_mat(raw / "inst" / f"{id}.mat", "GTinst")
    return Sample(id, image, mask, instances)


def read_mat(path, key):
    """(H, W) uint8 from an SBD .mat: `GTcls` gives classes, `GTinst` gives objects."""
    try:
        return np.asarray(loadmat(path)[key][0]["Segmentation"][0], np.uint8)
    except Exception as error:  # scipy raises half a dozen kinds on a damaged file
        raise InputError(f"{path} is no SBD mask ({error}); fetch the archive again.") from error


# trainaug: VOC train + SBD - VOC val


def trainaug(voc_train, voc_val, sbd_train, sbd_val, expected=TRAINAUG):
    """Sorted names of the augmented training list: all of VOC train and SBD, less VOC val.

    InputError unless there are `expected` of them (None: any number).
    """
    names = sorted((set(voc_train) | set(sbd_train) | set(sbd_val)) - set(voc_val))
    if expected is not None and len(names) != expected:
        raise InputError(
            f"trainaug has {len(names)} pictures, not {expected}, so a list of VOC2012 or SBD is "
            "not the published one; delete both folders and fetch them again."
        )
    return names


def add_trainaug(voc, sbd, expected=TRAINAUG):
    """Add ImageSets/Segmentation/trainaug.txt and SegmentationClassAug/ to a VOC2012 folder.

    The second holds a mask for each picture of trainaug and val: VOC's own where there is one,
    because it is finer and has the void band, else that of SBD. Returns the list.
    """
    voc, sbd = Path(voc), Path(sbd)
    lists = [read_list(base / LISTS / f"{s}.txt") for base in (voc, sbd) for s in ("train", "val")]
    names = trainaug(*lists, expected=expected)
    own = set(lists[0]) | set(lists[1])
    if not (voc / AUG_MASKS).exists():
        with atomic(voc / AUG_MASKS) as folder:
            folder.mkdir()
            for id in progress(sorted(own | set(names)), "trainaug masks"):
                source = voc if id in own else sbd
                shutil.copyfile(source / MASKS / f"{id}.png", folder / f"{id}.png")
    with atomic(voc / LISTS / "trainaug.txt") as path:
        path.write_text("".join(f"{id}\n" for id in names), encoding="utf-8")
    return names


def _join(root):
    voc, sbd = root / "VOC2012", root / "SBD"
    if voc.exists() and sbd.exists() and not (voc / LISTS / "trainaug.txt").exists():
        add_trainaug(voc, sbd)


# Oxford-IIIT Pets


def build_pets(paths, folder):
    """37 breeds become the classes cat and dog; their list trainval is called train here.

    The outline of a trimap is several pixels wide and becomes void: more void than the 1 pixel
    that this course allows its own masks, so boundary errors are hardly counted on this set.
    """
    raw = _raw(folder)
    unpack(paths["images"], raw / "images", "images")
    unpack(paths["trimaps"], raw / "annotations", "annotations")
    lists = {"train": "trainval", "test": "test"}
    rows = {split: _pets_list(raw / "annotations" / f"{lists[split]}.txt") for split in lists}
    everyone = [row for split in rows.values() for row in split]
    samples = (_pets_sample(raw, *row) for row in progress(everyone, "pets"))
    splits = {split: [id for id, _ in rows[split]] for split in rows}
    write_voc(folder, samples, splits, ("cat", "dog"))


def _pets_list(path):
    """[(id, 1 cat or 2 dog)]; a line is: id, breed, species, number within the species."""
    return [(line.split()[0], int(line.split()[2])) for line in read_list(path)]


def _pets_sample(raw, id, species):
    path = raw / "images" / f"{id}.jpg"
    image = path.read_bytes()
    if not image.startswith(b"\xff\xd8"):  # a few are PNG or GIF under the name .jpg
        image = read_image(path)
    trimap = np.array(Image.open(raw / "annotations" / "trimaps" / f"{id}.png"))
    box = pet_box(trimap, species)
    return Sample(id, image, pet_mask(trimap, species), pet_mask(trimap, 1), [box])


def pet_mask(trimap, value):
    """(H, W) uint8: `value` on the animal, 0 on the background, 255 on its outline."""
    return np.where(trimap == CAT_FG, value, np.where(trimap == CAT_BG, 0, 255)).astype(np.uint8)


def pet_box(trimap, species):
    """Tight `Box` round animal and outline; the whole picture where the trimap is empty."""
    rows, columns = np.nonzero(trimap != CAT_BG)
    if not len(rows):
        return Box(species, 0, 0, trimap.shape[1], trimap.shape[0])
    x, y = columns.tolist(), rows.tolist()
    return Box(species, min(x), min(y), max(x) + 1, max(y) + 1)


# name -> (folder, function that names the files, function that turns them into VOC layout)
BUILDERS = {
    "voc2012": ("VOC2012", lambda: VOC_FILES, build_voc),
    "sbd": ("SBD", lambda: SBD_FILES, build_sbd),
    "pets": ("pets", lambda: PETS_FILES, build_pets),
    "coco-mini": ("coco-mini", coco.files, coco.build),
}
