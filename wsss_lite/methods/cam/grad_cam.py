"""Grad-CAM: channels weighted by their mean gradient."""

from wsss_lite.maps import gradient
from wsss_lite.maps.last_layer import last_layer_maps
from wsss_lite.registry import register


@register(
    "grad-cam",
    category="CAM",
    supervision="tags",
    paper="Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
    venue="ICCV",
    year=2017,
    cite="selvaraju2017grad",
    survey="S1 S3: CAM improvement",
)
def grad_cam(view, seed=0):
    """Weight channels by their mean gradient; equals CAM for pooling + linear, as it should."""
    return last_layer_maps(view, seed, gradient.grad_cam)
