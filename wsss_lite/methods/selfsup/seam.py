"""SEAM: the map of the smaller picture is the smaller map, and similar places share a map."""

import torch
from torch import nn

from wsss_lite.losses import consistency as losses
from wsss_lite.maps import cam as blocks
from wsss_lite.maps.similar import similarity, spread
from wsss_lite.nets.cam_head import CamHead, tag_loss
from wsss_lite.nets.head import fit, seeded
from wsss_lite.nets.probe import train_probe
from wsss_lite.nets.views import scaled, size_at
from wsss_lite.registry import register

STAGES = ("c3", "c4", "c5")  # what the correlation module reads


@register(
    "seam",
    category="Self-supervised",
    supervision="tags",
    paper="Self-Supervised Equivariant Attention Mechanism for Weakly Supervised Semantic "
    "Segmentation",
    venue="CVPR",
    year=2020,
    cite="wang2020self",
    survey="S0 S1 S2: offline, self-supervised (siamese); S1: image-wise, consistency",
    quoted={"VOC val (S2)": 64.5, "VOC test (S2)": 65.7, "VOC val (S1)": 64.5},
)
def seam(view, seed=0, epochs=4, strength=5.0, cross=1.0, scale=0.7):
    """Train CAM to be equivariant under a change of scale, then spread it to similar places.

    A picture and its `scale` times smaller copy go through one head. `strength`: of the loss
    |A(CAM(x)) - CAM(A(x))| (ER); 0 is the control that classifies both sizes and no more. `cross`:
    of the loss that holds the spread map of either size near the map of the other (ECR); it trains
    the features that tell which places are similar. cross=0: no spreading. epochs: 0 is CAM.

    Deviations from the paper: the trunk is frozen, what learns is a correction of CAM on its
    features, and ER needs a larger weight; scale 0.7 in place of 0.3, which would leave 4 x 4
    cells; similarity is read off three stages and not off the picture's colours; the loss that
    keeps a quarter of the map low is left out; the maps are those of one size. ECR takes all
    tagged classes: the paper's hardest fifth of 21 maps, most of them zero, is hardly less.
    """
    net = train(view, seed, epochs, strength, cross, scale)
    return net.maps(view) if epochs and cross else net.head.cam(view.features("final"), view.tags)


def train(view, seed=0, epochs=4, strength=5.0, cross=1.0, scale=0.7, extra=None):
    """The trained `Siamese`; its `head` makes maps of `final`, its `spread` refines them.

    extra: a module that is trained with it by a further loss, extra(head, features, maps, tags), of
    the `final` features of both sizes and the maps made of them on the smaller grid.
    """
    final, contexts = view.features("final"), [view.features(s) for s in STAGES]
    probe = train_probe(view.features("pooled")[:], view.tags, seed=seed)
    net = Siamese(CamHead(probe, seed), [c.shape[1] for c in contexts], seed)
    if not epochs:
        return net
    net.extra = extra
    size = size_at(view.trunk.trunk, scale)
    view.trunk.prepare(view.ids, ("final", *STAGES), size)  # all stages in one pass
    finals = final, scaled(view, scale)
    sides = contexts, [scaled(view, scale, s) for s in STAGES]

    def loss(rows):
        tags = view.tags[rows]
        features = [torch.from_numpy(f[rows]) for f in finals]
        found = [net.head(x) for x in features]
        value = sum(tag_loss(net.head.scores(e), tags) for e in found) / 2
        maps = [tagged(e, tags) for e in found]
        small = [blocks.resize(m, maps[1].shape[-2:]) for m in maps]
        value = value + strength * losses.difference(*small, tags)
        if extra is not None:
            value = value + extra(net.head, features, small, tags)
        if not cross:
            return value
        wide = [net.spread(m, [torch.from_numpy(c[rows]) for c in s]) for m, s in zip(maps, sides)]
        wide = [blocks.resize(m, small[1].shape[-2:]) for m in wide]
        firm = [losses.only_strongest(losses.with_rest(m)).detach() for m in small]
        every = losses.with_background(tags)
        pairs = zip(wide, firm[::-1])
        return value + cross * sum(losses.difference(a, b, every) for a, b in pairs)

    fit(net, loss, len(view), seed, epochs)
    return net


class Siamese(nn.Module):
    """The head that both views share, and the features by which its maps spread."""

    def __init__(self, head, channels, seed=0, width=64):
        super().__init__()
        self.head = head
        with seeded(seed):
            self.reduce = nn.ModuleList(nn.Conv2d(c, width, 1, bias=False) for c in channels)
            self.mix = nn.Conv2d(width * len(channels), width, 1, bias=False)

    def spread(self, maps, contexts):
        """(B, C + 1, h, w) of (B, C, h, w) maps in 0..1, background first; no gradient to `maps`.

        contexts: list of (B, c, h', w') features, one a stage.
        """
        size = maps.shape[-2:]
        x = [blocks.resize(f(c).relu(), size) for f, c in zip(self.reduce, contexts)]
        firm = losses.with_rest(maps.detach())
        firm = torch.cat([firm[:, :1], losses.only_strongest(firm[:, 1:])], 1)
        return spread(firm, similarity(self.mix(torch.cat(x, 1))))

    @torch.inference_mode()
    def maps(self, view):
        """(N, C, h, w) float32 in 0..1: the spread maps of a view's tagged classes."""
        final, contexts = view.features("final"), [view.features(s) for s in STAGES]
        parts = []
        for rows, x in final.chunks(50):
            maps = tagged(self.head(torch.from_numpy(x)), view.tags[rows])
            parts.append(self.spread(maps, [torch.from_numpy(c[rows]) for c in contexts])[:, 1:])
        return blocks.keep_tags(blocks.normalise(torch.cat(parts)), view.tags).numpy()


def tagged(evidence, tags):
    """CAM of (B, C, h, w) evidence: its positive part by its maximum, for the tagged classes."""
    return blocks.keep_tags(blocks.normalise(evidence.relu()), tags)
