"""Train, or remake, the pocket SAM.

    python -m wsss_lite.assist.train_sam                 all of it; interrupted, it goes on
    python -m wsss_lite.assist.train_sam --minutes 30    half an hour of it, then stop
    python -m wsss_lite.assist.train_sam --evaluate      what the shipped weights reach on test

The lessons take about 2.2 GB below the cache's `pocket-sam` and may be deleted afterwards.

Prompts as in SAM's training: a box or a click, and further clicks where the net's own answer is
wrong. A click alone may mean the thing or its part: of its three masks the nearest is taught.
Some clicks hit nothing; of those only the estimate is taught, which is 0. Unlike SAM a further
click starts afresh, without the mask before it, so that an answer depends on the prompts alone.
"""

import copy
import json
import math
import sys
import time
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch

from wsss_lite.assist import sam_score, shipped
from wsss_lite.assist.clicks import anywhere, correcting, shaken, well_inside
from wsss_lite.assist.lessons import (CLUTTER, HELD_OUT, KINDS, ODD, PART, PARTS, SEEN, THINGS,
                                      UNSEEN, VOID, lessons, of_world)  # fmt: skip
from wsss_lite.assist.pocket_sam import PocketSam, load, save, weights_folder
from wsss_lite.data.pocket import PocketVOC
from wsss_lite.errors import InputError
from wsss_lite.files import atomic, cache_dir
from wsss_lite.losses.masks import mask_losses, nearest_of, overlaps
from wsss_lite.nets.head import seeded
from wsss_lite.nets.prompted import CERTAIN, OPEN, SIDE, WIDTHS, Prompted, ambiguous, drawn
from wsss_lite.nets.trunk import Trunk
from wsss_lite.progress import progress

STEPS = 12_000  # about 90 CPU-minutes where this was measured
SCENES, PROMPTS = 6, 4  # of a step; prompts of each scene
PEAK, WARM, LOWEST = 1.5e-3, 200, 0.02  # learning rate, steps of its rise, share at the end
DECAY, CLIP = 1e-2, 1.0  # of the weights; of the gradient's length
AVERAGE = 0.999  # of the running mean of the weights, which is what is used
BOXES, NOTHING = 0.42, 0.05  # shares of prompts that are boxes, clicks on nothing
EXACT, JITTER = 0.5, 0.08  # share of tight boxes; the largest error of the others
FURTHER = (0.7, 0.15, 0.15)  # chance of 0, 1, 2 clicks after the first; a box has 0 or 1
CENTRAL = 0.5  # share of clicks well inside, as people do; the others are anywhere
OFTEN = {SEEN: 1.0, ODD: 0.4}  # how often a scene comes, for each such thing in it
ODDS = {SEEN: 0.65, ODD: 0.65, PART: 0.2, CLUTTER: 0.15}
CHECK, SHOW = 100, 500  # steps between checkpoints, between points of the learning curve
CURVE_SCENES = 60  # of val's 180 that no method may tune on
TOLERANCE = 0.02  # of IoU by box: a remade model has to come as near to what is recorded
OBJECTS = (SEEN, UNSEEN)
SOME = 100  # scenes whose many parts and clutter --evaluate scores too
TESTED = 1000  # scenes of a split that --evaluate scores at most
CHECKPOINT = "checkpoint.pt"


# ------------------------------------------------------------------ lessons to batches
@dataclass
class Batch:
    """Prompts for some scenes, in the units of `nets.prompted.drawn`.

    scenes: (B,) rows of the lessons; of: (K,) place of each prompt's scene among them; boxes
    (K, 4), points (K, P, 2), labels (K, P); target, valid: (K, SIDE, SIDE) bool; known: (K,) bool,
    False for a click on nothing; further: (K,) clicks that are still to come.
    """

    scenes: np.ndarray
    of: torch.Tensor
    boxes: torch.Tensor
    points: torch.Tensor
    labels: torch.Tensor
    target: torch.Tensor
    valid: torch.Tensor
    known: torch.Tensor
    further: np.ndarray

    def to(self, device):
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        moved = {k: v.to(device) if torch.is_tensor(v) else v for k, v in values.items()}
        return Batch(**moved)


