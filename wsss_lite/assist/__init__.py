"""Large models as assistants: CLIP, SAM, Grounding DINO and a tagger, each behind one interface.

Importing this package, or a module of it, loads none of their libraries.
"""

from wsss_lite.errors import InputError


def ready(assistant, load, **options):
    """An assistant that was given by its name is loaded, anything else is used as it is."""
    return load(assistant, **options) if isinstance(assistant, str) else assistant


def as_picture(image):
    """(H, W, 3) uint8 array of what a caller gave. InputError for anything else."""
    import numpy as np  # here: the command line reads this package before it knows what to do

    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise InputError("A picture is an (H, W, 3) array of uint8, RGB; read it with "
                         "wsss_lite.data.images.read_image.")  # fmt: skip
    return image
