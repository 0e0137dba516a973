"""Dense CRF on the labels present, with pixel-adaptive refinement where it cannot be installed."""

import warnings
from dataclasses import dataclass

import numpy as np

from wsss_lite.refine.par import pixel_adaptive

try:
    import pydensecrf.densecrf as densecrf
    from pydensecrf.utils import unary_from_softmax

    HAVE_CRF = True
except ImportError:  # no wheel and no compiler: the course goes on with PAR
    HAVE_CRF = False

_said = False


@dataclass(frozen=True)
class CRF:
    """Settings of the mean field (Kraehenbuehl & Koltun, NeurIPS 2011).

    position_std, colour_position_std: pixels; colour_std: grey levels of 0..255; the two weights
    are the strengths of the smoothness and the appearance kernel.
    """

    steps: int = 10
    position_std: float = 3.0
    position_weight: float = 3.0
    colour_position_std: float = 30.0
    colour_std: float = 10.0
    colour_weight: float = 5.0
    sharpness: float = 1.0  # power on the probabilities before the unary


def dense_crf(image, probability, settings=CRF()):
    """Sharpen per-pixel class probabilities along the edges of the picture.

    image: (H, W, 3) uint8; probability: (C, H, W) >= 0, not necessarily normalised. Only the
    labels with any mass enter the mean field (the cost is linear in them). Returns (C, H, W)
    float32 that sums to 1. Without pydensecrf it says so once and uses `pixel_adaptive`.
    """
    probability = np.asarray(probability, np.float32)
    if image.shape[:2] != probability.shape[1:] or image.dtype != np.uint8:
        raise ValueError(
            f"the CRF needs a uint8 (H, W, 3) picture and (C, H, W) probabilities of the same "
            f"size, got {image.dtype} {image.shape} and {probability.shape}"
        )
    present = np.flatnonzero(probability.reshape(len(probability), -1).max(1) > 0)
    out = np.zeros_like(probability)
    p = probability[present] ** settings.sharpness
    p = p / p.sum(0, keepdims=True).clip(1e-8)
    out[present] = p if len(present) < 2 else _mean_field(image, p, settings)
    return out


def _mean_field(image, p, s):
    global _said
    if not HAVE_CRF:
        if not _said:
            warnings.warn(
                "pydensecrf is not installed (it needs a C compiler: `pip install pydensecrf2`); "
                "using pixel-adaptive refinement in its place"
            )
            _said = True
        return pixel_adaptive(image, p)
    height, width = image.shape[:2]
    field = densecrf.DenseCRF2D(width, height, len(p))
    field.setUnaryEnergy(unary_from_softmax(np.ascontiguousarray(p), clip=1e-5))
    field.addPairwiseGaussian(sxy=s.position_std, compat=s.position_weight)
    field.addPairwiseBilateral(
        sxy=s.colour_position_std,
        srgb=s.colour_std,
        rgbim=np.array(image, order="C"),  # a writable copy: it refuses read-only pictures
        compat=s.colour_weight,
    )
    return np.array(field.inference(s.steps), np.float32).reshape(len(p), height, width)