def draw(found, rng, scenes=SCENES, prompts=PROMPTS):
    """A `Batch` of random scenes, things and prompts. Scenes with more objects come more often."""
    often = np.array([OFTEN.get(kind, 0.0) for kind in KINDS])[found.table[:, 3]]
    weight = np.bincount(found.table[:, 0], often, minlength=len(found))
    rows = np.sort(rng.choice(len(found), scenes, p=weight / weight.sum()))
    layers = [np.asarray(found.layers[row]) for row in rows]
    made = []
    for place, row in enumerate(rows):
        things = found.table[found.things[row], 1:]
        odds = np.array([ODDS[KINDS[k]] for k in things[:, 2]])
        share = odds / np.bincount(things[:, 2])[things[:, 2]]  # of each kind, however many
        for thing in things[rng.choice(len(things), prompts, p=share / share.sum())]:
            made.append((place, *prompted(rng, layers[place], thing)))
    return batch_of(rows, layers, made)


def prompted(rng, layers, thing):
    """(target, known, box, point, label, further) of one thing: a (H, W) bool mask, pixels."""
    layer, number, _, *box = (int(v) for v in thing)
    target, free = layers[layer] == number, (layers[THINGS] == 0) & (layers[PARTS] != VOID)
    kind = rng.random()
    if kind < NOTHING and free.any():
        return np.zeros_like(target), False, None, anywhere(rng, free), 1, 0
    further = int(rng.choice(len(FURTHER), p=FURTHER))
    if kind < NOTHING + BOXES:
        jitter = 0.0 if rng.random() < EXACT else rng.uniform(0, JITTER)
        box = shaken(rng, box, jitter, target.shape)
        return target, True, box, None, -1, min(further, 1)
    click = well_inside if rng.random() < CENTRAL else anywhere
    return target, True, None, click(rng, target), 1, further


def batch_of(rows, layers, made):
    """The `Batch` of what `prompted` gave for each place among the scenes."""
    size = len(made)
    boxes, points = torch.full((size, 4), torch.nan), torch.zeros(size, 1, 2)
    for k, (_, _, _, box, point, *_) in enumerate(made):
        if box is not None:
            boxes[k] = torch.tensor(box) / SIDE
        else:
            points[k, 0] = (torch.tensor(point) + 0.5) / SIDE
    of, target, known, _, _, labels, further = zip(*made)
    valid = np.stack([layers[place][THINGS] != VOID for place in of])
    return Batch(
        rows, torch.tensor(of), boxes, points, torch.tensor(labels)[:, None],
        torch.from_numpy(np.stack(target)), torch.from_numpy(valid), torch.tensor(known),
        np.array(further),
    )  # fmt: skip


def inputs(found, rows, flip):
    """(features, pictures) of some scenes, mirrored or not; see `Prompted.look`.

    The features of a mirrored picture are nearly the mirrored features.
    """
    features = [torch.from_numpy(f[rows].astype(np.float32)) for f in found.features]
    pictures = torch.from_numpy(found.pictures[rows]).permute(0, 3, 1, 2).float() / 255
    return [x.flip(-1) if flip else x for x in features], pictures.flip(-1) if flip else pictures


def mirrored(batch):
    """The batch for the mirrored pictures."""
    x0, y0, x1, y1 = batch.boxes.unbind(1)
    points = torch.stack([1 - batch.points[..., 0], batch.points[..., 1]], -1)
    return Batch(
        batch.scenes, batch.of, torch.stack([1 - x1, y0, 1 - x0, y1], 1), points, batch.labels,
        batch.target.flip(-1), batch.valid.flip(-1), batch.known, batch.further,
    )  # fmt: skip


# ------------------------------------------------------------------ one step
@torch.no_grad()
def corrected(net, scene, batch, rng):
    """The batch with its further clicks, each where the net's answer so far is most wrong."""
    points, labels = batch.points, batch.labels
    for number in range(int(batch.further.max(initial=0))):
        more = torch.from_numpy(np.flatnonzero(batch.further > number)).to(labels.device)
        maps = drawn(batch.boxes[more], points[more], labels[more])
        logits, iou = net.answer(scene, maps, batch.of[more])
        open_ = ambiguous(batch.boxes[more], labels[more])
        best = torch.where(open_, OPEN.start + iou[:, OPEN].argmax(1), CERTAIN.start)
        masks = (logits[torch.arange(len(more)), best] > 0).cpu().numpy()
        points = torch.cat([points, torch.zeros_like(points[:, :1])], 1)
        labels = torch.cat([labels, torch.full_like(labels[:, :1], -1)], 1)
        for k, mask in zip(more.tolist(), masks):
            target, valid = batch.target[k].cpu().numpy(), batch.valid[k].cpu().numpy()
            point, labels[k, -1] = correcting(rng, mask, target, valid)
            points[k, -1] = (torch.tensor(point) + 0.5) / SIDE
    batch.points, batch.labels = points, labels
    return batch


