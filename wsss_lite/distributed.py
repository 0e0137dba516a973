"""Several processes on one task: `torchrun` in front, and the same command as before.

    torchrun --nproc-per-node 4 -m wsss_lite.cli run cam --world VOC2012 --trunk resnet50

What is shared out (a *team* has `size` members, and each knows its `rank`):

- features: every member runs the trunk on its chunks of 100 pictures. They meet in the cache, so on
  several machines `WSSS_LITE_CACHE` has to lie on a disk that all of them see; a member that does
  not find another's chunk computes it, which is slower and gives the same;
- thresholds, CRF and scores: every member has its pictures, results are put together;
- the segmenter: every member has its part of each batch. Gradients, and the averages of batch norm,
  are taken over the whole batch, so that a step is the step of one process, up to rounding. (Where
  labels have gaps, or are trusted unequally, each member's mean counts by its number of pictures.)

What a method itself trains on features (a probe, a light head, its own network), and features of
pictures that it changes, every member does alone, with the same seed and so with the same result.
Without torchrun nothing of this module is used. Tested with two processes on CPUs (gloo); with GPUs
the same code exchanges by NCCL, which we could not try.
"""

import contextlib
import copy
import functools
import os
import sys
from datetime import timedelta

import numpy as np
import torch
import torch.distributed as dist
import torch.distributed.nn.functional as across
from torch.optim.optimizer import register_optimizer_step_pre_hook

from wsss_lite import lab as bench
from wsss_lite.lab import Lab, one_size
from wsss_lite.nets.features import CHUNK, FeatureBank
from wsss_lite.nets.segmenter import STAGES, Decoder
from wsss_lite.score import Scores

PATIENCE = timedelta(hours=12)  # members wait for each other; torchrun ends all when one fails


def launched():
    """Whether this process is one of several that torchrun started."""
    return int(os.environ.get("WORLD_SIZE", 1)) > 1


@contextlib.contextmanager
def labs():
    """Yield (what makes labs, whether this process prints and writes): `Lab`, unless launched."""
    if not launched():
        yield Lab, True
        return
    with team() as own:
        if own.rank:
            os.environ["WSSS_LITE_QUIET"] = "1"  # one progress bar is enough
        yield functools.partial(TeamLab, own), own.rank == 0


