"""Fine-tune the last stage of the trunk on a world's tags, before anything reads its features.

    trunk = finetune(lab, lab.view())      a new `Trunk`; the lab's own stays as it is
    lab = Lab("my-folder", trunk=trunk)    every method, and the segmenter, now stand on it

What lies before the last stage stays frozen, so its features come from the cache and only the last
layers run: on a CPU that is slow but possible, and it warns.
"""

import copy
import warnings

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.errors import InputError
from wsss_lite.nets.probe import train_probe
from wsss_lite.nets.rate import one_cycle
from wsss_lite.progress import progress

BEFORE = "c4"  # the stage whose features enter the last one
PARTS = ("last",)
ON_CPU = (
    "there is no GPU here, so fine-tuning runs on the CPU; with more than a few hundred pictures "
    "leave out --finetune or use a machine with a GPU"
)


def finetune(lab, view=None, epochs=8, lr=3e-4, batch=10, weight_decay=1e-2, seed=None):
    """A copy of the lab's trunk whose last stage was trained to tell the tags of a view.

    view: whose pictures and tags are used (default: those of train). The loss is the binary
    cross-entropy of a linear layer on the pooled features, which starts as the trained probe; the
    averages of batch norm stay as they were, since batches are small. Half of the batches are
    mirrored. epochs=0 gives a copy that differs in nothing. Warns without a GPU.
    """
    view = lab.view(ids=lab.train) if view is None else view
    if len(view) < 2:
        raise InputError(f"{lab.world.name} has {len(view)} training pictures; give 2 at least.")
    if lab.trunk.device.type == "cpu":
        warnings.warn(ON_CPU)
    trunk, seed = copy.deepcopy(lab.trunk), lab.seed if seed is None else seed
    trunk.source = f"{trunk.source}, last stage fine-tuned"
    if not epochs:
        return trunk
    tail = trunk.tail(BEFORE).requires_grad_(True)
    probe = train_probe(view.features("pooled")[:], view.tags, seed=seed)
    head = torch.nn.Linear(*probe.weight.shape[::-1]).to(trunk.device)
    head.load_state_dict({"weight": torch.tensor(probe.weight), "bias": torch.tensor(probe.bias)})
    train(tail, head, view.features(BEFORE), view.tags, trunk.device,
          epochs, lr, batch, weight_decay, seed)  # fmt: skip
    tail.requires_grad_(False)
    return trunk


def train(tail, head, features, tags, device, epochs, lr, batch, weight_decay, seed):
    """Train the layers of `tail` and the linear `head` in place; returns the loss of each step."""
    parameters = [*tail.parameters(), *head.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr, weight_decay=weight_decay)
    schedule = one_cycle(optimiser, lr, epochs * -(-len(tags) // batch))
    tags = np.asarray(tags, np.float32)
    losses = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in progress(range(epochs), "fine-tuning"):
            for rows in torch.randperm(len(tags)).split(batch):
                x = torch.from_numpy(features[rows.numpy()]).to(device)
                x = x.flip(-1) if torch.rand(()) < 0.5 else x
                logits = head(tail(x).mean((2, 3)))
                y = torch.from_numpy(tags[rows.numpy()]).to(device)
                loss = F.binary_cross_entropy_with_logits(logits, y)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                losses.append(float(loss.detach()))
    return losses