def loss_of(logits, iou, batch, offset=(0, 0)):
    """(loss of the masks, loss of the estimates), scalars.

    offset: the loss sees every second row and column from here on, as neighbours say nearly the
    same; the estimates are compared with the IoU at full size.
    """
    i, j = offset
    unclear = ambiguous(batch.boxes, batch.labels)
    target, valid = batch.target[:, i::2, j::2].float(), batch.valid[:, i::2, j::2]
    losses = mask_losses(logits[:, :, i::2, j::2], target, valid)
    losses = torch.where(unclear, nearest_of(losses[:, OPEN]), losses[:, CERTAIN].mean(1))
    truth = overlaps(logits.detach() > 0, batch.target, batch.valid)
    asked = torch.zeros_like(iou, dtype=torch.bool)
    asked[:, CERTAIN], asked[:, OPEN] = ~unclear[:, None], unclear[:, None]
    return losses[batch.known].sum() / len(losses), ((iou - truth) ** 2)[asked].mean()


def rate(step, steps):
    """The learning rate of a step: up in a line, down in half a cosine."""
    done = min(step / steps, 1.0)
    fall = LOWEST + (1 - LOWEST) * 0.5 * (1 + math.cos(math.pi * done))
    return PEAK * min(1.0, (step + 1) / WARM) * fall