@contextlib.contextmanager
def team():
    """Join the others that torchrun started: `with team() as own: TeamLab(own, ...)`."""
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)))
    if sys.platform == "linux" and os.environ.get("LOCAL_WORLD_SIZE") == os.environ["WORLD_SIZE"]:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # one machine: no other network is needed
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=PATIENCE)
    try:
        yield Team(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


class Team:
    """rank: which member this is, 0 to size - 1; member 0 is the one that prints and writes."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size

    def share(self, items):
        """This member's part of a list: every `size`-th."""
        return items[self.rank :: self.size]

    def add(self, array):
        """The sum of everybody's array of integers."""
        total = torch.from_numpy(np.array(array))
        dist.all_reduce(total)
        return total.numpy()

    def gather(self, items):
        """Everybody's parts in the order of the whole list, the inverse of `share`."""
        parts = [None] * self.size
        dist.all_gather_object(parts, list(items))
        whole = [None] * sum(map(len, parts))
        for rank, part in enumerate(parts):
            whole[rank :: self.size] = part
        return whole

    def copy(self, module):
        """Give everybody the weights of member 0."""
        for tensor in module.state_dict().values():
            dist.broadcast(tensor, 0)

    def wait(self):
        """Go on when all have come this far."""
        self.add(np.zeros(1))


class TeamBank(FeatureBank):
    """Features of which every member computes its chunks."""

    def __init__(self, world, trunk, team):
        super().__init__(world, trunk)
        self.team = team

    def prepare(self, ids, stages, size=None, flip=False):
        ids = getattr(ids, "ids", ids)
        own = set(self.team.share(self._chunks(ids)))
        super().prepare([n for n in ids if self._chunk(n) in own], stages, size, flip)
        self.team.wait()
        super().prepare(ids, stages, size, flip)  # what others could not leave where we look

    def _chunk(self, name):
        split, row = self.place[name]
        return split, row // CHUNK


class TeamLab(Lab):
    """A `Lab` whose work is shared out; every member has the same row in the end."""

    def __init__(self, team, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.team = team
        self.bank = TeamBank(self.world, self.trunk, team)

    def _tune_score(self, rows, how):
        whole = self.tune
        self.tune = self.team.share(whole)  # the lab walks through them
        try:
            part = super()._tune_score(self.team.share(rows), how)
        finally:
            self.tune = whole
        return Scores(self.team.add(part.matrix))

    def labels(self, maps, choice, refine=True):
        whole, rows = self.train, self.split_maps(maps)[0]
        self.train = self.team.share(whole)
        try:
            masks = [mask for _, mask in super().labels(self.team.share(rows), choice, refine)]
        finally:
            self.train = whole
        yield from zip(whole, self.team.gather(masks))

    def fit(self, labels, weights=None, **recipe):
        names = list(labels)
        if weights is not None:
            recipe["weights"] = one_size([weights[n].astype(np.float32) for n in names])
        self.bank.prepare(names, STAGES)
        features = [self.bank.features(names, s) for s in STAGES]
        small = one_size(list(labels.values()))
        return train_together(self.team, features, small, self.classes, self.seed, **recipe)

    def test_matrices(self, decoder, ids=None):
        ids = self.test if ids is None else tuple(ids)
        self.bank.prepare(ids, STAGES)
        own = super().test_matrices(decoder, self.team.share(ids)) if self._any(ids) else ()
        return np.stack(self.team.gather(own))

    def predicted_matrices(self, function, ids=None):
        ids = self.test if ids is None else tuple(ids)
        own = super().predicted_matrices(function, self.team.share(ids)) if self._any(ids) else ()
        return np.stack(self.team.gather(own))

    def _any(self, ids):
        return len(ids) > self.team.rank


# ---- the segmenter


def train_together(team, features, labels, classes, seed=0, start=None, **recipe):
    """`train_segmenter` by a team; arguments and result are the same.

    Every member holds a decoder with the same weights, draws the same batches and looks at its part
    of each. recipe: see `train_segmenter`.
    """
    shares = Shares(team)
    if start is None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # as train_segmenter draws its own
            width = {"width": recipe["width"]} if "width" in recipe else {}
            start = Decoder([f.shape[1] for f in features], classes, **width)
    if recipe.get("weights") is not None:
        recipe["weights"] = Part(recipe["weights"], shares)
    if recipe.get("extra") is not None:
        recipe["extra"] = shares.extra(recipe["extra"])
    adding = register_optimizer_step_pre_hook(lambda optimiser, *_: add_gradients(optimiser))
    try:
        decoder = bench.train_segmenter(
            [Part(f, shares) for f in features], Part(labels, shares), classes,
            seed=seed, start=shared(start, shares), **recipe,
        )  # fmt: skip
    finally:
        adding.remove()
    return alone(decoder)


class Shares:
    """This member's part of the batch at hand."""

    def __init__(self, team):
        self.team, self.part = team, 1.0

    def of(self, rows):
        own = self.team.share(rows)
        self.part = len(own) / len(rows)
        return own

    def extra(self, loss):
        """A further loss of the whole batch, as one of this member's pictures."""

        def part(logits, rows):
            own = self.team.share(rows)
            return loss(logits, own) if len(own) else 0 * logits.sum()

        return part

    def __deepcopy__(self, memo):
        return self  # train_segmenter copies the decoder, which has to go on looking at this one


class Part:
    """(N, ...) rows of which a batch gives this member's part; else as the whole array."""

    def __init__(self, rows, shares):
        self.rows, self.shares, self.shape = rows, shares, rows.shape

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[self.shares.of(index)]

    def __ne__(self, other):
        return self.rows != other  # whether labels are dense is asked of all, so that all agree

    __hash__ = None


class SharedDecoder(Decoder):
    """A decoder whose losses count by the share of the batch that they were taken on."""

    def forward(self, stages):
        logits = super().forward(stages)
        if logits.requires_grad:
            logits.register_hook(lambda gradient: gradient * self.shares.part)
        return logits


class SharedNorm(torch.nn.BatchNorm2d):
    """Batch norm over the pictures of all members (PyTorch's own needs a GPU)."""

    def forward(self, x):
        if not self.training:
            return super().forward(x)
        pixels = torch.tensor([float(x.numel() // x.shape[1])], device=x.device)
        dist.all_reduce(pixels)
        mean = across.all_reduce(x.sum((0, 2, 3)) / pixels)  # and its gradient on the way back
        x = x - mean[:, None, None]
        var = across.all_reduce((x * x).sum((0, 2, 3)) / pixels)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(var * pixels / (pixels - 1), self.momentum)
        scale = self.weight * (var + self.eps).rsqrt()
        return x * scale[:, None, None] + self.bias[:, None, None]


def add_gradients(optimiser):
    """Put the sum over the members in the place of each gradient, in one message."""
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    found = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in found])
    dist.all_reduce(flat)
    for gradient, piece in zip(found, flat.split([g.numel() for g in found])):
        gradient.copy_(piece.view_as(gradient))


def shared(decoder, shares):
    """A copy of a decoder that a team can train."""
    decoder = copy.deepcopy(decoder)
    decoder.__class__, decoder.shares = SharedDecoder, shares
    return with_norms(decoder, SharedNorm)


def alone(decoder):
    """A decoder of one process again."""
    decoder.__class__ = Decoder
    del decoder.shares
    return with_norms(decoder, torch.nn.BatchNorm2d)


def with_norms(module, kind):
    """The module, its batch norms turned into `kind` with their weights kept."""
    for part in module.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.__class__ = kind
    return module
