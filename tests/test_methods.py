"""Every method's maps: their form, what switches them off, and that none looks at a mask."""

import inspect
import re
import shutil

import numpy as np
import pytest

from wsss_lite.errors import InputError, PeekError
from wsss_lite.lab import Lab
from wsss_lite.methods.cam.cam_imagenet import imagenet_numbers
from wsss_lite.methods.cam.imagenet_names import IMAGENET
from wsss_lite.methods.cam.layer_cam import layer_cam
from wsss_lite.registry import find, methods, register

# Assisted methods are tried with assistants of their own, in test_assist_methods.py.
ASSISTED = [name for name, m in methods().items() if m.category.startswith("Large model")]
WEAK = [n for n, m in methods().items() if m.supervision != "full" and n not in ASSISTED]
TAGS = [name for name in WEAK if methods()[name].supervision == "tags"]
MAPS = [name for name in WEAK if methods()[name].produces == "maps"]
LABELS = [name for name in WEAK if methods()[name].produces == "labels"]


@pytest.fixture(scope="module")
def labs(tiny, maskless, session_cache, trunk):
    """(lab on the tiny world, lab on its copy without masks)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSSS_LITE_CACHE", str(session_cache))
        both = Lab(str(tiny), trunk), Lab(str(maskless), trunk)
        assert both[0].bank.folder == both[1].bank.folder  # which is fixed here
        yield both


@pytest.fixture
def lab(labs):
    return labs[0]


@pytest.mark.parametrize("name", MAPS)
def test_maps_are_in_0_to_1_and_only_of_the_tagged_classes(lab, name):
    maps = np.asarray(lab.maps(name), np.float32)
    tags = lab.view().tags
    assert maps.shape[:2] == tags.shape and maps.ndim == 4 and np.isfinite(maps).all()
    assert maps.min() >= 0 and maps.max() <= 1
    peak = maps.max((2, 3))
    assert (peak[~tags] == 0).all()
    assert (peak[tags] > 0.99).mean() > 0.8  # each by its own maximum; a few may be empty


@pytest.mark.parametrize("name", MAPS)
def test_the_same_seed_gives_the_same_maps(lab, name):
    method = find(name)
    again = lab.make(method, lab.view_of(method)).maps
    assert np.array_equal(lab.maps(name), np.asarray(again, np.float16))


@pytest.mark.parametrize("name", LABELS)
def test_labels_are_of_the_tagged_classes_and_the_same_with_a_seed(lab, name):
    method, view = find(name), lab.view_of(find(name))
    one, other = (lab.make(method, view).labels for _ in range(2))
    assert set(one) == set(view.ids)
    for id, tags in zip(view.ids, view.tags):
        assert one[id].shape == view.image(id).shape[:2] and one[id].dtype == np.uint8
        assert set(np.unique(one[id])) <= {0, 255, *(1 + np.flatnonzero(tags))}
        assert np.array_equal(one[id], other[id])


@pytest.mark.parametrize("name", [name for name in TAGS if name in MAPS])
def test_maps_are_the_same_with_every_mask_deleted(labs, name):
    with_masks, without = labs
    assert with_masks.world.has_masks and not without.world.has_masks
    assert with_masks.train + with_masks.tune == without.train + without.tune
    assert np.array_equal(with_masks.maps(name), without.maps(name))


@pytest.mark.parametrize("name", [name for name in WEAK if name in LABELS])
def test_labels_are_the_same_when_the_masks_are_deleted_after_the_drawing(lab, tmp_path, name):
    shutil.copytree(lab.world.root, tmp_path / "world")
    other = Lab(str(tmp_path / "world"), lab.trunk)
    view = other.view_of(find(name))
    for path in (tmp_path / "world").glob("Segmentation*"):
        shutil.rmtree(path)
    first = lab.make(find(name), lab.view_of(find(name))).labels
    again = other.make(find(name), view).labels
    assert all(np.array_equal(first[id], again[id]) for id in view.ids)


@pytest.mark.parametrize("name", TAGS)
def test_a_folder_in_voc_layout_gives_a_complete_row(tiny, quick, trunk, name):
    row = Lab(str(tiny), trunk).run(name)
    for key in ("miou_maps", "miou_pseudo", "miou_test", "precision", "recall", "threshold"):
        assert 0 <= row[key] <= 1, key
    assert all(v is None or 0 <= v <= 1 for v in row["per_class"].values())


def test_a_seed_changes_the_probe(lab):
    view = lab.view()
    assert not np.array_equal(find("cam")(view, seed=0), find("cam")(view, seed=1))


# ---------------------------------------------------------------- switched off, switched on


def difference(a, b):
    """Mean absolute difference of two stacks of maps, the smaller enlarged by repetition."""
    a, b = (np.asarray(x, np.float32) for x in (a, b))
    return float(np.abs(a - b).mean())


@pytest.mark.parametrize("name", ["grad-cam", "xgrad-cam"])
def test_gradient_maps_equal_cam_where_pooling_and_a_linear_layer_follow(lab, name):
    assert difference(lab.maps(name), lab.maps("cam")) < 1e-3


def test_cam_with_scales_and_flip_off_is_the_baseline(lab):
    baseline = lab.maps("cam")
    assert np.array_equal(lab.maps("cam", scales=None, flip=False), baseline)
    assert np.array_equal(lab.maps("cam", scales=(lab.trunk.size,)), baseline)


@pytest.mark.parametrize("knobs", [{"flip": True}, {"scales": (96, 64)}])
def test_cam_with_scales_or_flip_on_is_another(lab, knobs):
    assert difference(lab.maps("cam", **knobs), lab.maps("cam")) > 1e-3


def test_the_mirrored_maps_are_turned_back(lab):
    """Maps of the mirrored pictures agree with the plain ones as they are, not turned round."""
    from wsss_lite.methods.cam.cam import raw_maps

    view = lab.view()
    weight = lab.trunk.classifier[0][:200]
    plain, back = (np.asarray(raw_maps(view, weight, flip=f)) for f in (False, True))
    centred = [m - m.mean(0) for m in (plain, back, back[..., ::-1])]  # without the usual place
    right, wrong = (np.corrcoef(centred[0].ravel(), c.ravel())[0, 1] for c in centred[1:])
    assert right > 0.3 and right > wrong + 0.1, (right, wrong)


def test_layer_cam_with_one_stage_differs_from_the_default(lab):
    one, two = lab.maps("layer-cam", stages=("final",)), lab.maps("layer-cam")
    assert inspect.signature(layer_cam).parameters["stages"].default == ("c5", "final")
    assert one.shape != two.shape or difference(one, two) > 1e-2


def test_layer_cam_differs_from_grad_cam_on_the_same_layer(lab):
    one = lab.maps("layer-cam", stages=("final",))
    assert difference(one, lab.maps("grad-cam")) > 1e-3


def test_layer_cam_does_not_depend_on_the_batch(lab):
    view = lab.view()
    by_two = layer_cam(view, stages=("c5", "final"), batch=2)
    assert difference(by_two, lab.maps("layer-cam")) < 2e-3


# ------------------------------------------------------------------------------------ zero-shot


def test_imagenet_names_are_what_they_say():
    """The numbers against the class names that timm brings."""
    from wsss_lite.export import imagenet_names

    names = imagenet_names()
    words = {
        "cat": "cat|tabby", "dog": "dog|terrier|hound|spaniel|retriever|poodle|Chihuahua",
        "boat": "boat|canoe|gondola|lifeboat|catamaran|schooner|trimaran|yawl|speedboat",
        "car": "car|wagon|cab|convertible|jeep|limousine|racer|minivan|ambulance|Model T",
        "train": "train|locomotive|carriage|streetcar|freight", "horse": "sorrel",
        "sheep": "ram|bighorn", "bicycle": "bicycle|bike", "sofa": "couch",
    }  # fmt: skip
    for cls, pattern in words.items():
        chosen = [names[k] for k in IMAGENET[cls]]
        share = np.mean([bool(re.search(pattern, name)) for name in chosen])
        assert share > (0.5 if cls == "dog" else 0.99), (cls, chosen)
    numbers = [k for ks in IMAGENET.values() for k in ks]
    assert len(numbers) == len(set(numbers))  # no ImageNet class stands for two


def test_cam_imagenet_knows_voc_and_pocket_and_refuses_the_rest():
    from wsss_lite.data.pocket import CLASSES
    from wsss_lite.data.voc import VOC_CLASSES

    assert set(VOC_CLASSES) | set(CLASSES) == set(IMAGENET)
    with pytest.raises(InputError, match="mitochondrion.*`cam`"):
        imagenet_numbers("mitochondrion")


# --------------------------------------------------------------------------------- the register


def test_a_weak_method_that_peeks_is_stopped(lab):
    view = lab.view("tags")
    with pytest.raises(PeekError, match="full"):
        view.mask(view.ids[0])


def test_registration_refuses_nonsense():
    facts = {"category": "x", "paper": "p", "venue": "v", "year": 2020}
    with pytest.raises(ValueError, match="supervision"):
        register("new", supervision="guess", **facts)(lambda view: None)
    with pytest.raises(ValueError, match="needs"):
        register("new", supervision="tags", needs=("luck",), **facts)(lambda view: None)
    with pytest.raises(ValueError, match="two methods"):
        register("cam", supervision="tags", **facts)(lambda view: None)
    assert "new" not in methods()


def test_full_20_sees_the_tune_pictures_only(lab):
    method = find("full-20")
    labels = method(lab.view_of(method))
    assert set(labels) == set(lab.tune)
    name = lab.tune[0]
    assert np.array_equal(labels[name], lab.world.mask(name))
