"""The pocket grounder: texts to boxes, in the role of Grounding DINO.

    grounder = load()                                      a `Grounder`, see grounding.py
    grounder.boxes(image, ["cat", "someone riding"])       list of `Grounded`, the best first

A net of centres (`nets.centres`) on the frozen trunk, trained by `wsss_lite.assist.train_grounder`
on the boxes of the corpus: what uses it declares needs=("corpus",). Its texts are embedded by the
pocket CLIP, so that anything may be asked. How open that is, is measured: "pocket-held-out" saw no
scene with one of `HELD_OUT`, while the captions of the pocket CLIP did name them; and no training
saw the names `UNSAID`.
"""

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.assist import as_picture, pocket_clip, prompts, shipped
from wsss_lite.assist.grounding import (BOX_THRESHOLD, TEXT_THRESHOLD, Grounded, Grounder, cleaned,
                                        pixel_box)  # fmt: skip
from wsss_lite.errors import InputError
from wsss_lite.files import data_dir
from wsss_lite.nets.centres import Centres, Look, decode, heat

WEIGHTS = {"pocket": "pocket_grounder", "pocket-held-out": "pocket_grounder_held_out"}
HELD_OUT = pocket_clip.HELD_OUT
UNSAID = 2  # number of the synonym of each class that the training never uses
STAGES = ("c3", "c4", "c5")
REMAKE = "python -m wsss_lite.assist.train_grounder"


class PocketGrounder(Grounder):
    """A net on a trunk, with the CLIP that embeds its texts.

    clip: has `texts(list) -> (K, D)` and `layer`, see `PocketClip`. facts: what was written down
    when the net was trained.
    """

    def __init__(self, net, clip, trunk, facts=None, name="pocket"):
        self.net = net.eval().requires_grad_(False).to(trunk.device)
        self.clip, self.trunk, self.facts, self.name = clip, trunk, facts or {}, name
        self.known = {}  # text: its vector

    def boxes(self, image, texts, box_threshold=BOX_THRESHOLD, text_threshold=TEXT_THRESHOLD):
        """As `Grounder.boxes`; a box has one score, that of its text, for both thresholds."""
        image = as_picture(image)
        texts = [texts] if isinstance(texts, str) else list(texts)
        vectors = self.vectors(texts)  # first: it looks at what was asked
        found = self.trunk([image], STAGES)
        look = self.look([found[stage] for stage in STAGES])
        least = max(box_threshold, text_threshold)
        return grounded(look, 0, vectors, texts, image.shape[:2], least)

    @torch.inference_mode()
    def look(self, stages):
        """`Look` at the (B, c, h, w) stages `STAGES` of B pictures, tensors or arrays."""
        stages = [torch.as_tensor(x, device=self.trunk.device).float() for x in stages]
        return self.net(stages, joint(self.clip, self.trunk, stages[-1]))

    def vectors(self, texts):
        """(K, D) unit vectors. InputError: no text, an empty one, see `grounding.cleaned`."""
        words = cleaned(texts)
        new = [word for word in dict.fromkeys(words) if word not in self.known]
        if new:
            self.known |= dict(zip(new, embedded(self.clip, new)))
        return torch.from_numpy(np.stack([self.known[w] for w in words])).to(self.trunk.device)


def grounded(look, row, vectors, texts, size, least):
    """List of `Grounded` of one row of a `Look`, in a picture of `size` (H, W)."""
    one = Look(*(x[row : row + 1] for x in look))
    which, corners, scores = decode(heat(one, vectors)[0].sigmoid(), one.sides[0], least)
    height, width = size
    corners = corners.cpu() * torch.tensor([width, height, width, height])
    return [Grounded(pixel_box(k + 1, box, size), texts[k], score)
            for k, box, score in zip(which.tolist(), corners, scores.tolist())]  # fmt: skip


def embedded(clip, words):
    """(K, D) unit vectors of words or phrases: the mean over CLIP's templates."""
    said = [word if word.split()[0] in ("a", "an", "the") else prompts.with_article(word)
            for word in words]  # fmt: skip
    return prompts.fused(clip, [[t.format(s) for t in prompts.TEMPLATES] for s in said])


@torch.no_grad()  # not `inference_mode`: the training goes on from here
def joint(clip, trunk, last):
    """(B, D, h, w) unit vectors of CLIP at every position of the trunk's stage c5."""
    weight, bias = (torch.as_tensor(x, device=trunk.device) for x in clip.layer)
    final = trunk.tail(STAGES[-1])(last)
    return F.normalize(F.conv2d(final, weight[..., None, None], bias), dim=1)


# ------------------------------------------------------------------ the shipped files
def load(name="pocket", clip=None, trunk=None, folder=None):
    """The shipped `PocketGrounder`.

    name: "pocket", or "pocket-held-out"; clip, trunk: when they are at hand, else the default ones
    are loaded. InputError: files that are missing or were changed, or that belong to another
    trunk or another pocket CLIP.
    """
    from wsss_lite.nets.trunk import Trunk

    folder, trunk = folder or weights_folder(name), trunk or Trunk("lite0", size=224)
    state, known = shipped.read(folder, trunk, REMAKE)
    if clip is None:
        if known["clip"] != clip_hash():
            raise InputError(f"{folder} was trained with another pocket CLIP than the one that is "
                             f"here; remake it with `{REMAKE}`.")  # fmt: skip
        clip = pocket_clip.load(trunk=trunk)
    net = Centres(known["channels"], known["space"], known["width"])
    net.load_state_dict(state)
    return PocketGrounder(net, clip, trunk, known, name)


def weights_folder(name="pocket"):
    """Where the files of a pocket grounder lie."""
    if name not in WEIGHTS:
        raise InputError(f"No pocket grounder is called {name!r}: there are {', '.join(WEIGHTS)}.")
    return data_dir() / "weights" / WEIGHTS[name]


def clip_hash():
    """The hash of the pocket CLIP's towers, as its facts give it."""
    return pocket_clip.facts("pocket")["sha256"][pocket_clip.TOWERS]


def facts(name="pocket"):
    """What was written down when it was trained: scores, hashes, what was held out."""
    return shipped.checked(weights_folder(name), (shipped.NET,), REMAKE)
