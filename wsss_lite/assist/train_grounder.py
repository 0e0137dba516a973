"""How the pocket grounder is made: `python -m wsss_lite.assist.train_grounder`.

    ... train_grounder                    both nets; interrupted, it goes on after the last epoch
    ... train_grounder pocket             one of them
    ... train_grounder --evaluate         what the shipped ones reach on val

Every step asks for all classes by one of their names in one sentence or another, and for places
and backgrounds, which have no box. The pocket CLIP, which embeds these texts, is frozen and has to
be made before; so is the trunk, through which each scene goes once.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from wsss_lite.assist import pocket_clip, prompts, shipped
from wsss_lite.assist.box_score import box_scores
from wsss_lite.assist.grounding import BOX_THRESHOLD
from wsss_lite.assist.pocket_grounder import (HELD_OUT, REMAKE, STAGES, UNSAID, WEIGHTS,
                                              PocketGrounder, clip_hash, embedded, grounded, joint,
                                              load, weights_folder)  # fmt: skip
from wsss_lite.data.corpus import Corpus, corpus_bank
from wsss_lite.data.pocket import SPLITS, PocketVOC, code_of
from wsss_lite.errors import InputError
from wsss_lite.files import atomic, cache_dir
from wsss_lite.losses import centres as loss
from wsss_lite.losses.centres import centre_loss, side_loss, targets
from wsss_lite.nets import centres as net
from wsss_lite.nets.centres import Centres, heat
from wsss_lite.nets.features import FeatureBank
from wsss_lite.nets.head import seeded
from wsss_lite.nets.rate import one_cycle
from wsss_lite.nets.trunk import Trunk
from wsss_lite.progress import progress

SIZE, WIDTH = 224, 64
EPOCHS, BATCH, PEAK, DECAY, CLIP = 12, 16, 3e-3, 1e-2, 5.0
SIDES = 2.0  # weight of the boxes against the centres
FAINT = 0.02  # score from which a box counts for the average precision
TOLERANCE = 0.03  # of the mean average precision, between two makes


@dataclass
class Lessons:
    """features: for each stage (N, c, h, w) rows; boxes: of each scene (class, x0, y0, x1, y1), in
    shares of the picture; classes: that are asked for."""

    features: list
    boxes: list
    classes: tuple

    def __len__(self):
        return len(self.boxes)


def lessons(world, ids, bank, without=()):
    """`Lessons` of scenes; one with a class out of `without` is left out whole."""
    names = {id: {world.classes[k] for k in np.flatnonzero(world.tags(id))} for id in ids}
    kept = [id for id in ids if not names[id] & set(without)]
    classes = tuple(name for name in world.classes if name not in without)
    bank.prepare(kept, STAGES)  # all of them in one pass
    features = [bank.features(kept, stage) for stage in STAGES]
    return Lessons(features, [shares(world, id) for id in kept], classes)


def shares(world, id):
    """[(class name, x0, y0, x1, y1)], in shares of the picture."""
    height, width = world.image(id).shape[:2]
    return [(world.classes[box.cls - 1], box.x0 / width, box.y0 / height, box.x1 / width,
             box.y1 / height) for box in world.boxes(id)]  # fmt: skip


def spoken(clip, classes):
    """(C, S, D) vectors of the sentences that a class is asked by, but for those with `UNSAID`.

    The last of each class are those of `embedded`, the mean over all templates.
    """
    rows = []
    for name in classes:
        names = [n for k, n in enumerate(prompts.SYNONYMS[name]) if k != UNSAID]
        said = [t.format(prompts.with_article(n)) for t in prompts.TEMPLATES for n in names]
        rows.append(np.concatenate([clip.texts(said), embedded(clip, names)]))
    return torch.from_numpy(np.stack(rows))


@dataclass
class Training:
    """A net, its optimiser and what it has done; everything random follows from seed and epoch."""

    clip: object
    trunk: Trunk
    lessons: Lessons
    seed: int = 0
    epochs: int = EPOCHS
    batch: int = BATCH
    peak: float = PEAK
    width: int = WIDTH
    epoch: int = 0
    curve: list = field(default_factory=list)

    def __post_init__(self):
        device = self.trunk.device
        self.texts = spoken(self.clip, self.lessons.classes).to(device)
        self.nothing = torch.from_numpy(prompts.background_texts(self.clip)).to(device)
        channels = [f.shape[1] for f in self.lessons.features]
        with seeded(self.seed):
            self.net = Centres(channels, self.texts.shape[-1], self.width).to(device)
        self.facts = {"channels": channels, "space": self.texts.shape[-1], "width": self.width}
        self.optimiser = torch.optim.AdamW(self.net.parameters(), self.peak, weight_decay=DECAY)
        steps = self.epochs * -(-len(self.lessons) // self.batch)
        self.schedule = one_cycle(self.optimiser, self.peak, steps)

    def advance(self):
        """One epoch; returns the mean losses (centres, sides)."""
        rng, losses = np.random.default_rng((self.seed, self.epoch)), []
        order = rng.permutation(len(self.lessons))
        self.net.train()
        starts = range(0, len(order), self.batch)
        for start in progress(starts, f"grounder {self.epoch + 1}/{self.epochs}"):
            losses.append(self.step(np.sort(order[start : start + self.batch]), rng))
        self.net.eval()
        self.epoch += 1
        self.curve.append([round(float(v), 4) for v in np.mean(losses, 0)])
        return self.curve[-1]

    def step(self, rows, rng):
        device = self.trunk.device
        stages = [torch.from_numpy(f[rows]).to(device) for f in self.lessons.features]
        dense = joint(self.clip, self.trunk, stages[-1])
        boxes = [self.lessons.boxes[k] for k in rows]
        if rng.random() < 0.5:  # features of a mirrored picture are nearly the mirrored features
            stages, dense = [x.flip(-1) for x in stages], dense.flip(-1)
            boxes = [[(c, 1 - x1, y0, 1 - x0, y1) for c, x0, y0, x1, y1 in some] for some in boxes]
        count, kinds = self.texts.shape[:2]
        texts = self.texts[torch.arange(count), torch.from_numpy(rng.integers(kinds, size=count))]
        texts = torch.cat([texts, self.nothing])
        look = self.net(stages, dense)
        made = [taught(some, self.lessons.classes, len(texts), look.sides.shape[-2:])
                for some in boxes]  # fmt: skip
        bumps, sides, weight = (torch.from_numpy(np.stack(x)).to(device) for x in zip(*made))
        losses = centre_loss(heat(look, texts), bumps), side_loss(look.sides, sides, weight)
        self.optimiser.zero_grad()
        (losses[0] + SIDES * losses[1]).backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        self.optimiser.step()
        self.schedule.step()
        return [value.item() for value in losses]

    def write(self, path):
        """A checkpoint from which `read` goes on."""
        state = {name: getattr(self, name).state_dict() for name in PARTS}
        with atomic(path) as temporary:
            torch.save(state | {"epoch": self.epoch, "curve": self.curve}, temporary)

    def read(self, path):
        """InputError for a damaged checkpoint."""
        try:
            state = torch.load(path, map_location=self.trunk.device, weights_only=True)
            for name in PARTS:
                getattr(self, name).load_state_dict(state[name])
            self.epoch, self.curve = state["epoch"], state["curve"]
        except Exception as error:  # torch raises many kinds
            raise InputError(f"{path} is no checkpoint of this training; delete it to start "
                             "again.") from error  # fmt: skip


PARTS = ("net", "optimiser", "schedule")


def taught(boxes, classes, count, grid):
    """`targets` of boxes with class names, for the texts of `classes` and others after them."""
    return targets([(classes.index(name), *box) for name, *box in boxes], count, grid)


def run(training, checkpoint, log=print):
    """All epochs, each followed by a checkpoint; goes on where one is."""
    if Path(checkpoint).exists():
        training.read(checkpoint)
        log(f"goes on after epoch {training.epoch} of {training.epochs}")
    while training.epoch < training.epochs:
        centres, sides = training.advance()
        training.write(checkpoint)
        log(f"epoch {training.epoch}/{training.epochs}: centres {centres:.3f} boxes {sides:.3f}")
    return training


# ------------------------------------------------------------------ scores
def measure(grounder, found, synonym=0, piece=50):
    """({class: AP at IoU .5}, {class: recall}) when the true tags of each scene are asked for.

    found: `Lessons` of scenes to be scored; synonym: by which of its names a class is called.
    The recall counts boxes from `BOX_THRESHOLD` on.
    """
    boxes, side = [], 1000  # corners to a thousandth of the picture
    for start in range(0, len(found), piece):
        rows = range(start, min(start + piece, len(found)))
        look = grounder.look([f[rows.start : rows.stop] for f in found.features])
        for k in rows:
            tags = list(dict.fromkeys(name for name, *_ in found.boxes[k]))
            texts = [prompts.SYNONYMS[name][synonym] for name in tags]
            some = []
            if tags:
                vectors = grounder.vectors(texts)
                some = grounded(look, k - start, vectors, texts, (side, side), FAINT)
            boxes.append([(tags[box.cls - 1], (box.x0, box.y0, box.x1, box.y1), score)
                          for box, _, score in some])  # fmt: skip
    truth = [[(name, [side * v for v in box]) for name, *box in some] for some in found.boxes]
    return box_scores(boxes, truth, found.classes, BOX_THRESHOLD)


def summary(grounder, found, held_out=()):
    """Rounded dict of `measure`: means over seen classes, over held-out ones, and each class."""
    precision, recall = measure(grounder, found)
    unsaid, _ = measure(grounder, found, synonym=UNSAID)
    seen = [name for name in found.classes if name not in held_out]
    rows = {"ap_val": mean(precision, seen), "recall_val": mean(recall, seen),
            "ap_val_unsaid_names": mean(unsaid, seen)}  # fmt: skip
    if held_out:
        rows |= {"ap_val_held_out": mean(precision, held_out),
                 "recall_val_held_out": mean(recall, held_out)}  # fmt: skip
    each = {name: [mean(scores, [name]) for scores in (precision, recall)]
            for name in found.classes}  # fmt: skip
    return rows | {"ap_and_recall_val": each}


def mean(scores, names):
    """The rounded mean over those classes that occur, None where none does."""
    values = [scores[name] for name in names if np.isfinite(scores[name])]
    return round(float(np.mean(values)), 4) if values else None


def val_lessons(trunk):
    """The `Lessons` of the validation scenes."""
    world = PocketVOC()
    return lessons(world, world.ids("val"), FeatureBank(world, trunk))


# ------------------------------------------------------------------ making and writing
def make(name, clip, trunk, work, scenes=None, **recipe):
    """The `Training` of the grounder of that name, done. work: folder of the checkpoint."""
    world = Corpus(scenes or SPLITS["corpus"][0])
    without = HELD_OUT if name == "pocket-held-out" else ()
    found = lessons(world, world.ids("corpus"), corpus_bank(world, trunk), without)
    training = Training(clip, trunk, found, **recipe)
    key = f"{world.fingerprint()} {trunk.fingerprint()} {clip_hash()} {len(found)} {recipe}"
    key += "".join(code_of(file) for file in (__file__, net.__file__, loss.__file__))
    key = hashlib.sha256(key.encode()).hexdigest()[:12]
    return run(training, Path(work) / f"{WEIGHTS[name]}-{key}.pt")


def main(arguments=None):
    """Make one or both grounders, compare with what was recorded, and write them."""
    parser = shipped.options("Remake the pocket grounder.")
    parser.add_argument("names", nargs="*", default=list(WEIGHTS), help=", ".join(WEIGHTS))
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--work", type=Path, help="folder of the checkpoints (in the cache)")
    options = parser.parse_args(arguments)
    trunk = Trunk("lite0", size=SIZE)
    clip, found = pocket_clip.load(trunk=trunk), val_lessons(trunk)
    for name in options.names:
        target = weights_folder(name)
        held_out = HELD_OUT if name == "pocket-held-out" else ()
        if options.evaluate:
            grounder = load(name, clip, trunk)
        else:
            work = options.work or cache_dir() / "pocket-grounder"
            done = make(name, clip, trunk, work, options.scenes, epochs=options.epochs)
            grounder = PocketGrounder(done.net, clip, trunk)
        scores = summary(grounder, found, held_out)
        print(f"{name}: {json.dumps(scores)}", flush=True)
        if options.evaluate:
            continue
        if not options.force:
            shipped.remade(target, "ap_val", scores, TOLERANCE, name)
        facts = done.facts | {"name": name, "held_out": list(held_out), "clip": clip_hash(),
                              "scenes": len(done.lessons), "epochs": done.epochs,
                              "tolerance": TOLERANCE, **scores}  # fmt: skip
        out = shipped.target(target, options.out)
        print("written:", shipped.write(out, done.net.state_dict(), trunk, facts, REMAKE))


if __name__ == "__main__":
    main()
