"""MCTformer: one class token a tag; where it looks in the picture is the map of its class."""

import torch
from torch import nn

from wsss_lite.maps import cam as blocks
from wsss_lite.methods.cam.cam import probe_maps
from wsss_lite.nets.cam_head import tag_loss
from wsss_lite.nets.head import fit, seeded
from wsss_lite.nets.probe import train_probe
from wsss_lite.nets.tokens import ClassTokens, class_attention, patch_attention
from wsss_lite.registry import register


@register(
    "mctformer",
    category="Affinity",
    supervision="tags",
    paper="Multi-class Token Transformer for Weakly Supervised Semantic Segmentation",
    venue="CVPR",
    year=2022,
    cite="xu2022multi",
    survey="S0 S1 S2: offline, affinity (semantic)",
    quoted={
        "VOC train, pseudo masks (S1)": 69.1,
        "VOC val (S1)": 71.9,
        "VOC test (S1)": 71.6,
        "COCO val (S1)": 42.0,
    },
)
def mctformer(view, seed=0, epochs=6, attention=0.5, affinity=1, stage="c5", layers=2):
    """Multiply the CAM of a transformer's patches by the attention of the class tokens.

    The mean of a class token's channels is one class score, the mean of the patches' map (PatchCAM)
    the other. The map is PatchCAM times class-to-patch attention^attention, then averaged
    `affinity` times along patch-to-patch attention; attention=0 and affinity=0 leave PatchCAM.
    stage: of the trunk, whose features are the patches; epochs: 0 is CAM.

    Deviations: the paper's transformer is pretrained and sees pixels, this one has few layers, is
    trained from the tags alone and sees features of the frozen trunk; the attention of all its
    layers is used, that of the patches without what they pay to class tokens.
    """
    if not epochs:
        probe = train_probe(view.features("pooled")[:], view.tags, seed=seed)
        return probe_maps(view, probe.weight)
    features = view.features(stage)
    with seeded(seed):
        net = PatchCam(features.shape[1], len(view.classes), features.shape[2:], layers)

    def loss(rows):
        x = torch.from_numpy(features[rows])
        seen, maps = net(x.flip(-1) if torch.rand(()) < 0.5 else x)
        tags = view.tags[rows]
        return tag_loss(seen.scores, tags) + tag_loss(maps.mean((2, 3)), tags)

    fit(net, loss, len(view.ids), seed, epochs)
    parts = [fused(net, torch.from_numpy(x), attention, affinity) for _, x in features.chunks(50)]
    return blocks.keep_tags(blocks.normalise(torch.cat(parts)), view.tags).numpy()


class PatchCam(nn.Module):
    """Features (B, F, h, w) to what the tokens saw and the maps of the patches, (B, C, h, w)."""

    def __init__(self, channels, classes, grid, layers=2, width=96):
        super().__init__()
        self.tokens = ClassTokens(channels, classes, grid, width, layers)
        self.classify = nn.Conv2d(width, classes, 3, padding=1)

    def forward(self, features):
        seen = self.tokens(features)
        return seen, self.classify(seen.patches)


@torch.inference_mode()
def fused(net, features, attention=0.5, affinity=1):
    """(B, C, h, w) maps >= 0 of the features, see `mctformer`."""
    seen, maps = net(features)
    maps = maps.relu() * class_attention(seen) ** attention
    flat, pairs = maps.flatten(2), patch_attention(seen)
    for _ in range(affinity):
        flat = flat @ pairs.transpose(1, 2)
    return flat.unflatten(2, maps.shape[2:])
