"""The two bounds: the fixed segmenter on every mask, and on the tune masks alone."""

from wsss_lite.registry import register


@register(
    "full",
    category="bounds",
    supervision="full",
    paper="(the bound: full supervision of the same segmenter)",
    venue="this course",
    year=2026,
    produces="labels",
    pictures="train",
)
def full(view, seed=0):
    """Train the segmenter on the true masks of every training picture: the upper bound."""
    return {name: view.mask(name) for name in view.ids}


@register(
    "full-20",
    category="bounds",
    supervision="full",
    paper="(the baseline: the same segmenter on the tune masks alone)",
    venue="this course",
    year=2026,
    produces="labels",
    pictures="tune",
)
def full_20(view, seed=0):
    """Train the segmenter on the tune masks and nothing else: what the tuning already paid for."""
    return {name: view.mask(name) for name in view.ids}
