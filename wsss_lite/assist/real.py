"""What the adapters to the real large models share.

    folder = folder_of("facebook/sam-vit-base")    where its files lie on this machine
    need_weights(name, source)                     InputError for a randomly initialised model

Nothing here opens a connection but `fetch_model`, which is asked to. A name is looked up in the
caches that open_clip and huggingface_hub fill; where it is not there, one sentence says what to
fetch and how.
"""

import contextlib
import importlib
from dataclasses import dataclass
from pathlib import Path

from wsss_lite import _compat
from wsss_lite.errors import InputError

PACKAGES = {"open_clip": "open-clip-torch", "transformers": "transformers"}
WEIGHTS = ("model.safetensors", "model.safetensors.index.json",
           "pytorch_model.bin", "pytorch_model.bin.index.json")  # fmt: skip
PARTS = ("*.json", "*.txt", "*.safetensors")  # of a repository; no second copy of the weights


@dataclass(frozen=True)
class Published:
    """A repository of the Hugging Face hub. files: patterns; megabytes: about."""

    repository: str
    files: tuple
    megabytes: int


# What `wsss-lite fetch` knows by a short name. Not run against the live hub by us.
MODELS = {
    "clip": Published("timm/vit_base_patch16_clip_224.openai", ("*.safetensors",), 600),
    "sam": Published("facebook/sam-vit-base", PARTS, 375),
    "grounding-dino": Published("IDEA-Research/grounding-dino-tiny", PARTS, 690),
}


def library(name):
    """The module `open_clip` or `transformers`. InputError where it is not installed."""
    _compat.mend_torchvision()  # both import it
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise InputError(
            f"The real models need the package {PACKAGES[name]}: `pip install {PACKAGES[name]}`."
        ) from error


@contextlib.contextmanager
def hub_offline(offline=True):
    """Within, huggingface_hub, and so open_clip, timm and transformers, ask no server."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE  # read from the environment once, when it was imported
    constants.HF_HUB_OFFLINE = offline
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def cached(repository, *names):
    """Path of the first of these files of a repository that lies in the hub's cache, else None."""
    from huggingface_hub import constants, try_to_load_from_cache

    for name in names:
        # the cache is named here because the function's own default is read at import
        path = try_to_load_from_cache(repository, name, cache_dir=constants.HF_HUB_CACHE)
        if isinstance(path, str):  # else None, or a mark that the hub has no such file
            return Path(path)
    return None


def folder_of(name):
    """The folder with config and weights of a transformers model: a local one, or in the cache.

    InputError: neither is there, or the folder lacks a file.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        config = cached(name, "config.json") if is_repository(name) else None
        if config is None:
            raise InputError(missing(name))
        folder = config.parent
    for wanted in (("config.json",), WEIGHTS):
        if not any((folder / file).is_file() for file in wanted):
            raise InputError(f"The folder {folder} has no {wanted[0]}; {remedy(name)}.")
    return folder


def is_repository(name):
    """Whether a name could be one of the hub: owner/name, and no folder here."""
    owner, _, rest = str(name).partition("/")
    named = owner and rest and "/" not in rest and ":" not in owner and owner[0] not in ".~"
    return bool(named) and not Path(name).is_dir()


def missing(name):
    """The sentence for weights that are not on this machine: what to fetch and how."""
    if not is_repository(name):
        return f"There is no folder {name}; give a folder with config.json and weights, or a name."
    return f"The weights of {name} are not on this machine; {remedy(name)}."


def remedy(name, file=None, damaged=False):
    """What to do to get a model: half a sentence. file: the only one that is needed."""
    if not is_repository(name):
        return "copy it again from where it came, or load a model by its name"
    short = [(key, model) for key, model in MODELS.items() if model.repository == str(name)]
    ours = "".join(f"`wsss-lite fetch {key}` ({m.megabytes} MB) or " for key, m in short)
    theirs = f"`hf download {name}{' ' + file if file else ''}`"
    first = "delete it, " if damaged else ""  # the hub's own commands keep what is there
    return f"{first}run {ours}{theirs} where there is a network, or give a local folder"


def need_weights(name, source):
    """InputError unless the weights came from somewhere: random ones give no scores."""
    if source is None:
        raise InputError(
            f"{name} has random weights, so its answers would mean nothing; load it by its name "
            "or from a folder with weights."
        )


def from_folder(name, model_class, processor_class):
    """(model in eval mode, processor, folder) of transformers classes, read from this disk only.

    InputError: not there, damaged, of another architecture, or weights for a part of it only.
    Pickled code is never run, safetensors are preferred.
    """
    folder = folder_of(name)
    transformers = library("transformers")
    with hub_offline(), readable(folder, remedy(name, damaged=True)), quiet(transformers):
        processor = getattr(transformers, processor_class).from_pretrained(
            folder, local_files_only=True
        )
        model, found = getattr(transformers, model_class).from_pretrained(
            folder, local_files_only=True, weights_only=True, output_loading_info=True
        )
    lacking = sorted(found["missing_keys"]) + [str(k[0]) for k in found["mismatched_keys"]]
    if lacking:
        raise InputError(
            f"The weights in {folder} fill only a part of {model_class}: {len(lacking)} tensors "
            f"are missing, the first is {lacking[0]}; {remedy(name, damaged=True)}."
        )
    return model.float().eval().requires_grad_(False), processor, folder


@contextlib.contextmanager
def quiet(transformers):
    """No bars and no table of loaded keys: what matters of them becomes our one sentence."""
    logs = transformers.utils.logging
    level, bars = logs.get_verbosity(), logs.is_progress_bar_enabled()
    logs.set_verbosity_error()
    logs.disable_progress_bar()
    try:
        yield
    finally:
        logs.set_verbosity(level)
        if bars:
            logs.enable_progress_bar()


@contextlib.contextmanager
def readable(place, todo):
    """Whatever a library raises on damaged or foreign files becomes one sentence.

    place: the file or folder that is read; todo: half a sentence, see `remedy`.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # json, safetensors, pickle, torch, ... each its own kind
        raise InputError(
            f"{place} does not hold a complete, undamaged model ({first_line(error)}); {todo}."
        ) from error


def first_line(error, length=160):
    """What an exception says, cut to one line that fits into a sentence."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:length].rstrip(".")


def device_of(device=None):
    """A torch device: the one given, else the GPU where there is one."""
    import torch

    return torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))


def fetch_model(key):
    """Download a model of `MODELS` into the hub's own cache; returns its folder. Resumes.

    InputError: no connection, or whatever else the hub answers.
    """
    from huggingface_hub import constants, snapshot_download

    model = MODELS[key]
    with hub_offline(False):
        try:
            folder = snapshot_download(
                model.repository,
                allow_patterns=list(model.files),
                cache_dir=constants.HF_HUB_CACHE,
            )
        except Exception as error:  # the hub raises a dozen kinds
            raise InputError(
                f"Could not fetch {model.repository} ({first_line(error)}); check the "
                "network and run the same command again, it goes on from there."
            ) from error
    return Path(folder)
