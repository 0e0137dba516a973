"""What CLIP sees of a picture behind a mask, with a gradient back to the mask.

    seen = sight(view, clip)
    seen(rows, masks)               (B, D) unit vectors of pictures `rows` of the view

Where a mask is 1 the picture is there, where it is 0 it is as grey as the mean, in between it
fades. CLIP itself does not learn.
"""

import torch
import torch.nn.functional as F

from wsss_lite.maps.cam import resize


def sight(view, clip, stage="c5"):
    """`OnFeatures` for a CLIP on the view's own trunk, else `OnPictures`."""
    from wsss_lite.assist.pocket_clip import on_its_trunk

    if hasattr(clip, "layer") and on_its_trunk(view):
        return OnFeatures(view, clip, stage)
    return OnPictures(view, clip)


class OnPictures:
    """The normalised pictures times the mask, through the whole image tower."""

    def __init__(self, view, clip):
        self.view, self.clip = view, clip

    def __call__(self, rows, masks):
        x = self.clip.batch([self.view.image(self.view.ids[k]) for k in rows])
        x = x.to(self.clip.device)
        x = x * resize(masks[:, None], x.shape[2:]).to(x.device)
        return self.clip.model.encode_image(x, normalize=True).float().cpu()


class OnFeatures:
    """Cached features of a stage fade into their mean, and only the layers behind it run.

    Half a CPU-second a picture would go into the gradient through the whole trunk. What the
    receptive field has brought in from behind the mask stays.
    """

    def __init__(self, view, clip, stage):
        self.features, self.tail = view.features(stage), view.trunk.trunk.tail(stage)
        self.layer, self.device = clip.layer, view.trunk.trunk.device
        total = sum(torch.from_numpy(x).mean((2, 3)).sum(0) for _, x in self.features.chunks())
        self.mean = (total / max(len(self.features), 1))[None, :, None, None]

    def __call__(self, rows, masks):
        x = torch.from_numpy(self.features[rows])
        x = self.mean + (x - self.mean) * resize(masks[:, None], x.shape[2:])
        pooled = self.tail(x.to(self.device)).mean((2, 3))
        weight, bias = (t.to(self.device) for t in self.layer)
        return F.normalize(F.linear(pooled, weight, bias), dim=-1).cpu()