class Training:
    """A net, the running mean of its weights, the optimiser, and how far they have come."""

    def __init__(self, channels, widths=WIDTHS, steps=STEPS, seed=0, device="cpu"):
        with seeded(seed):
            self.net = Prompted(channels, widths).to(device)
        self.mean = copy.deepcopy(self.net).eval().requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.net.parameters(), PEAK, weight_decay=DECAY)
        self.steps, self.seed, self.device = steps, seed, device
        self.step, self.seconds, self.curve = 0, 0.0, []

    def advance(self, found):
        """One step on lessons; the same step does the same, whatever came between."""
        start, rng = time.process_time(), np.random.default_rng([self.seed, self.step])
        for group in self.optimiser.param_groups:
            group["lr"] = rate(self.step, self.steps)
        batch, flip = draw(found, rng), rng.random() < 0.5
        batch = (mirrored(batch) if flip else batch).to(self.device)
        features, pictures = inputs(found, batch.scenes, flip)
        with seeded(int(rng.integers(1 << 31))):  # of the dropout
            self.net.train()
            features = [x.to(self.device) for x in features]
            scene = self.net.look(features, pictures.to(self.device))
        batch = corrected(self.net, [x.detach() for x in scene], batch, rng)
        maps = drawn(batch.boxes, batch.points, batch.labels)
        logits, iou = self.net.answer(scene, maps, batch.of)
        masks, estimates = loss_of(logits, iou, batch, rng.integers(0, 2, 2).tolist())
        self.optimiser.zero_grad()
        (masks + estimates).backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        self.optimiser.step()
        self._average()
        self.step += 1
        self.seconds += time.process_time() - start
        return float(masks.detach()), float(estimates.detach())

    def _average(self):
        """The running mean; in the beginning of fewer steps."""
        keep = min(AVERAGE, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for mean, now in zip(self.mean.parameters(), self.net.parameters()):
                mean.lerp_(now, 1 - keep)

    def write(self, path):
        """A checkpoint; never half-written."""
        state = {"net": self.net.state_dict(), "mean": self.mean.state_dict(),
                 "optimiser": self.optimiser.state_dict(), "step": self.step,
                 "seconds": self.seconds, "curve": self.curve}  # fmt: skip
        with atomic(path) as temporary:
            torch.save(state, temporary)

    def read(self, path):
        """Go on from a checkpoint. InputError if it is of another net or damaged."""
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            self.net.load_state_dict(state["net"])
            self.mean.load_state_dict(state["mean"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.seconds = state["step"], state["seconds"]
            self.curve = state["curve"]
        except Exception as error:  # torch raises many kinds for a damaged file
            raise InputError(f"{path} is no checkpoint of this net; delete it to start "
                             "again.") from error  # fmt: skip


# ------------------------------------------------------------------ the whole training
def run(training, found, trunk, folder, minutes=None, held_out=(), log=print):
    """Train until all steps are done or `minutes` of wall time are over; True if all are done.

    folder: of the checkpoint. held_out: list of (picture, layers, rows) for the learning curve.
    """
    checkpoint, start, recent = Path(folder) / CHECKPOINT, time.monotonic(), []
    if checkpoint.exists():
        training.read(checkpoint)
        log(f"goes on at step {training.step} of {training.steps}")
    for _ in progress(range(training.step, training.steps), "pocket SAM"):
        recent.append(training.advance(found))
        last = training.step == training.steps
        if training.step % SHOW == 0 or last:
            log(shown(training, trunk, held_out, recent))
            recent = []
        over = minutes is not None and time.monotonic() - start > 60 * minutes
        if training.step % CHECK == 0 or last or over:
            training.write(checkpoint)
        if over:
            break
    return training.step >= training.steps


def shown(training, trunk, held_out, recent):
    """A line of the learning curve, which is kept too."""
    sam = PocketSam(copy.deepcopy(training.mean), trunk)
    reached = sam_score.scores(sam, held_out, OBJECTS, clicks=1)
    masks, estimates = np.mean(recent, 0)
    training.curve.append({"step": training.step, "seconds": round(training.seconds), **reached})
    parts = [f"step {training.step:5d}  {training.seconds / 60:5.1f} CPU-min  "
             f"loss {masks:.3f} + {estimates:.4f}"]  # fmt: skip
    for kind, row in reached.items():
        parts.append(f"{kind}: box {row['box']:.3f} click {row['1 click']:.3f}")
    return "  ".join(parts)


def pictures(split, count=None):
    """Scenes of a split of PocketVOC with their things, one after the other."""
    world = PocketVOC()
    for id in world.ids(split)[:count]:
        yield of_world(world, id)


def finish(training, trunk, target, force=False):
    """Score the mean weights on val and write them. InputError if they miss what is recorded."""
    sam = PocketSam(training.mean, trunk)
    reached = sam_score.scores(sam, pictures("dev"), OBJECTS)
    print(sam_score.table(reached), flush=True)
    beside = target / shipped.FACTS
    known = json.loads(beside.read_text()) if beside.exists() and not force else {}
    if known.get("steps") == training.step:  # else it was another training
        then, now = known["val"][SEEN]["box"], reached[SEEN]["box"]
        shipped.moved(now, then, TOLERANCE, "The IoU by box")
    facts = {"held_out": list(HELD_OUT), "steps": training.step, "of": training.steps,
             "cpu_minutes": round(training.seconds / 60, 1), "val": rounded(reached)}  # fmt: skip
    print("written:", save(training.mean, trunk, target, **facts), flush=True)


def rounded(found):
    return {kind: {name: round(value, 4) for name, value in row.items()}
            for kind, row in found.items()}  # fmt: skip


def evaluate(sam, split="test", count=TESTED):
    """Print and return IoU by prompt and kind, and the times of an encoding and a prompt."""
    found = sam_score.scores(sam, pictures(split, count), OBJECTS)
    found |= sam_score.scores(sam, pictures(split, min(count, SOME)), (CLUTTER, PART))
    print(f"mean IoU, {split}; unseen: {', '.join(HELD_OUT)}, in none of the training scenes")
    print(sam_score.table(found))
    picture = next(pictures(split, 1))[0]
    spent = sam_score.timing(sam, picture)
    print(", ".join(f"{name} {value:.1f}" for name, value in spent.items()),
          f"with {torch.get_num_threads()} threads")  # fmt: skip
    return found, spent


def parsed(arguments=None):
    parser = shipped.options("Train the pocket SAM, or score it.")
    parser.add_argument("--minutes", type=float, help="stop after so many and go on next time")
    parser.add_argument("--threads", type=int, help="threads of torch")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--odd", type=int, default=2000, help="scenes of nameless things")
    parser.add_argument("--work", type=Path, help="folder for lessons and checkpoint (the cache)")
    parser.add_argument("--now", action="store_true", help="write the weights, done or not")
    parser.add_argument("--afresh", action="store_true", help="forget the checkpoint")
    parser.add_argument("--split", default="test", help="for --evaluate: test, dev or fresh")
    return parser.parse_args(arguments)


def main(arguments=None):
    options = parsed(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    target = shipped.target(weights_folder(), options.out)
    if options.evaluate:
        evaluate(load(target), options.split)
        return
    trunk, work = Trunk("lite0"), options.work or cache_dir() / "pocket-sam"
    if options.afresh:
        (work / CHECKPOINT).unlink(missing_ok=True)
    found = lessons(work, trunk, options.scenes, options.odd)
    print(f"{len(found)} scenes, {len(found.table)} things", flush=True)
    channels = [f.shape[1] for f in found.features]
    training = Training(channels, steps=options.steps, device=trunk.device)
    held_out = list(pictures("dev", CURVE_SCENES))
    log = lambda line: print(line, flush=True)  # noqa: E731
    done = run(training, found, trunk, work, options.minutes, held_out, log)
    if done or options.now:
        finish(training, trunk, target, options.force)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
