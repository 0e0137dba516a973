"""CLIP (Radford et al., ICML 2021): texts and pictures in one space.

    clip = load("ViT-B-16", "openai")               any open_clip model that is on this machine
    clip = load("local-dir:PATH")                   a folder in open_clip's layout

    clip.texts(["a photo of a cat"])                (K, D) float32, unit length
    clip.pictures([image])                          (N, D) float32, unit length
    cosines(clip.dense([image]), texts)             (N, K, h, w): where the picture is like a text
"""

import json
import os
from pathlib import Path

import numpy as np

from wsss_lite.assist import real
from wsss_lite.errors import InputError

BATCH = 16  # pictures or texts in one forward pass
CONFIG = "open_clip_config.json"
LOCAL, HUB = "local-dir:", "hf-hub:"


class Clip:
    """An open_clip model with its tokenizer and its preprocessing.

    source: where the weights came from; None means that they are random, and then every method
    raises InputError. Pictures are (H, W, 3) uint8 of any size.
    """

    def __init__(self, model, tokenizer, transform, name, source=None, device=None):
        self.device = real.device_of(device)
        self.model = model.eval().requires_grad_(False).to(self.device)
        self.tokenizer, self.transform = tokenizer, transform
        self.name, self.source = name, source

    @property
    def scale(self):
        """What a cosine is multiplied with before a softmax."""
        real.need_weights(self.name, self.source)
        return float(self.model.logit_scale.exp())

    @property
    def tower(self):
        from wsss_lite.assist.towers import tower_of

        return tower_of(self.model.visual)

    def texts(self, texts):
        """(K, D) float32, unit length."""
        if isinstance(texts, str):
            texts = [texts]
        return self._rows(list(texts), self.tokenizer, self.model.encode_text)

    def pictures(self, pictures):
        """(N, D) float32, unit length, of a list of pictures, preprocessed as in training.

        That is often a crop from the middle: what `dense` sees in full may be cut off here.
        """
        return self._rows(list(pictures), self.batch, self.model.encode_image)

    def trunk_rows(self, view):
        """(N, D) float32, unit length: `pictures` of a view, in the order of `view.ids`."""
        blocks = (view.ids[i : i + BATCH] for i in range(0, len(view.ids), BATCH))
        rows = [self.pictures([view.image(id) for id in block]) for block in blocks]
        return np.concatenate(rows)

    def batch(self, pictures, size=None):
        """(N, 3, S, S) as in training; with a size, (N, 3, H, W) of the whole picture squashed.

        size: a side or (H, W), each rounded up to a multiple of the tower's patch.
        """
        import torch
        from PIL import Image

        transform = self.transform if size is None else self.squash(size)
        return torch.stack([transform(Image.fromarray(np.asarray(p))) for p in pictures])

    def squash(self, size):
        """open_clip's own preprocessing, but to a given size, without a crop."""
        from open_clip.transform import PreprocessCfg, image_transform_v2

        height, width = (size, size) if isinstance(size, int) else size
        step = self.tower.step
        sides = (-(-int(height) // step) * step, -(-int(width) // step) * step)
        config = {**self.model.visual.preprocess_cfg, "size": sides, "resize_mode": "squash"}
        return image_transform_v2(PreprocessCfg(**config), is_train=False)

    def dense(self, pictures, size=None):
        """(N, D, h, w) float32: every position of the whole picture in the joint space.

        Not of unit length; `cosines` compares it with texts. Of a ViT the value path of the last
        block, as in MaskCLIP (Zhou et al., ECCV 2022); else the projected last map. size: of the
        input, as in `batch`; by default the square that the model was trained on.
        """
        import torch

        real.need_weights(self.name, self.source)
        with torch.inference_mode():
            return self.tower.dense(self._whole(pictures, size)).float().cpu().numpy()

    def dense_rows(self, view, size=100):
        """Yield (slice, (n, D, h, w) float32) through a view: `dense` of its pictures."""
        for start in range(0, len(view.ids), size):
            ids = view.ids[start : start + size]
            parts = [self.dense([view.image(id)]) for id in ids]
            yield slice(start, start + len(ids)), np.concatenate(parts)

    def last_block(self, pictures, size=None):
        """`LastBlock` of the pictures for Grad-CAM; all of them torch tensors on `device`.

            last = clip.last_block([image])
            score = (last.embed(last.activations) @ texts.T)[0, k]
            (gradient,) = torch.autograd.grad(score, last.activations)
            weights = last.maps(gradient).mean((2, 3))              (N, C)

        For CLIP-ES (Lin et al., CVPR 2023) `score` is a softmax over class and background texts.
        """
        real.need_weights(self.name, self.source)
        return self.tower.last(self._whole(pictures, size))

    def attention(self, pictures, size=None):
        """(B, N, L, L) float32: attention weights of the B blocks of a ViT, heads averaged.

        L = 1 + hw; token 0 is the class token. InputError for a tower without attention.
        """
        import torch

        real.need_weights(self.name, self.source)
        with torch.inference_mode():
            return self.tower.attention(self._whole(pictures, size)).float().cpu().numpy()

    def _whole(self, pictures, size):
        size = size or self.model.visual.preprocess_cfg["size"]
        return self.batch(pictures, size).to(self.device)

    def _rows(self, items, prepare, encode):
        import torch

        real.need_weights(self.name, self.source)
        if not items:
            raise InputError(f"There is nothing for {self.name} to embed; give at least one.")
        rows = []
        with torch.inference_mode():
            for start in range(0, len(items), BATCH):
                inputs = prepare(items[start : start + BATCH]).to(self.device)
                rows.append(encode(inputs, normalize=True).float().cpu().numpy())
        return np.concatenate(rows)


def cosines(dense, texts):
    """(N, K, h, w) cosine of every position of (N, D, h, w) with every row of (K, D)."""
    length = np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    texts = texts / np.linalg.norm(texts, axis=1, keepdims=True)
    return np.einsum("kd,ndhw->nkhw", texts, dense / length)


# Loading


def load(name, pretrained=None, device=None):
    """`Clip` of a real model by name, as `load_clip` takes it.

    InputError: an unknown name, no weights on this machine, damaged or partial weights.
    """
    open_clip = real.library("open_clip")
    if pretrained is None and "/" in name and name.partition("/")[0] in open_clip.list_models():
        name, _, pretrained = name.partition("/")
    if name.startswith((LOCAL, HUB)) or Path(name).expanduser().is_dir():
        return from_folder(name, device)
    return from_tag(name, pretrained, device)


def from_folder(name, device=None):
    """`Clip` of a folder in open_clip's layout: open_clip_config.json beside the weights."""
    folder, repository = folder_of(name)
    todo = real.remedy(repository or folder, damaged=True)
    with real.hub_offline(), real.readable(folder, todo):
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        tokens = config["model_cfg"]["text_cfg"].get("tokenizer_kwargs", {})
        bpe = tokens.get("bpe_path")
        # open_clip would look for a relative path below the current folder
        beside = {"bpe_path": str(folder / bpe)} if bpe and not Path(bpe).is_absolute() else {}
        return build(f"{LOCAL}{folder}", name, str(folder), device, beside)


def folder_of(name):
    """(folder, repository or None) of a name with a prefix. InputError: no such, or no config."""
    repository = name.removeprefix(HUB) if name.startswith(HUB) else None
    if repository:
        config = real.cached(repository, CONFIG)
        if config is None:
            raise InputError(real.missing(repository))
        return config.parent, repository
    folder = Path(name.removeprefix(LOCAL)).expanduser()
    if not (folder / CONFIG).is_file():
        raise InputError(
            f"There is no {folder / CONFIG}; give a folder that open_clip has written, or the "
            "name of an architecture with a tag (`ViT-B-16/openai`)."
        )
    return folder, None


def from_tag(name, tag, device=None):
    """`Clip` of a published architecture and tag, from the caches of this machine."""
    open_clip = real.library("open_clip")
    tags = open_clip.list_pretrained_tags_by_model(name)
    if name not in open_clip.list_models():
        raise InputError(
            f"open_clip has no model {name!r}; `python -c 'import open_clip; "
            "print(open_clip.list_pretrained())'` lists names and tags."
        )
    config = open_clip.get_pretrained_cfg(name, tag) if tag else None
    if not config:
        wrong = f"there is no {tag!r}" if tag else "without weights its answers mean nothing"
        raise InputError(f"Say which weights of {name}: {', '.join(tags)}; {wrong}.")
    path = weights_of(config)
    if path is None:
        raise InputError(
            f"The weights of {name}/{tag} are not on this machine; {how_to_get(config)}."
        )
    keys = ("mean", "std", "interpolation", "resize_mode")
    options = {
        "pretrained": str(path),
        "force_preprocess_cfg": {key: config[key] for key in keys if key in config},
        # open_clip only warns when an architecture's activation is not that of its weights
        "force_quick_gelu": config.get("quick_gelu", False),
    }
    with real.hub_offline(), real.readable(path, how_to_get(config, damaged=True)):
        return build(name, f"{name}/{tag}", str(path), device, **options)


def weights_of(config):
    """The weights file of a tag where open_clip's own download would have put it, else None."""
    from open_clip import constants

    repository, file = os.path.split(config.get("hf_hub", ""))
    if repository:
        file = file or constants.HF_WEIGHTS_NAME
        safe = {constants.HF_WEIGHTS_NAME: constants.HF_SAFE_WEIGHTS_NAME}
        names = (safe.get(file, str(Path(file).with_suffix(".safetensors"))), file)
        return real.cached(repository, *names)
    path = Path("~/.cache/clip").expanduser() / os.path.basename(config["url"])
    return path if path.is_file() else None


def how_to_get(config, damaged=False):
    """What to do to get the weights of a tag: half a sentence."""
    from open_clip import constants

    repository, file = os.path.split(config.get("hf_hub", ""))
    if repository:
        return real.remedy(repository, file or constants.HF_SAFE_WEIGHTS_NAME, damaged)
    target = f"~/.cache/clip/{os.path.basename(config['url'])}"
    return f"run `curl -L --create-dirs -o {target} {config['url']}` where there is a network"


def build(model_name, name, source, device, tokens=None, **options):
    """`Clip` through open_clip's own functions; `require_pretrained` refuses random weights."""
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2

    model = open_clip.create_model(
        model_name, require_pretrained=True, weights_only=True, pretrained_text=False, **options
    )
    tokenizer = open_clip.get_tokenizer(model_name, **(tokens or {}))
    transform = image_transform_v2(
        PreprocessCfg(**model.visual.preprocess_cfg), is_train=False
    )
    return Clip(model, tokenizer, transform, name, source, device)
