"""Features of pictures that are only classified."""

from wsss_lite.progress import progress


def pooled(lab, ids):
    """(N, F) float32 pooled features of pictures that are only classified, never mapped.

    The lab's feature bank would keep their maps too, half a megabyte each.
    """
    pictures = (lab.world.image(i) for i in progress(list(ids), "features"))
    return lab.bank.changed(pictures, ("pooled",))["pooled"][:]
