"""Drawn scenes: what the knobs promise, what the masks promise, what the camera does."""

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest

from wsss_lite.data import camera as camera_module
from wsss_lite.data.casting import P_LAKE, P_RAILS
from wsss_lite.data.contexts import STUFF_ID
from wsss_lite.data.drawing import PART, PARTS, Sprite
from wsss_lite.data.objects import pet
from wsss_lite.data.scenes import (
    CLASSES,
    CONTEXTS,
    STUFF,
    VOID,
    VOID_SHARE,
    Camera,
    Knobs,
    draw,
    plan,
)

CLEAN = Knobs(camera=Camera.off())
PLANS = 4000


@cache
def plans(**knobs):
    return [plan(seed, replace(CLEAN, **knobs)) for seed in range(PLANS)]


def holds(made, cls):
    return any(actor.cls == cls for actor in made.cast)


def share(part, whole):
    """(share of `whole` that fulfils `part`, number in `whole`)."""
    return np.mean([part(one) for one in whole]), len(whole)


@pytest.fixture(scope="module")
def some():
    """Forty clean scenes."""
    return [draw(seed, CLEAN) for seed in range(40)]


# Plans: probabilities, without a pixel


@pytest.mark.parametrize("r", [0., .5, 1.])
@pytest.mark.parametrize("cls,context,q", [("boat", "lake", P_LAKE), ("train", "rails", P_RAILS)])
def test_cooccurrence_sets_both_conditional_probabilities(r, cls, context, q):
    made = plans(cooccurrence=r)
    expected = r + (1 - r) * q
    forward, n = share(lambda p: p.context == context, [p for p in made if holds(p, cls)])
    back, m = share(lambda p: holds(p, cls), [p for p in made if p.context == context])
    for measured, count in ((forward, n), (back, m)):
        assert measured == pytest.approx(expected, abs=.005 + 3.5 * np.sqrt(.25 / count))
    if r == 1:
        assert forward == back == 1


def test_casts_do_not_depend_on_cooccurrence_but_contexts_do():
    low, high = plans(cooccurrence=0.), plans(cooccurrence=1.)
    assert [p.cast for p in low] == [p.cast for p in high]
    assert sum(a.context != b.context for a, b in zip(low, high)) > .3 * PLANS


@pytest.mark.parametrize("context", CONTEXTS)
def test_contexts_are_equally_frequent_at_every_cooccurrence(context):
    counts = [sum(p.context == context for p in plans(cooccurrence=r)) for r in (0., 1.)]
    assert abs(counts[0] - counts[1]) < .03 * PLANS
    assert min(counts) > .08 * PLANS


def test_every_class_is_frequent_and_boats_never_meet_trains():
    made = plans()
    for cls in CLASSES:
        assert .1 < share(lambda p: holds(p, cls), made)[0] < .5, cls
    assert not any(holds(p, "boat") and holds(p, "train") for p in made)


def test_coupled_scenes_leave_lakes_to_boats():
    for made in plans(cooccurrence=1.):
        assert made.coupled
        assert (made.context == "lake") == holds(made, "boat")
        assert (made.context == "rails") == holds(made, "train")
        assert not holds(made, "horse") or made.context == "meadow"


@pytest.mark.parametrize("chance", [0., .5, 1.])
def test_pairing_is_the_share_of_horses_with_a_person(chance):
    horses = [p for p in plans(pairing=chance) if holds(p, "horse")]
    measured, n = share(lambda p: holds(p, "person"), horses)
    assert measured == pytest.approx(chance, abs=1e-9 + 3.5 * np.sqrt(chance * (1 - chance) / n))


# Scenes follow their plan


def test_tags_and_context_are_those_of_the_plan(some):
    for seed, scene in enumerate(some):
        made = plan(seed, CLEAN)
        assert set(np.unique(scene.mask)) - {0, VOID} == {
            CLASSES.index(actor.cls) + 1 for actor in made.cast}
        assert (scene.context, scene.coupled) == (made.context, made.coupled)
        assert len(scene.objects) == len(made.cast)


