"""One of several processes that torchrun starts; run by test_distributed.py, not by hand.

    torchrun --nproc-per-node 2 tests/team_member.py WORLD CACHE OUT
"""

import functools
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from test_segmenter import toy
from tiny_world import SIZE, quickly

from wsss_lite import distributed
from wsss_lite import lab as bench
from wsss_lite.nets.segmenter import predict, train_segmenter
from wsss_lite.nets.trunk import Trunk

LONGER = {"epochs": 2, "least_steps": 20}  # of the segmenter on the tiny world
SHORT = {"epochs": 12, "batch": 5, "width": 16, "least_steps": 0}  # on the toy; batches of 3 and 2


def extra(logits, rows):
    """A further loss, to see that it counts once: keep the logits of the first pictures small."""
    return 0.1 * (logits[np.asarray(rows) < 6] ** 2).sum() / len(rows)


def toy_logits(train):
    """Predictions on the toy of what `train` trained, with trust and a further loss."""
    features, labels = toy(n=23)
    trust = np.full(labels.shape, 0.5, np.float32)
    decoder = train(features, labels, 2, weights=trust, extra=extra, **SHORT)
    return np.stack(list(predict(decoder, features, [(16, 16)] * 23))), decoder


def run_on(lab):
    """What a lab makes of `cam`, as arrays."""
    row = lab.run("cam")
    by_function = lab.predicted_matrices(lambda picture: (picture[..., 0] > 128).astype(np.uint8))
    labels = lab.last["labels"]
    whole = np.stack([labels[n] for n in lab.train])
    choice = [lab.last["choice"].maps, lab.last["choice"].pseudo]
    return {"maps": lab.last["maps"], "labels": whole, "choice": choice, "names": list(labels),
            "matrices": lab.last["matrices"], "miou": row["miou_test"],
            "by_function": by_function}  # fmt: skip


def main(world, cache, out):
    with quickly(cache), pytest.MonkeyPatch.context() as patch, distributed.team() as team:
        patch.setattr(bench, "train_segmenter", functools.partial(train_segmenter, **LONGER))
        found = run_on(distributed.TeamLab(team, world, Trunk("lite0", size=SIZE)))
        patch.setattr(bench, "train_segmenter", train_segmenter)
        found["toy"], decoder = toy_logits(functools.partial(distributed.train_together, team))
        found["norm"] = next(v for k, v in decoder.state_dict().items() if k.endswith("_var"))
        found["kind"] = {type(m).__name__ for m in decoder.modules()} & {"SharedNorm"}
        torch.nn.init.constant_(decoder.last[-1].bias, team.rank)
        team.copy(decoder)
        found["copied"] = decoder.last[-1].bias.detach()
        found["whole"] = team.gather(team.share(list(range(7))))
        np.savez(Path(out) / f"{team.rank}.npz", **{k: np.array(v) for k, v in found.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
