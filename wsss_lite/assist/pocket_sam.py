"""Pocket SAM: clicks and boxes to masks, small enough to be shipped and trained on one CPU.

    sam = load()
    embedding = sam.encode(image)                                  once a picture
    masks, iou = sam.best(embedding, boxes=[[x0, y0, x1, y1]])     as often as asked
    found = sam.everything(image)                                  a click everywhere

It keeps SAM's contract (Kirillov et al., ICCV 2023): an expensive embedding once, cheap answers to
prompts, three masks for a single click with an estimate of their IoU, segmenting everything from
a grid of clicks. The inside is another: where SAM embeds a prompt in a few tokens and lets them
attend to the picture, here the prompt is drawn as maps into a small U-Net on the frozen trunk.
Trained equally long, for minutes, that was ahead of transformers' SAM decoder by box and by click
in a trial before this project, which is no longer run. A token has to learn first where the things
are that it names; a drawn click is there already.

It looks at the whole picture, not at a crop round the box as DEXTR does: a click has no box to
crop to, all prompts share one embedding, and objects of PocketVOC are mostly 60 to 100 of 128
pixels long, so that a crop with some room round it would be the picture again.

Trained by `wsss_lite.assist.train_sam` on scenes of the corpus without `HELD_OUT` classes and on
odd scenes of nameless things. On photographs it is far from home.
"""

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.assist import as_picture, shipped
from wsss_lite.assist.lessons import STAGES
from wsss_lite.assist.sam import Embedding, Promptable, prompts
from wsss_lite.files import data_dir
from wsss_lite.nets.prompted import CERTAIN, OPEN, SIDE, Prompted, ambiguous, drawn

REMAKE = "python -m wsss_lite.assist.train_sam"  # one to two hours
AT_ONCE = 16  # prompts answered together: more do not fit the processor's cache


class PocketSam(Promptable):
    """A `Prompted` net on a trunk. facts: what was written down when it was trained."""

    name = "pocket"
    # of `everything`; lower than SAM's own, as the estimate for a click counts what it may mean.
    # On 80 scenes of train SEPL's labels reach .52 with these, .45 without masks, and the best mask
    # for an object .70; stability .6 and .7 find more (.72), of which SEPL takes wrong ones.
    least_iou, least_stability, most_overlap = 0.6, 0.8, 0.7

    def __init__(self, net, trunk, facts=None):
        self.net = net.eval().requires_grad_(False).to(trunk.device)
        self.trunk, self.facts = trunk, facts or {}

    @torch.inference_mode()
    def encode(self, image):
        """features: the scene at three sizes, see `nets.prompted.Prompted.look`.

        InputError unless the picture is (H, W, 3) uint8.
        """
        image = as_picture(image)
        found = self.trunk([image], STAGES)
        picture = small([image]).to(self.trunk.device)
        return Embedding(image.shape[:2], self.net.look([found[s] for s in STAGES], picture))

    @torch.inference_mode()
    def logits(self, embedding, boxes=None, points=None, labels=None):
        """As `Promptable.logits`. Three masks a prompt where each is a single click, else one:
        what is left of a single click among others is then its best."""
        given = in_shares(prompts(embedding.size, boxes, points, labels), embedding.size)
        parts = [self._answer(embedding, *some) for some in zip(*(t.split(AT_ONCE) for t in given))]
        logits, iou = (torch.cat(part) for part in zip(*parts))
        logits, iou = chosen(logits, iou, ambiguous(given[0], given[2]).to(iou.device))
        full = F.interpolate(logits, embedding.size, mode="bilinear")
        return full.cpu().numpy(), iou.cpu().numpy()

    def _answer(self, embedding, boxes, points, labels):
        maps = drawn(boxes, points, labels).to(self.trunk.device)
        scene = [x.expand(len(maps), -1, -1, -1) for x in embedding.features]
        return self.net.answer(scene, maps)


def small(pictures):
    """(B, 3, SIDE, SIDE) float32 in 0..1 of a list of (H, W, 3) uint8 pictures."""
    rows = []
    for picture in pictures:
        x = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
        if x.shape[-2:] != (SIDE, SIDE):
            shrink = max(x.shape[-2:]) > SIDE
            x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", antialias=shrink)
        rows.append(x)
    return torch.cat(rows)


def in_shares(given, size):
    """(boxes (K, 4), points (K, P, 2), labels (K, P)) of `Prompts`, as `drawn` takes them.

    A click on pixel x is one in the middle of that pixel, as in SAM.
    """
    height, width = size
    first = given.points if given.boxes is None else given.boxes
    boxes, points = torch.full((len(first), 4), torch.nan), torch.zeros(len(first), 0, 2)
    labels = torch.zeros(len(first), 0, dtype=torch.long)
    if given.boxes is not None:
        boxes = torch.from_numpy(given.boxes / np.float32([width, height, width, height]))
    if given.points is not None:
        points = torch.from_numpy((given.points + np.float32(0.5)) / np.float32([width, height]))
        points, labels = points.clamp(0, 1), torch.from_numpy(given.labels)
    return boxes, points, labels


def chosen(logits, iou, unclear):
    """The answers meant for these prompts: (K, 3, ...) if all are unclear, else (K, 1, ...)."""
    if unclear.all():
        return logits[:, OPEN], iou[:, OPEN]
    best = torch.where(unclear, OPEN.start + iou[:, OPEN].argmax(1), CERTAIN.start)
    rows = torch.arange(len(best), device=best.device)
    return logits[rows, best][:, None], iou[rows, best][:, None]


# ------------------------------------------------------------------ the shipped files
def weights_folder():
    return data_dir() / "weights" / "pocket_sam"


def load(folder=None, trunk=None):
    """The `PocketSam` of a folder of weights, the shipped one by default.

    trunk: a `Trunk` that is at hand, else the default one is loaded. InputError: a file is
    missing, was changed, or belongs to another trunk.
    """
    from wsss_lite.nets.trunk import Trunk

    folder = folder or weights_folder()
    shipped.checked(folder, (shipped.NET,), REMAKE)  # before a trunk is loaded for nothing
    trunk = trunk or Trunk("lite0")
    state, facts = shipped.read(folder, trunk, REMAKE)
    net = Prompted(facts["channels"], facts["widths"])
    net.load_state_dict(state)
    return PocketSam(net, trunk, facts)


def save(net, trunk, target, **facts):
    """Write a net in float16, and beside it what `load` needs and the facts; returns the folder."""
    shape = {"channels": net.channels, "widths": net.widths}
    return shipped.write(target, net.state_dict(), trunk, shape | facts, REMAKE)