def test_two_draws_are_equal_bit_for_bit():
    one, other = draw(5), draw(5)
    for name in ("image", "mask", "instances", "parts", "stuff", "objects", "caption", "file"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert not np.array_equal(one.image, draw(6).image)


def test_arrays_have_the_promised_shapes_and_agree(some):
    for scene in some:
        assert scene.image.shape == (128, 128, 3) and scene.image.dtype == np.uint8
        covered = scene.instances > 0
        for labels in (scene.mask, scene.instances, scene.parts, scene.stuff):
            assert labels.shape == (128, 128) and labels.dtype == np.uint8
        assert np.array_equal(scene.mask == VOID, scene.instances == VOID)
        assert np.array_equal(scene.mask > 0, covered)
        solid = scene.instances != VOID  # parts and stuff have no void: they share those pixels
        assert np.array_equal((scene.parts > 0)[solid], covered[solid])
        assert np.array_equal((scene.parts > 0) & (scene.stuff > 0), np.zeros_like(covered))
        assert scene.parts.max() < len(PARTS) and scene.stuff.max() < len(STUFF)


def test_objects_describe_the_instances(some):
    for scene in some:
        for number, thing in enumerate(scene.objects, 1):
            own = scene.instances == number
            assert set(np.unique(scene.mask[own])) == {thing["cls"]}
            x0, y0, x1, y1 = thing["box"]
            outside = own.copy()
            outside[y0:y1, x0:x1] = False
            assert not outside.any()
            assert own.sum() <= thing["area"] <= own.sum() / (1 - VOID_SHARE) + 1


def test_void_is_thin_and_at_most_15_percent_of_an_object(some):
    seen = 0
    for scene in some:
        void = scene.instances == VOID
        assert not (void[1:, 1:] & void[1:, :-1] & void[:-1, 1:] & void[:-1, :-1]).any()
        for number in range(1, len(scene.objects) + 1):
            own = (scene.instances == number).astype(np.uint8)
            around = ((cv2.dilate(own, np.ones((3, 3))) > 0) & void).sum()
            assert around <= VOID_SHARE * (around + own.sum())
            seen += around
    assert seen > 500


def test_no_object_is_smaller_than_20_pixels_even_when_all_are_small():
    for seed in range(12):
        assert all(thing["area"] >= 20 for thing in draw(seed, replace(CLEAN, size=.35)).objects)


def test_captions_name_every_class(some):
    for scene in some:
        for thing in scene.objects:
            plural = {"person": "people"}.get(thing["name"], thing["name"])
            assert thing["name"] in scene.caption or plural in scene.caption


# Parts


@pytest.mark.parametrize("cls", ["bird", "cat", "dog", "horse", "person"])
def test_animals_and_people_have_head_and_body(cls):
    scene = draw(3, CLEAN, context="meadow", cast=(cls,))
    for part in ("head", "body", "legs"):
        assert (scene.parts == PART[part]).sum() >= 4, part


@pytest.mark.parametrize("cls,parts", [("boat", ["hull"]), ("car", ["body", "window", "wheel"]),
                                       ("train", ["body", "window", "wheel"])])
def test_vehicles_have_their_parts(cls, parts):
    scene = draw(3, CLEAN, context="meadow", cast=(cls,))
    for part in parts:
        assert (scene.parts == PART[part]).any(), part


@pytest.mark.parametrize("cls", ["cat", "dog"])
@pytest.mark.parametrize("pose", ["stand", "sit"])
def test_heads_of_pets_are_a_quarter_to_a_third(cls, pose):
    sprite = pet_sprite(cls, pose, shared=1.)
    drawn = sprite.alpha > 127
    assert .23 < (sprite.parts[drawn] == PART["head"]).mean() < .36


def pet_sprite(cls, pose, shared, seed=1):
    sprite = Sprite(128, 200, 110)
    pet(sprite, np.random.default_rng(seed), cls, pose, shared)
    return sprite


@pytest.mark.parametrize("pose", ["stand", "sit"])
def test_with_shared_bodies_cat_and_dog_differ_in_the_head_only(pose):
    for seed in range(6):
        cat, dog = (pet_sprite(cls, pose, 1., seed) for cls in ("cat", "dog"))
        heads = (cat.parts == PART["head"]) | (dog.parts == PART["head"])
        elsewhere = cv2.dilate(heads.astype(np.uint8), np.ones((9, 9))) == 0
        assert np.array_equal(cat.rgb[elsewhere], dog.rgb[elsewhere])
        assert not np.array_equal(cat.rgb, dog.rgb)
        cat, dog = (pet_sprite(cls, pose, 0., seed) for cls in ("cat", "dog"))
        assert not np.array_equal(cat.rgb[elsewhere], dog.rgb[elsewhere])


# Places


@pytest.mark.parametrize("context", ["meadow", "street", "room", "rails"])
def test_a_boat_off_the_lake_stands_on_something_dry(context):
    scene = draw(11, CLEAN, context=context, cast=("boat",))
    assert not (scene.stuff == STUFF_ID["water"]).any()
    assert scene.objects[0]["rest"] in ("trailer", "blocks")
    assert draw(11, CLEAN, context="lake", cast=("boat",)).objects[0]["rest"] == ""


@pytest.mark.parametrize("context", ["meadow", "street", "room", "lake"])
def test_a_train_off_the_tracks_draws_no_rails(context):
    assert not (draw(11, CLEAN, context=context, cast=("train",)).stuff == STUFF_ID["rails"]).any()
    on_rails = draw(11, CLEAN, context="rails", cast=("train",))
    assert (on_rails.stuff == STUFF_ID["rails"]).sum() > 100


@pytest.mark.parametrize("vehicle,context", [("train", "rails"), ("train", "lake"),
                                             ("car", "street")])
def test_nobody_stands_on_a_roof(vehicle, context):
    for seed in range(8):
        scene = draw(seed, CLEAN, context=context, cast=(vehicle, "person"))
        person = [n for n, thing in enumerate(scene.objects, 1) if thing["name"] == "person"]
        for number in person:
            rows, columns = np.nonzero(scene.instances == number)
            feet = rows.max()
            below = scene.mask[feet + 1:feet + 4, columns[rows == feet]]
            assert not (below == CLASSES.index(vehicle) + 1).any()


@pytest.mark.parametrize("context,stuff", [("lake", "water"), ("rails", "rails"),
                                           ("meadow", "grass"), ("street", "road"),
                                           ("room", "room")])
def test_empty_contexts_show_their_stuff(context, stuff):
    scene = draw(2, CLEAN, context=context, cast=())
    assert not scene.mask.any() and not scene.objects
    assert (scene.stuff == STUFF_ID[stuff]).sum() > 300


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="No context 'moon'"):
        draw(1, context="moon")
    with pytest.raises(ValueError, match="No class 'cow'"):
        draw(1, cast=("cow",))


