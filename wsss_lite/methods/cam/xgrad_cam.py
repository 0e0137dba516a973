"""XGrad-CAM: channels weighted by their activation-weighted mean gradient."""

from wsss_lite.maps import gradient
from wsss_lite.maps.last_layer import last_layer_maps
from wsss_lite.registry import register


@register(
    "xgrad-cam",
    category="CAM",
    supervision="tags",
    paper="Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs",
    venue="BMVC",
    year=2020,
    cite="fu2020axiom",
    survey="S3: CAM improvement",
)
def xgrad_cam(view, seed=0):
    """Grad-CAM with activation-weighted gradients; also equals CAM for pooling + linear."""
    return last_layer_maps(view, seed, gradient.xgrad_cam)
