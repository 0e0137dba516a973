"""A segmenter that is asked: where is the thing at this click, or in this box?

    scene = net.look(features, pictures)          once a picture
    logits, iou = net.answer(scene, maps)         as often as somebody asks

A prompt is drawn as maps (`drawn`), which join the features of the scene in a small U-Net (the
interactive segmenters before SAM draw clicks too: Xu et al., CVPR 2016). As in SAM (Kirillov et
al., ICCV 2023) there are several answers, each with an estimate of its own IoU: one for a prompt
that says all, three for a single click, which may mean a thing, its part or more.

Lengths are shares of the picture's sides, which count as 1 whatever its form.
"""

import torch
import torch.nn.functional as F
from torch import nn

from wsss_lite.nets.segmenter import resize

SIDE = 128  # pixels a side: the picture that is looked at, and the logits
CELLS = SIDE // 2  # the maps: four pixels enter, and leave, as the channels of a cell
NARROW, WIDE = 0.02, 0.1  # deviations of the two Gaussians at a click
SOFT = 0.5 / CELLS  # width of the box's soft edge: half a cell
REACH = 0.1  # from here on the distance to a box's edge counts as far
MAPS = 6
WIDTHS = (24, 64, 96, 128)  # channels at 64, 32, 16 and 8 cells a side
GROUPS = 8
CERTAIN, OPEN = slice(0, 1), slice(1, 4)  # the answer to a prompt that says all; to one click
ANSWERS = OPEN.stop
RARE = -2.0  # logit of an untrained mask: most of a picture is not what is meant
DROP = 0.2  # of the two coarse stages' channels while training: they know classes by name


# ------------------------------------------------------------------ drawing prompts
def drawn(boxes, points, labels, cells=CELLS):
    """(K, MAPS, cells, cells) float32: K prompts as maps.

    boxes: (K, 4) x0, y0, x1, y1, nan where there is none. points: (K, P, 2) x, y; labels: (K, P),
    1 on the thing, 0 beside it, anything else no click. Clicks of each kind at two widths, the
    box filled with a soft edge, and the distance to its edge, which is positive inside. Without
    a box its maps are 0, without clicks theirs.
    """
    clicks = [clicked(points, labels == kind, width, cells)
              for kind in (1, 0) for width in (NARROW, WIDE)]  # fmt: skip
    return torch.stack([*clicks, *boxed(boxes, cells)], 1)


def centres(cells, like):
    return (torch.arange(cells, device=like.device) + 0.5) / cells


def clicked(points, counts, width, cells):
    """(K, cells, cells): the largest of the Gaussians at the points (K, P, 2) that count (K, P)."""
    if not points.shape[1]:
        return points.new_zeros(len(points), cells, cells)
    away = centres(cells, points) - points[..., None]  # (K, P, 2, cells)
    x, y = torch.exp(-(away**2) / (2 * width**2)).unbind(2)
    return (y[..., :, None] * (x * counts[..., None])[..., None, :]).amax(1)


def boxed(boxes, cells):
    """Soft box and distance to its edge, (K, cells, cells) each, the distance in -1..1."""
    at = centres(cells, boxes)
    x0, y0, x1, y1 = boxes[..., None].unbind(1)  # (K, 1) each
    dx = torch.minimum(at - x0, x1 - at)[:, None, :]
    dy = torch.minimum(at - y0, y1 - at)[:, :, None]
    outside = torch.hypot(dx.clamp(max=0), dy.clamp(max=0))
    distance = torch.where(outside > 0, -outside, torch.minimum(dx, dy))
    soft, far = torch.sigmoid(distance / SOFT), torch.tanh(distance / REACH)
    return torch.nan_to_num(soft), torch.nan_to_num(far)


def ambiguous(boxes, labels):
    """(K,) bool: prompts that are one click on something, and nothing else."""
    return boxes.isnan().any(1) & ((labels == 1).sum(1) == 1) & ~(labels == 0).any(1)


# ------------------------------------------------------------------ the net
class Mix(nn.Module):
    """A sum of maps: normalise, ReLU, 3x3 convolution, ReLU."""

    def __init__(self, width):
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return self.conv(self.norm(x).relu_()).relu_()


