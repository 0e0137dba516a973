"""Measured beside the peers: the same work, the same machine, one thread, one run.

Ours and the peer take turns, so that a machine that slows down slows both; the median is shown.
`ratio` is peer_ms / ours_ms: above 1 we are faster. A peer that is not installed is left out
with one line on standard error.

    wsss-lite bench            python -m benchmarks.bench --json
"""

import argparse
import copy
import json
import sys

import cv2
import numpy as np
import torch

from benchmarks import annotate, assisted, text_map, walk
from benchmarks.timing import VOC_SIZE, milliseconds, one_thread
from wsss_lite.data.scenes import draw
from wsss_lite.errors import InputError
from wsss_lite.maps.cam import cam
from wsss_lite.nets.trunk import Trunk  # mends torchvision, which the peers import
from wsss_lite.refine import crf
from wsss_lite.refine.threshold import upsample
from wsss_lite.score import Scores, confusion

PRESENT = (281, 207, 339)  # ImageNet numbers of three classes: tabby, golden retriever, sorrel
LABELS = 21  # PASCAL VOC with background
REPEATS = 15
SLOW_MS = 500  # above this, a third of the repetitions will do


def main(argv=None, as_json=False):
    """Print the table, or with --json the list of rows."""
    if not as_json:
        parser = argparse.ArgumentParser(prog="python -m benchmarks.bench", description=__doc__)
        parser.add_argument("--json", action="store_true")
        as_json = parser.parse_args(argv or []).json
    rows = measure() + [walk_row(), *annotator_rows()]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'what':8} {'ours ms':>9} {'peer ms':>9} {'ratio':>6}  peer")
    for row in rows:
        print("{what:8} {ours_ms:9.1f} {peer_ms:9.1f} {ratio:6.2f}  {peer}".format(**row))
        if row["what"] == "pipeline":
            rate = 1e3 * assisted.PICTURES / row["ours_ms"]
            print(f"{'':8} picture to tags to boxes to masks: {rate:.1f} pictures a second")


def measure(repeats=REPEATS):
    """List of {what, ours_ms, peer, peer_ms, ratio}; peers that are not installed are left out."""
    rows = []
    with one_thread():
        for what, peer, make in CASES:
            try:
                ours, theirs = make()
            except ImportError as error:
                print(f"bench: {peer} is left out ({error.name} is missing)", file=sys.stderr)
                continue
            except InputError as error:  # weights that are not there
                print(f"bench: {what} beside {peer} is left out: {error}", file=sys.stderr)
                continue
            rows.append(race(what, peer, ours, theirs, repeats))
    return rows


def walk_row():
    """The random walk of PSA and IRN; of its dense peer one squaring in eight is measured."""
    row = walk.measure()
    peer = f"dense squaring (extrapolated), {row['smaller']:g}x the memory"
    return {"what": "walk", "ours_ms": row["sparse_ms"], "peer": peer,
            "peer_ms": row["dense_ms"], "ratio": row["faster"]}  # fmt: skip


def annotator_rows():
    """The annotator's engines on a drawing of VOC's size, beside the time that is promised."""
    size = f"{VOC_SIZE[1]}x{VOC_SIZE[0]}"
    return [
        {"what": "draw", "ours_ms": row["ms"], "peer": f"promise: {row['kind']} by {row['engine']}",
         "peer_ms": annotate.PROMISED_MS, "ratio": round(annotate.PROMISED_MS / row["ms"], 2)}
        for row in annotate.measure() if row["size"] == size
    ]  # fmt: skip