def test_clutter_and_size_have_an_effect():
    def things(clutter):
        scenes = [draw(seed, replace(CLEAN, clutter=clutter), "meadow", ()) for seed in range(12)]
        return np.mean([np.isin(s.stuff, (0, STUFF_ID["trees"])).mean() for s in scenes])

    def area(size):
        scenes = [draw(seed, replace(CLEAN, size=size), cast=("dog",)) for seed in range(8)]
        return np.mean([s.objects[0]["area"] for s in scenes])

    assert things(0.) == 0 and things(1.) > 2 * things(.2) > 0
    assert area(1.4) > 1.3 * area(1.) > 1.3 * 1.3 * area(.7)


# Camera


SEEDS = range(6)


def shots(**strength):
    """Scenes with one effect of the camera and all others off."""
    return [draw(seed, replace(CLEAN, camera=replace(Camera.off(), **strength)))
            for seed in SEEDS]


@pytest.fixture(scope="module")
def clean():
    return shots()


def light(scene):
    return scene.image.astype(float).mean(2)


def sharpness(scene):
    return cv2.Laplacian(light(scene), cv2.CV_64F).var()


def test_the_camera_changes_no_label(clean):
    for before, after in zip(clean, [draw(seed) for seed in SEEDS]):
        assert np.array_equal(before.instances, after.instances)
        assert np.array_equal(before.parts, after.parts)
        assert not np.array_equal(before.image, after.image)


