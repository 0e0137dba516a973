"""Texts of what lies around objects, suited to the model that reads them."""

import numpy as np

from wsss_lite.assist import prompts


def ground_texts(clip, names=None, photos=prompts.PHOTO_BACKGROUND, templates=prompts.TEMPLATES):
    """(B, D) float32, unit length: one vector a background text; B is 0 for no names.

    names: None takes the places of the drawn scenes for a pocket model, `photos` for any other.
    """
    if names is None:
        names = prompts.BACKGROUND if clip.name.startswith("pocket") else photos
    if not len(names):
        return np.zeros((0, clip.texts([templates[0]]).shape[1]), np.float32)
    return prompts.background_texts(clip, names, templates)
