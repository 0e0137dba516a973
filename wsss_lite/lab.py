"""The lab: a world, a trunk and a seed; `run` takes a method through every stage to a row.

annotation -> maps -> threshold (tune) -> CRF -> pseudo masks -> segmenter -> score
"""

import time
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from wsss_lite import registry
from wsss_lite.data.folder import open_world
from wsss_lite.data.weak import ANNOTATION_SECONDS, WeakView
from wsss_lite.errors import InputError
from wsss_lite.mass import mass
from wsss_lite.memory import peak_mb
from wsss_lite.nets.features import FeatureBank
from wsss_lite.nets.segmenter import STAGES, predict, train_segmenter
from wsss_lite.nets.trunk import Trunk
from wsss_lite.progress import progress
from wsss_lite.refine.crf import CRF, dense_crf
from wsss_lite.refine.threshold import VOID, label, upsample, with_background
from wsss_lite.registry import Made
from wsss_lite.score import Scores, confusion

UNTIL = ("maps", "pseudo", "segmenter")
THRESHOLDS = tuple(np.round(np.arange(0.05, 0.96, 0.05), 2))
DEFAULT_THRESHOLD = 0.3  # without any mask to tune on: the usual choice of the CAM papers
CRF_RATIOS = (0.6, 0.7, 0.8, 0.9, 1.0)  # threshold before the CRF, against that of the maps
CRF_GRID = tuple(
    CRF(colour_position_std=p, colour_std=c) for p, c in ((30, 5), (30, 10), (60, 5), (60, 10))
)
SCENE_SIZE, PHOTO_SIZE = 224, 320  # trunk input, pixels
LABEL_SIZE = 192  # segmenter labels of pictures that differ in size


@dataclass(frozen=True)
class Choice:
    """What the tune masks decided: the threshold of the maps, that of the CRF, its settings."""

    maps: float = DEFAULT_THRESHOLD
    pseudo: float = DEFAULT_THRESHOLD
    crf: CRF = CRF()
    tuned: bool = False


