"""A trained segmenter to keep: on any picture, in a file, back from it.

    segmenter = Segmenter.of(lab)              the one that the lab trained last
    mask = segmenter(picture)                  (H, W, 3) uint8 to (H, W) uint8
    segmenter.save("mugs.safetensors")
    Segmenter.load("mugs.safetensors")         elsewhere, without lab, tags or masks

The file holds the decoder, and the trunk's weights only where they are not the published ones
(`finetune`).
"""

import contextlib
import json
from itertools import islice

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from wsss_lite.errors import InputError
from wsss_lite.files import atomic
from wsss_lite.nets.segmenter import STAGES, Decoder, predict
from wsss_lite.nets.trunk import Trunk

KIND = "wsss-lite segmenter 1"
BATCH = 4  # pictures at a time
WRONG = (
    OSError,
    SafetensorError,
    RuntimeError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
)  # what a damaged file makes libraries raise; RecursionError is a RuntimeError


class Segmenter:
    """trunk: a `Trunk`; decoder: of `train_segmenter`; classes: names of the mask values 1..C."""

    def __init__(self, trunk, decoder, classes):
        self.trunk, self.decoder, self.classes = trunk, decoder.eval(), tuple(classes)

    @classmethod
    def of(cls, lab, labels=None, **recipe):
        """The segmenter of a lab: the one of its last run, else trained on the run's pseudo masks.

        A folder without masks has no score and its runs train none, so this does. labels: {picture:
        (H, W) uint8} to train on instead; recipe: see `train_segmenter`.
        """
        last = getattr(lab, "last", {})
        decoder = None if labels is not None or recipe else last.get("decoder")
        if decoder is None:
            labels = last.get("labels") if labels is None else labels
            if not labels:
                raise InputError("There are no labels to learn from; run a method up to `pseudo`.")
            decoder = lab.fit(labels, **recipe)
        return cls(lab.trunk, decoder, lab.world.classes)

    def __call__(self, picture):
        """(H, W) uint8 class numbers of a (H, W, 3) uint8 picture."""
        return next(self.masks([picture]))

    def masks(self, pictures):
        """Yield the mask of each of many pictures, a few at a time."""
        pictures = iter(pictures)
        while batch := list(islice(pictures, BATCH)):
            found = self.trunk(batch, STAGES)
            # as the cache keeps features, so that a mask does not depend on where it is made
            features = [found[stage].half().float().cpu().numpy() for stage in STAGES]
            yield from predict(self.decoder, features, [p.shape[:2] for p in batch])

    def save(self, path):
        """Write a .safetensors file; returns the path."""
        tensors = {f"decoder.{k}": v for k, v in self.decoder.state_dict().items()}
        plain = Trunk(self.trunk.name, size=self.trunk.size, stride=self.trunk.stride, device="cpu")
        if plain.fingerprint() != self.trunk.fingerprint():
            state = self.trunk.model.state_dict()
            tensors |= {f"trunk.{k}": v for k, v in state.items()}
        facts = {
            "classes": self.classes, "trunk": self.trunk.name, "size": self.trunk.size,
            "stride": self.trunk.stride, "fingerprint": self.trunk.fingerprint(),
        }  # fmt: skip
        tensors = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
        with atomic(path) as part:
            save_file(tensors, part, {"kind": KIND, "facts": json.dumps(facts)})
        return path

    @classmethod
    def load(cls, path):
        """Read what `save` wrote. InputError: missing, damaged, another kind of file or trunk."""
        facts, tensors = read(path)
        state = below(tensors, "decoder.")
        with complaining(path):
            decoder = shaped(state, len(facts["classes"]) + 1)
            decoder.load_state_dict(state)
            trunk = Trunk(facts["trunk"], size=facts["size"], stride=facts["stride"])
            if own := below(tensors, "trunk."):
                trunk.model.load_state_dict(own)
        if trunk.fingerprint() != facts["fingerprint"]:
            raise InputError(
                f"{path} was trained on other weights of {facts['trunk']} than are on this "
                "machine; train it again here, or install those weights."
            )
        return cls(trunk, decoder.to(trunk.device), facts["classes"])


def read(path):
    """(facts, {name: tensor}) of a segmenter's file. InputError: damaged, or another kind."""
    with complaining(path), safe_open(path, "pt") as stream:
        about = stream.metadata() or {}
        if about.get("kind") != KIND:
            raise InputError(f"{path} is no segmenter of this program; `--save` writes one.")
        facts = json.loads(about["facts"])
        if not sensible(facts):
            raise ValueError("what it says of itself makes no sense")
        return facts, {name: stream.get_tensor(name) for name in stream.keys()}


@contextlib.contextmanager
def complaining(path):
    """What goes wrong within, with a file that somebody gave, is an InputError that names it."""
    try:
        yield
    except InputError as error:
        if str(path) in str(error):
            raise
        raise InputError(f"{path} cannot be used here: {error}") from error
    except WRONG as error:
        why = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path} cannot be read ({why}); give a segmenter written by `--save`."
        ) from error


def sensible(facts):
    """Whether the facts of a file are of the kinds and ranges that `save` writes."""
    kinds = {"classes": list, "trunk": str, "size": int, "stride": int, "fingerprint": str}
    if not isinstance(facts, dict) or any(type(facts.get(k)) is not t for k, t in kinds.items()):
        return False
    names = facts["classes"]
    named = 1 <= len(names) <= 254 and all(isinstance(name, str) for name in names)
    return named and facts["stride"] in (8, 16, 32) and 32 <= facts["size"] <= 2048


def below(tensors, prefix):
    """The tensors whose names begin with a prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def shaped(state, classes):
    """A `Decoder` whose layers have the sizes of a state's tensors, with fresh weights."""
    fine = state["fine.0.weight"].shape[1]
    coarse = [state[f"project.{k}.0.weight"].shape[1] for k in range(len(STAGES) - 1)]
    with torch.random.fork_rng(devices=[]):
        return Decoder([fine, *coarse], classes, width=state["narrow.weight"].shape[1])