def race(what, peer, ours, theirs, repeats):
    """One row: both run once unmeasured, then take turns."""
    slow = milliseconds(ours) + milliseconds(theirs) > SLOW_MS
    turns = range(max(1, repeats // 3) if slow else repeats)
    taken = [(milliseconds(ours), milliseconds(theirs)) for _ in turns]
    ours_ms, peer_ms = np.median(taken, axis=0).tolist()
    return {
        "what": what,
        "ours_ms": round(ours_ms, 2),
        "peer": peer,
        "peer_ms": round(peer_ms, 2),
        "ratio": round(peer_ms / ours_ms, 3),
    }


# ------------------------------------------------------------------------------------------- CAM


def cam_setting():
    """(trunk, one picture as a (1, 3, 224, 224) batch, ImageNet weights of the present classes)."""
    trunk = Trunk("lite0", size=224, device="cpu")
    return trunk, trunk.tensor([draw(0).image]), trunk.classifier[0][list(PRESENT)]


def cam_maps(trunk, batch, weight):
    """Ours: maps of all present classes, (3, h, w) in 0..1, from one forward pass."""
    with torch.inference_mode():
        return cam(trunk.stages(batch, ("final",))["final"], weight)[0]


def cam_against_forward():
    trunk, batch, weight = cam_setting()

    def forward():
        with torch.inference_mode():
            return trunk.model(batch)

    return lambda: cam_maps(trunk, batch, weight), forward


def cam_against_torchcam():
    """torchcam hooks the layer in front of the pooling; one forward pass, then class by class."""
    trunk, batch, weight = cam_setting()
    from torchcam.methods import CAM

    extractor = CAM(trunk.model, target_layer="bn2", fc_layer="classifier")

    def theirs():
        with torch.inference_mode():
            scores = trunk.model(batch)
            return [extractor(index, scores)[0][0] for index in PRESENT]

    return lambda: cam_maps(trunk, batch, weight), theirs


def cam_against_grad_cam():
    """grad-cam enlarges its map to the picture, so here ours does too; it does one class, we three.

    Its backward pass needs parameters that take gradients.
    """
    trunk, batch, weight = cam_setting()
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model = copy.deepcopy(trunk.model).requires_grad_(True)
    extractor = GradCAM(model=model, target_layers=[model.bn2])
    targets = [ClassifierOutputTarget(PRESENT[0])]

    def ours():
        return upsample(cam_maps(trunk, batch, weight).numpy(), batch.shape[-2:])

    return ours, lambda: extractor(input_tensor=batch, targets=targets)


# ------------------------------------------------------------------------------------------ mIoU


def masks(pictures=10, seed=0):
    """(truth, prediction) pairs of VOC size: blocks of every class, void, four in five right."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, LABELS, (pictures, 15, 20), dtype=np.uint8)
    truth = small.repeat(25, 1).repeat(25, 2)
    wrong = rng.random(truth.shape) < 0.2
    other = rng.integers(0, LABELS, truth.shape, dtype=np.uint8)
    pred = np.where(wrong, other, truth)
    truth[:, ::25] = 255
    return list(zip(truth, pred, strict=True))


def our_miou(pairs):
    total = np.zeros((LABELS, LABELS), np.int64)
    for truth, pred in pairs:
        total += confusion(truth, pred, LABELS)
    return Scores(total).miou


def miou_against_torchmetrics(**options):
    """The metric as it comes, or with `validate_args=False`, its fastest setting."""
    from torchmetrics.classification import MulticlassJaccardIndex

    pairs = masks()
    tensors = [(torch.from_numpy(pred), torch.from_numpy(truth)) for truth, pred in pairs]
    metric = MulticlassJaccardIndex(LABELS, ignore_index=255, **options)

    def theirs():
        metric.reset()
        for pred, truth in tensors:
            metric.update(pred, truth)
        return float(metric.compute())

    if abs(theirs() - our_miou(pairs)) > 1e-6:
        raise AssertionError(f"mIoU {our_miou(pairs)} is not torchmetrics' {theirs()}")
    return lambda: our_miou(pairs), theirs


def miou_against_unchecked():
    return miou_against_torchmetrics(validate_args=False)


# ------------------------------------------------------------------------------------------- CRF


def crf_setting():
    """A VOC-sized drawn picture; probabilities of 3 of the 21 labels, and of all of them."""
    image = cv2.resize(draw(0).image, VOC_SIZE[::-1])
    rng = np.random.default_rng(0)
    present = np.zeros((LABELS, *VOC_SIZE), np.float32)
    present[:3] = upsample(rng.random((3, 8, 8)), VOC_SIZE)
    present /= present.sum(0)
    every = present + 1e-6  # a label without mass would be dropped
    return image, present, every / every.sum(0)


def crf_against_all_labels():
    if not crf.HAVE_CRF:
        raise ModuleNotFoundError(name="pydensecrf2")
    image, present, every = crf_setting()
    return lambda: crf.dense_crf(image, present), lambda: crf.dense_crf(image, every)


# -------------------------------------------------------------------------------- large models


def voc_picture():
    return cv2.resize(draw(0).image, VOC_SIZE[::-1])


def sam_against_processor():
    return assisted.sam_against(assisted.theirs_each, voc_picture())


def sam_against_kept():
    return assisted.sam_against(assisted.theirs_once, voc_picture())


CASES = (
    ("cam", "forward", cam_against_forward),
    ("cam", "torchcam", cam_against_torchcam),
    ("cam", "grad-cam", cam_against_grad_cam),
    ("miou", "torchmetrics", miou_against_torchmetrics),
    ("miou", "torchmetrics unchecked", miou_against_unchecked),
    ("crf", "all labels", crf_against_all_labels),
    ("text", "forward", text_map.against_forward),
    ("sam", "transformers, picture and box each time", sam_against_processor),
    ("sam", "transformers, embedding kept", sam_against_kept),
    ("prompt", "encoding the picture (pocket SAM)", assisted.decode_against_encode),
    ("pipeline", "forward", assisted.pipeline_against_forward),
)


if __name__ == "__main__":
    main(sys.argv[1:])
