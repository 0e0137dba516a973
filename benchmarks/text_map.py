"""What maps of texts cost beside the bare forward pass of the image tower.

The texts are embedded beforehand, as for any number of pictures they have to be only once. One
picture of 224 pixels, three classes against the background texts, softmax Grad-CAM in its closed
form: what a forward pass brings anyway, one product with the projection, and one with the gradient.
"""

import numpy as np
import torch

from wsss_lite.data.scenes import draw
from wsss_lite.maps.text import softmax_grad_cam
from wsss_lite.nets.trunk import Trunk

NAMES = ("cat", "dog", "horse")


def against_forward():
    """(maps of three texts from the picture on, the forward pass alone), each a function."""
    trunk = Trunk("lite0", size=224, device="cpu")  # mends torchvision, which open_clip imports
    import open_clip  # noqa: F401  where it is missing, the row is left out

    from wsss_lite.assist import pocket_clip, prompts

    clip = pocket_clip.load(trunk=trunk, device="cpu")
    texts, ground = prompts.class_texts(clip, NAMES), prompts.background_texts(clip)
    towers, tags = (*clip.layer, texts, ground, clip.scale), np.ones((1, len(NAMES)), bool)
    batch = trunk.tensor([draw(0).image])

    def maps():
        with torch.inference_mode():
            return softmax_grad_cam(trunk.stages(batch, ("final",))["final"], *towers, tags)

    def forward():
        with torch.inference_mode():
            return trunk.model(batch)

    return maps, forward
