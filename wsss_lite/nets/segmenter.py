"""The one fixed segmenter: a light decoder on cached features, the same for every method."""

import copy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from wsss_lite.nets.rate import one_cycle
from wsss_lite.progress import progress

STAGES = ("c2", "c3", "c4", "c5")
VOID = 255
LEAST_STEPS = 200  # few pictures are seen more often, or 20 masks would never be learnt


class Decoder(nn.Module):
    """Mix the three coarser stages, then add the finest: most work where pixels are few."""

    def __init__(self, channels, classes, width=64):
        super().__init__()
        fine, *coarse = channels
        half = width // 2
        self.project = nn.ModuleList(conv(c, width, 1, relu=False) for c in coarse)
        self.mix = nn.Sequential(nn.ReLU(), conv(width, width, 3), conv(width, width, 3))
        self.narrow = nn.Conv2d(width, half, 1, bias=False)
        self.fine = conv(fine, half, 1, relu=False)
        self.last = nn.Sequential(nn.ReLU(), conv(half, half, 3), nn.Conv2d(half, classes, 1))
        self.to(memory_format=torch.channels_last)

    def forward(self, stages):
        """stages: list of (B, c, h, w), fine to coarse. Returns logits (B, classes, H, W)."""
        # channels last: a quarter less time in the convolutions
        fine, *coarse = (x.contiguous(memory_format=torch.channels_last) for x in stages)
        size = coarse[0].shape[-2:]
        x = sum(resize(project(x), size) for project, x in zip(self.project, coarse))
        x = resize(self.narrow(self.mix(x)), fine.shape[-2:]) + self.fine(fine)
        return self.last(x)


def conv(inside, outside, size, relu=True):
    """Convolution and batch norm, with or without ReLU."""
    layers = [nn.Conv2d(inside, outside, size, padding=size // 2, bias=False)]
    layers += [nn.BatchNorm2d(outside)] + [nn.ReLU()] * relu
    return nn.Sequential(*layers)


def resize(x, size):
    return F.interpolate(x, tuple(size), mode="bilinear")


def train_segmenter(
    features,
    labels,
    classes,
    seed=0,
    epochs=12,
    lr=4e-3,
    batch=20,
    width=64,
    weights=None,
    least_steps=LEAST_STEPS,
    extra=None,
    start=None,
):
    """Train the decoder with cross-entropy on labelled pixels.

    features: list of four (N, c, h, w), fine to coarse (arrays or lazy rows); labels:
    (N, H, W) uint8 with 255 = no label; classes: background included; weights: optional
    (N, H, W) in 0..1, how far each label is trusted. Returns a `Decoder` in eval mode.

    extra: a further loss, extra(logits, rows) -> scalar, of the (B, classes, h, w) logits of the
    pictures `rows`, as they lie in the picture. start: a trained decoder to go on from.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        fresh = Decoder([f.shape[1] for f in features], classes, width)
        decoder = (copy.deepcopy(start) if start else fresh).to(device)
        optimiser = torch.optim.AdamW(decoder.parameters(), lr, weight_decay=1e-2)
        n, step = len(labels), 2 if dense(labels) else 1
        epochs = max(epochs, -(-least_steps * batch // n))
        steps = epochs * -(-n // batch)
        schedule = one_cycle(optimiser, lr, steps)
        decoder.train()
        for _ in progress(range(epochs), "segmenter"):
            for rows in torch.randperm(n).split(batch):
                rows = rows.numpy()
                x = [torch.from_numpy(f[rows]).to(device) for f in features]
                y = torch.from_numpy(labels[rows].astype(np.int64)).to(device)
                w = None if weights is None else torch.from_numpy(weights[rows]).to(device)
                flipped = torch.rand(()) < 0.5
                if flipped:
                    x, y = [v.flip(-1) for v in x], y.flip(-1)
                    w = None if w is None else w.flip(-1)
                logits = decoder(x)
                # Of dense labels every second row and column, others each time: neighbours say
                # nearly the same, and the loss at full size is a third of all work.
                i, j = torch.randint(step, (2,)).tolist()
                y, w = (None if v is None else v[:, i::step, j::step] for v in (y, w))
                loss = pixel_loss(logits, y, w)
                if extra is not None:
                    loss = loss + extra(logits.flip(-1) if flipped else logits, rows)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    return decoder.eval()


def dense(labels):
    """Whether more than half of the pixels have a label: masks, not strokes or clicks."""
    return bool((labels != VOID).mean() > 0.5)


def pixel_loss(logits, labels, weights=None):
    """Mean cross-entropy over labelled pixels, logits upsampled to the labels' size.

    Zero, with a gradient, where a batch has no labelled pixel.
    """
    if logits.shape[-2:] != labels.shape[-2:]:
        logits = resize(logits, labels.shape[-2:])
    loss = F.cross_entropy(logits, labels, ignore_index=VOID, reduction="none")
    trust = (labels != VOID).float() if weights is None else weights * (labels != VOID)
    return (loss * trust).sum() / trust.sum().clamp(min=1)


@torch.inference_mode()
def predict(decoder, features, sizes, batch=50):
    """Yield one (H, W) uint8 prediction a picture, at the sizes [(H, W), ...] asked for."""
    device = next(decoder.parameters()).device
    for start in range(0, len(sizes), batch):
        piece = slice(start, start + batch)
        logits = decoder([torch.from_numpy(f[piece]).to(device) for f in features])
        for one, size in zip(logits, sizes[piece]):
            full = resize(one[None], size)[0]
            yield full.argmax(0).byte().cpu().numpy()