class Lab:
    """Everything a method is run with.

    world: "pocket", "photos", a folder, or a World; trunk: a name or a `Trunk`; limit: use only
    the first so many training and test pictures; train: ids to use in place of the train split.
    """

    def __init__(self, world="pocket", trunk="lite0", weights=None, seed=0, limit=None, train=None):
        self.world = open_world(world) if isinstance(world, str) else world
        self.trunk = trunk if isinstance(trunk, Trunk) else Trunk(trunk, weights, self.size())
        self.seed = seed
        self.limit = limit
        ids = self.world.ids("train") if train is None else train
        self.train = tuple(ids[:limit])
        self.tune = tuple(self.world.ids("tune")) if "tune" in self.world.splits else ()
        held_out = [s for s in ("val", "test") if s in self.world.splits] or [None]
        self.test_split = getattr(self.world, "scored_split", None) or held_out[0]
        self.test = tuple(self.world.ids(self.test_split)[:limit]) if self.test_split else ()
        self.classes = len(self.world.classes) + 1
        self._kept = {}

    def size(self):
        """Input side in pixels: photographs are seen larger than the small drawn scenes."""
        return SCENE_SIZE if self.world.name == "pocket" else PHOTO_SIZE

    @cached_property
    def bank(self):
        return FeatureBank(self.world, self.trunk)

    def view(self, supervision="tags", needs=(), ids=None, **drawn):
        """What a method of that supervision may see of train and tune (or of `ids`).

        drawn: knobs of the simulated annotations, as `WeakView` takes them.
        """
        ids = self.train + self.tune if ids is None else tuple(ids)
        if not ids:
            raise InputError(f"{self.world.name} has no training pictures: add a train list.")
        return WeakView(
            self.world, ids, supervision, needs, seed=self.seed, trunk=self.bank, **drawn
        )

    def view_ids(self, method):
        """The pictures whose annotation a method uses."""
        lists = {"train+tune": self.train + self.tune, "train": self.train, "tune": self.tune}
        return lists[method.pictures]

    def view_of(self, method, **drawn):
        """The view that the method's declared supervision opens."""
        if method.supervision == "full" and not self.world.has_masks:
            raise InputError(
                f"{method.name} needs masks and {self.world.name} has none: "
                "add SegmentationClass, or run a weakly supervised method."
            )
        return self.view(method.supervision, method.needs, self.view_ids(method), **drawn)

    def maps(self, name, **knobs):
        """(N, C, h, w) float16 maps of train + tune pictures, kept for the next call."""
        method = registry.find(name)
        key = (name, tuple(sorted(knobs.items())))
        if key not in self._kept:
            view = self.view_of(method)
            self._kept[key] = np.asarray(self.make(method, view, **knobs).maps, np.float16)
        return self._kept[key]

    def make(self, method, view, **knobs):
        """What a method makes of a view, as a `Made`."""
        made = method(view, seed=self.seed, **knobs)
        return made if isinstance(made, Made) else Made(**{method.produces: made})

    def split_maps(self, maps):
        """The rows of the train pictures, and those of the tune pictures."""
        return maps[: len(self.train)], maps[len(self.train) :]

    # ---- maps to masks

    def choose(self, maps, crf=True):
        """Thresholds and CRF settings with the best mIoU on the tune masks (a `Choice`)."""
        rows = self.split_maps(maps)[1]
        if not self.tune or not self.world.has_masks:
            return Choice()
        best = max(THRESHOLDS, key=lambda t: self._tune_score(rows, t).miou)
        choice = Choice(maps=float(best), pseudo=float(best), tuned=True)
        if not crf:
            return choice
        # the CRF's width first, the threshold before it second: 9 runs in place of 20
        choice = replace(choice, pseudo=round(0.8 * choice.maps, 3))
        tried = [replace(choice, crf=c) for c in CRF_GRID]
        choice = max(tried, key=lambda c: self._tune_score(rows, c).miou)
        tried = [replace(choice, pseudo=round(r * choice.maps, 3)) for r in CRF_RATIOS]
        return max(tried, key=lambda c: self._tune_score(rows, c).miou)

    def _tune_score(self, rows, how):
        total = np.zeros((self.classes, self.classes), np.int64)
        for name, one in zip(self.tune, rows):
            truth = self.world.mask(name)
            if isinstance(how, Choice):
                pred = pseudo_mask(self.world.image(name), one, how)
            else:
                pred = label(upsample(one, truth.shape), how)
            total += confusion(truth, pred, self.classes)
        return Scores(total)

    def labels(self, maps, choice, refine=True):
        """Yield (picture, (H, W) uint8 mask) of every train picture: pseudo masks."""
        rows = self.split_maps(maps)[0]
        for name, one in progress(list(zip(self.train, rows)), "pseudo masks"):
            image = self.world.image(name)
            if refine:
                yield name, pseudo_mask(image, one, choice)
            else:
                yield name, label(upsample(one, image.shape[:2]), choice.maps)

    # ---- the segmenter

    def fit(self, labels, weights=None, **recipe):
        """Train the fixed segmenter on {picture: (H, W) uint8 labels}.

        weights: {picture: (H, W) in 0..1}, how far each label is trusted; recipe: see
        `train_segmenter`.
        """
        names = list(labels)
        if weights is not None:
            recipe["weights"] = one_size([weights[n].astype(np.float32) for n in names])
        self.bank.prepare(names, STAGES)
        features = [self.bank.features(names, s) for s in STAGES]
        small = one_size(list(labels.values()))
        return train_segmenter(features, small, self.classes, seed=self.seed, **recipe)

    def test_matrices(self, decoder, ids=None):
        """(N, C, C) one confusion matrix a test picture."""
        ids = self.test if ids is None else tuple(ids)
        self.bank.prepare(ids, STAGES)
        features = [self.bank.features(ids, s) for s in STAGES]
        truths = [self.world.mask(i) for i in ids]
        predictions = predict(decoder, features, [t.shape for t in truths])
        return np.stack([confusion(t, p, self.classes) for t, p in zip(truths, predictions)])

    def predicted_matrices(self, function, ids=None):
        """The same of a function of pictures, (H, W, 3) to (H, W) uint8, without a segmenter."""
        ids = progress(self.test if ids is None else ids, "predictions")
        pairs = ((self.world.mask(i), function(self.world.image(i))) for i in ids)
        return np.stack([confusion(truth, pred, self.classes) for truth, pred in pairs])

    # ---- from a method to a row

    def run(self, name, until="segmenter", drawn=None, **knobs):
        """One result row (see `wsss-lite run`); also keeps the pieces in `self.last`.

        drawn: knobs of the simulated annotations (see `WeakView`); knobs: of the method.
        """
        if until not in UNTIL:
            raise InputError(f"--until is one of {', '.join(UNTIL)}, not {until!r}.")
        method = registry.find(name)
        view = self.view_of(method, **drawn or {})
        if self.world.has_masks:
            self.world.need_masks((*self.train, *self.tune, *self.test))  # before any work
        start, features_before = time.perf_counter(), self.bank.seconds
        if until == "segmenter" and method.produces == "maps":
            self.bank.prepare(view.ids, ("final", *STAGES))  # one pass for maps and segmenter
        row = self._blank_row(method)
        last = self.last = {}
        cpu = time.process_time()
        made = self.make(method, view, **knobs)
        last["cpu_seconds"] = time.process_time() - cpu
        labels, weights, decoder = made.labels, made.weights, made.decoder
        if made.maps is not None:
            last["maps"] = np.asarray(made.maps, np.float16)
            last["mass"] = mass(self.world, self.train, last["maps"])
            labels = self._map_stages(row, last["maps"], until)
        elif labels is not None and method.supervision != "full" and until != "maps":
            self._score_labels(row, labels)
        last["labels"] = labels
        if until == "segmenter" and self.test and self.world.has_masks:
            if made.predict:
                last["matrices"] = self.predicted_matrices(made.predict)
            else:
                last["decoder"] = decoder = decoder or self.fit(labels, weights)
                last["matrices"] = self.test_matrices(decoder)
            row["miou_test"] = rounded(Scores(last["matrices"].sum(0)).miou)
        features_seconds = self.bank.seconds - features_before
        row["features_seconds"] = round(features_seconds, 2)
        row["seconds"] = round(time.perf_counter() - start - features_seconds, 1)
        row["peak_mb"] = peak_mb()
        return row

    def _map_stages(self, row, maps, until):
        choice = self.last["choice"] = self.choose(maps, crf=until != "maps")
        row["threshold"] = choice.maps
        scores = self._score(self.labels(maps, choice, refine=False))[0]
        labels = None
        if scores:
            row["miou_maps"] = rounded(scores.miou)
            self.last["confusion_maps"] = scores.matrix
        if until != "maps":
            crf = choice.crf
            row["refine"] = f"crf {choice.pseudo:g} {crf.colour_position_std:g} {crf.colour_std:g}"
            scores, labels = self._score(self.labels(maps, choice))
            if scores:
                row["miou_pseudo"] = rounded(scores.miou)
                self.last["confusion_pseudo"] = scores.matrix
        if scores:
            self._describe(row, scores)
        return labels

    def _score_labels(self, row, labels):
        """Score labels that a method made without maps, where masks they are and no strokes.

        A pixel that was left undecided counts as background.
        """
        undecided = np.mean([(m == VOID).mean() for m in labels.values()])
        if not self.world.has_masks or undecided > 0.5:
            return
        train = [(name, labels[name]) for name in self.train if name in labels]
        scores = self._score((name, np.where(m == VOID, 0, m)) for name, m in train)[0]
        row["miou_pseudo"] = rounded(scores.miou)
        self.last["confusion_pseudo"] = scores.matrix
        self._describe(row, scores)

    def _describe(self, row, scores):
        row["precision"] = rounded(scores.foreground("precision"))
        row["recall"] = rounded(scores.foreground("recall"))
        row["per_class"] = {c: rounded(v) for c, v in zip(self.world.classes, scores.iou[1:])}

    def _score(self, labels):
        """Scores on train (None without masks) and the labels, walking through them once."""
        total = np.zeros((self.classes, self.classes), np.int64)
        kept = {}
        for name, pred in labels:
            if self.world.has_masks:
                total += confusion(self.world.mask(name), pred, self.classes)
            kept[name] = pred
        return (Scores(total) if self.world.has_masks else None), kept

    def _blank_row(self, method):
        return {
            "schema": 1,
            "method": method.name,
            "category": method.category,
            "supervision": method.supervision,
            "needs": list(method.needs),
            "world": self.world.name,
            "split": self.test_split,
            "images": len(self.train),
            "seed": self.seed,
            "threshold": None,
            "refine": None,
            "miou_maps": None,
            "miou_pseudo": None,
            "miou_test": None,
            "precision": None,
            "recall": None,
            "per_class": None,
            "seconds": None,
            "features_seconds": None,
            "peak_mb": None,
            "annotation_seconds": self.annotation_seconds(method),
        }

    def annotation_seconds(self, method):
        """Seconds of annotation that a method costs: its labels, and the tune masks."""
        each = ANNOTATION_SECONDS.get(method.supervision, 0)  # "none" costs nothing
        pictures = len(self.view_ids(method))
        tuned = method.pictures == "train+tune" and self.world.has_masks
        masks = len(self.tune) if tuned else 0
        return round(each * pictures + ANNOTATION_SECONDS["full"] * masks)


def pseudo_mask(image, maps, choice):
    """(H, W) uint8 of one picture: upsample, add the background, CRF, largest probability."""
    p = with_background(upsample(maps, image.shape[:2]), choice.pseudo)
    p[1:][p[1:].reshape(len(p) - 1, -1).max(1) <= 0] = 0
    return dense_crf(image, p, choice.crf).argmax(0).astype(np.uint8)


def one_size(planes):
    """(N, H, W) of the planes if all have one size, else of all at the size of training."""
    same = len({p.shape for p in planes}) == 1
    return np.stack(planes if same else [shrink_label(p) for p in planes])


def shrink_label(mask):
    """A mask at the segmenter's training size, by nearest pixel (labels cannot be averaged)."""
    return cv2.resize(mask, (LABEL_SIZE, LABEL_SIZE), interpolation=cv2.INTER_NEAREST)


def rounded(value, digits=4):
    """A fraction with four digits; None for a number that is not there."""
    return None if value is None or not np.isfinite(value) else round(float(value), digits)