class Prompted(nn.Module):
    """Frozen features, a picture and prompt maps to masks with their estimated IoU.

    channels: of the trunk's stages c2, c3, c4, c5. The scene is made ready at 64, 32 and 16 cells
    a side; the prompt goes down through these to 8 cells, where every place knows of every
    other, and up again. Pixels enter and leave in blocks of 2 x 2, so that edges are found at
    full size and all convolutions run at half of it.
    """

    def __init__(self, channels, widths=WIDTHS):
        super().__init__()
        self.channels, self.widths = list(channels), list(widths)
        c2, c3, *coarse = channels
        a, b, c, d = widths
        self.pixels = nn.Conv2d(3 * 4, a, 3, padding=1)
        self.stages = nn.ModuleList([nn.Conv2d(c2, a, 1), nn.Conv2d(c3, b, 1)])
        self.coarse = nn.ModuleList([nn.Conv2d(sum(coarse), b, 1), nn.Conv2d(sum(coarse), c, 1)])
        self.drop = nn.Dropout2d(DROP)
        self.scene = nn.ModuleList([Mix(a), Mix(b), Mix(c)])
        self.prompt = nn.Conv2d(MAPS, a, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(m, n, 3, 2, 1) for m, n in ((a, b), (b, c), (c, d)))
        self.sink = nn.ModuleList([Mix(a), Mix(b), Mix(c), Mix(d)])
        self.far = nn.Linear(d, c)
        self.up = nn.ModuleList(nn.Conv2d(n, m, 1) for m, n in ((a, b), (b, c), (c, d)))
        self.rise = nn.ModuleList([Mix(a), Mix(b), Mix(c)])
        self.masks = nn.Conv2d(a, 4 * ANSWERS, 3, padding=1)
        nn.init.constant_(self.masks.bias, RARE)
        self.judge = Judge(a, d)
        self.to(memory_format=torch.channels_last)

    def look(self, features, pictures):
        """The scene at three sizes: list of (B, ., n, n) with n = 64, 32, 16.

        features: list of (B, c, h, w), fine to coarse; pictures: (B, 3, SIDE, SIDE) in 0..1.
        """
        fine, middle, *coarse = (x.contiguous(memory_format=torch.channels_last) for x in features)
        coarse = self.drop(torch.cat([resize(x, coarse[0].shape[-2:]) for x in coarse], 1))
        blocks = F.pixel_unshuffle(2 * pictures - 1, 2)
        blocks = blocks.contiguous(memory_format=torch.channels_last)
        b, c = (layer(coarse) for layer in self.coarse)
        x = [
            self.pixels(blocks) + resize(self.stages[0](fine), (CELLS,) * 2),
            resize(self.stages[1](middle), (CELLS // 2,) * 2) + resize(b, (CELLS // 2,) * 2),
            resize(c, (CELLS // 4,) * 2),
        ]
        return [mix(part) for mix, part in zip(self.scene, x)]

    def answer(self, scene, maps, of=None):
        """((K, ANSWERS, SIDE, SIDE) logits, (K, ANSWERS) estimated IoU in 0..1).

        scene: what `look` gave; maps: see `drawn`; of: (K,) the picture each prompt belongs to,
        None where there is only one.
        """
        scene = [x if of is None else x[of] for x in scene]
        maps = maps.contiguous(memory_format=torch.channels_last)
        path = [self.sink[0](scene[0] + self.prompt(maps))]
        for k in (1, 2):
            path.append(self.sink[k](scene[k] + self.down[k - 1](path[-1])))
        deep = self.sink[3](self.down[2](path[-1]))
        whole = deep.mean((2, 3))
        x = path[2] + resize(self.up[2](deep), path[2].shape[-2:])
        x = self.rise[2](x + self.far(whole)[..., None, None])
        for k in (1, 0):
            x = self.rise[k](path[k] + resize(self.up[k](x), path[k].shape[-2:]))
        logits = F.pixel_shuffle(self.masks(x), 2)
        return logits, self.judge(logits, x, whole)


class Judge(nn.Module):
    """How good is each mask? Starts from what the mask's own probabilities promise.

    Were they right, the IoU would be about the sum of p inside over the area inside and the sum
    of p outside; what lies in the mask and the scene as a whole correct that.
    """

    def __init__(self, width, deep, hidden=64):
        super().__init__()
        self.inside, self.whole = nn.Linear(width + 1, hidden), nn.Linear(deep, hidden)
        self.which = nn.Parameter(torch.zeros(ANSWERS, hidden))
        self.correct = nn.Linear(hidden, 1)
        nn.init.zeros_(self.correct.weight)
        nn.init.zeros_(self.correct.bias)

    def forward(self, logits, x, whole):
        """(K, ANSWERS) in 0..1 of logits (K, ANSWERS, S, S), x (K, width, S/2, S/2), (K, deep).

        No gradient goes into the masks: they are not to please the judge.
        """
        probability = logits.detach().sigmoid()
        start = promised(probability)
        share = F.avg_pool2d(probability, 2).flatten(2)  # (K, ANSWERS, cells)
        area = share.mean(2, keepdim=True)
        places = x.permute(0, 2, 3, 1).flatten(1, 2)  # no copy: channels are last in memory
        within = share @ places / share.sum(2, keepdim=True).clamp(min=1)
        hidden = self.inside(torch.cat([within, area], 2)) + self.whole(whole)[:, None]
        correction = self.correct((hidden + self.which).relu())[..., 0]
        return torch.sigmoid(torch.logit(start, 1e-3) + correction)


def promised(probability):
    """(K, M): the IoU of the masks p > 1/2 with the truth, were all probabilities right.

    The ratio of the expected intersection to the expected union; 0 for an empty mask.
    """
    inside = probability > 0.5
    hit = (probability * inside).sum((-1, -2))
    union = torch.where(inside, 1.0, probability).sum((-1, -2))
    return hit / union.clamp(min=1e-6)
