"""Features of changed pictures, laid back into the frame of the picture they came from."""

import copy

import numpy as np
import torch

from wsss_lite.maps import cam as blocks
from wsss_lite.maps.transform import cut, dissimilarity, stitch


class Seen:
    """Lazy features of changed pictures that behave like `Rows` of the pictures themselves.

    features: lazy rows, `each` of them for a picture, one after the other; undo: function from
    their (B * each, F, h, w) to (B, F, h', w') in the picture's own frame.
    """

    def __init__(self, features, undo, each=1):
        self.features, self.undo, self.each = features, undo, each
        self.shape = (len(self), *self[:1].shape[1:])

    def __len__(self):
        return len(self.features) // self.each

    def __getitem__(self, index):
        rows = np.arange(len(self))[index]
        every = (rows[:, None] * self.each + np.arange(self.each)).ravel()
        return np.ascontiguousarray(self.undo(self.features[every]))

    def chunks(self, size=100):
        """(slice, rows) pairs that walk through all pictures in pieces of `size`."""
        for start in range(0, len(self), size):
            piece = slice(start, min(start + size, len(self)))
            yield piece, self[piece]


def scaled(view, scale=0.7, stage="final"):
    """Features of the pictures at `scale` times the trunk's size; their grid is smaller."""
    return view.features(stage, size=size_at(view.trunk.trunk, scale))


def size_at(trunk, scale):
    """The trunk's input size times `scale`, in whole cells of the coarsest grid, two at least."""
    return max(2, round(scale * trunk.size / trunk.stride)) * trunk.stride


def mirrored(view, stage="final"):
    """Features of the mirrored pictures, turned back."""
    return Seen(view.features(stage, flip=True), lambda x: x[..., ::-1])


def tiled(view, grid=2, stage="final"):
    """Features of the grid x grid tiles of each picture, each seen alone, then put together.

    A tile keeps its size: the trunk sees it at 1 / grid of the input size. All tiles of a picture
    together cost as much as the picture, about 20 CPU-seconds for 1000.
    """
    bank = copy.copy(view.trunk)  # the same cache, another input size
    bank.trunk = copy.copy(bank.trunk)
    bank.trunk.size = size_at(bank.trunk, 1 / grid)
    pictures = (tile for i in view.ids for tile in cut(view.image(i), grid))
    found = bank.changed(pictures, (stage,))[stage]
    return Seen(found, lambda x: stitch(torch.from_numpy(x), grid).numpy(), grid**2)


CHANGES = {"scale": scaled, "mirror": mirrored, "tiles": tiled}


@torch.inference_mode()
def equivariance_error(view, change, maps_of, stages=("final",), **options):
    """How far the map of the changed picture is from the changed map: 0 none, 1 nothing in common.

    change: "scale", "mirror" or "tiles"; maps_of: function of one (B, F, h, w) tensor a stage
    that returns (B, C, h, w) maps, whose positive part is compared by `dissimilarity`; options:
    of the change, e.g. scale=0.5. The mean over pictures and their tags.
    """
    plain = [view.features(s) for s in stages]
    other = [CHANGES[change](view, stage=s, **options) for s in stages]
    total, count = 0.0, max(1, int(view.tags.sum()))
    for start in range(0, len(view), 100):
        rows = np.arange(start, min(start + 100, len(view)))
        a, b = (
            blocks.normalise(blocks.relu(maps_of(*(torch.from_numpy(x[rows]) for x in seen))))
            for seen in (plain, other)
        )
        values = dissimilarity(a, blocks.resize(b, a.shape[-2:]))
        total += float(values.numpy()[view.tags[rows]].sum())
    return total / count