def test_blur_softens_and_noise_roughens(clean):
    for before, soft, rough in zip(clean, shots(blur=1.5), shots(noise=15.)):
        assert sharpness(soft) < .7 * sharpness(before) < .5 * sharpness(rough)


def test_jpeg_is_smaller_at_lower_quality_and_what_is_read_is_what_is_shown(clean):
    for before, coarse, fine in zip(clean, shots(jpeg=20), shots(jpeg=95)):
        assert len(coarse.file) < .5 * len(fine.file)
        error = [np.abs(s.image.astype(float) - before.image).mean() for s in (coarse, fine)]
        assert error[0] > error[1] > 0
        decoded = cv2.imdecode(np.frombuffer(fine.file, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
        assert np.abs(decoded.astype(int) - fine.image).max() <= 6  # decoders round differently


def test_gradient_lights_one_side(clean):
    for before, after in zip(clean, shots(gradient=.5)):
        ratio = (light(after) + 1) / (light(before) + 1)
        corners = [ratio[y:y + 30, x:x + 30].mean() for y in (0, 98) for x in (0, 98)]
        assert max(corners) - min(corners) > .15


def test_shadows_darken_in_patches(clean):
    for before, after in zip(clean, shots(shadow=.6)):
        ratio = (light(after) + 1) / (light(before) + 1)
        assert ratio.mean() < .95 and ratio.max() < 1.01 and ratio.std() > .05


def test_tint_shifts_the_channels(clean):
    shifts = [np.abs(b.image.mean((0, 1)) - a.image.mean((0, 1))).max()
              for a, b in zip(clean, shots(tint=.15))]
    assert np.mean(shifts) > 4


def test_shared_colour_brings_objects_and_surroundings_together(clean):
    def distance(scene):
        inside = (scene.mask > 0).astype(np.uint8)
        ring = (cv2.dilate(inside, np.ones((9, 9))) > 0) & (inside == 0)
        return np.linalg.norm(scene.image[inside > 0].mean(0) - scene.image[ring].mean(0))

    before = np.mean([distance(scene) for scene in clean])
    assert np.mean([distance(scene) for scene in shots(shared_colour=.5)]) < .8 * before
    assert np.mean([distance(scene) for scene in shots(shared_colour=1.)]) < .5 * before


def test_texture_roughens_ground_and_objects(clean):
    def roughness(scene, where):
        fine = light(scene) - cv2.GaussianBlur(light(scene), (0, 0), 3)
        return fine[where].std()

    textured = shots(texture=1.)
    for where in (lambda s: s.stuff > STUFF_ID["hills"], lambda s: s.mask > 0):
        before, after = ([roughness(s, where(s)) for s in kind] for kind in (clean, textured))
        assert np.mean(after) > 1.15 * np.mean(before)


def test_one_effect_does_not_change_the_dice_of_another():
    shadow = shots(shadow=.5)[0].image.astype(float)
    both = shots(shadow=.5, tint=.05)[0].image.astype(float)
    ratio = (both + 1) / (shadow + 1)
    assert ratio.std((0, 1)).max() < .05  # only a constant factor in each channel


def test_impossible_strengths_are_refused():
    with pytest.raises(ValueError, match="Camera.texture is 2"):
        Camera(texture=2)
    with pytest.raises(ValueError, match="jpeg"):
        Camera(jpeg=101)


def test_a_missing_texture_says_what_to_reinstall(monkeypatch):
    monkeypatch.setitem(camera_module.SURFACES, "gone", ("skimage", "data/gone.png", 1., 1.))
    with pytest.raises(camera_module.InputError, match="reinstall skimage"):
        camera_module.surface("gone")
