"""Registered methods as engines of the annotator, each run on the one picture that is drawn on.

    Annotator(pictures, classes, engines=method_engines(classes))

The drawing goes through a folder in VOC layout, so that a method sees exactly what it sees with
`wsss-lite run METHOD --world FOLDER`. Methods that train do so on this picture alone: that takes
seconds, and shows what they do with a drawing, not how good they are.
"""

import tempfile
from functools import partial

import numpy as np

from wsss_lite import registry
from wsss_lite.data.annotation import KINDS, Annotation
from wsss_lite.data.annotation_files import write_folder
from wsss_lite.data.images import VOID
from wsss_lite.errors import InputError
from wsss_lite.lab import Lab
from wsss_lite.nets.segmenter import STAGES, predict

NAME = "drawn"


def method_engines(classes, names=None, trunk="lite0"):
    """{kind: {method: function of (image, annotation)}}, to hand to an `Annotator`.

    names: methods that learn from boxes, scribbles or points; without, those that do not train and
    answer at once. trunk: as `Lab` takes it; one is loaded when a method first asks.
    InputError: an unknown method, or one that learns from something else.
    """
    if names is None:
        known = registry.methods().values()
        names = [m.name for m in known if _kind(m) and not m.trains and not _more(m)]
    engines, trunks = {}, [trunk]
    for name in names:
        method = registry.find(name)
        if not _kind(method):
            raise InputError(
                f"{name} learns from {method.supervision}; choose a method for boxes, scribbles or "
                "points."
            )
        run = partial(_run, method, tuple(classes), trunks)
        engines.setdefault(_kind(method), {})[name] = run
    return engines


def _kind(method):
    """The kind of drawing that a method looks at; None for tags and masks."""
    kind = "extreme" if "extreme" in method.needs else method.supervision
    return kind if kind in KINDS else None


def _more(method):
    return set(method.needs) - {"extreme"}


def _run(method, classes, trunks, image, annotation):
    """(H, W) uint8 mask of one picture. Undecided pixels count as background, as in a row.

    What a method leaves to the segmenter is shown as the segmenter sees it, of the drawn classes.
    """
    kind = _kind(method)
    one = Annotation(annotation.size, **{kind: getattr(annotation, kind)})
    with tempfile.TemporaryDirectory() as folder:
        write_folder(folder, {NAME: image}, {NAME: one}, classes)
        lab = Lab(folder, trunk=trunks[0])
        made = lab.make(method, lab.view_of(method))
        labels, decoder = (made.labels or {}).get(NAME), made.decoder
        if labels is None or (labels == VOID).mean() > 0.5:
            decoder = decoder or lab.fit(made.labels)
            features = [lab.bank.features([NAME], stage) for stage in STAGES]
            (labels,) = predict(decoder, features, [annotation.size])
        trunks[0] = lab.trunk
    here = np.isin(labels, [0, *one.tags])
    return np.where(here, labels, 0).astype(np.uint8)
