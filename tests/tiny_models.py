"""Tiny models of the real architectures, in the folders that their own libraries write.

Nothing is trained: the weights are random, but they are weights, saved and read back.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from wsss_lite.assist import real

SIZES = ((37, 91), (200, 133), (64, 64))  # height, width: odd on purpose
TEXT = {"context_length": 16, "vocab_size": 49408, "width": 8, "heads": 2, "layers": 1}
TOWERS = {
    "vit": {"image_size": 32, "patch_size": 8, "width": 32, "layers": 3, "head_width": 16},
    "resnet": {"image_size": 64, "layers": [1, 1, 1, 1], "width": 8, "head_width": 8},
    "timm": {"image_size": 64, "timm_model_name": "test_efficientnet", "timm_pool": "avg",
             "timm_proj": "linear"},
    "timm-vit": {"image_size": 160, "timm_model_name": "test_vit", "timm_pool": "avg",
                 "timm_proj": "linear"},
}  # fmt: skip
PREPROCESS = {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.25, 0.3], "interpolation": "bicubic"}
WORDS = ("cat", "dog", "a", "red", "car", "person")


def pictures():
    """Three pictures of odd sizes with blobs, (H, W, 3) uint8."""
    rng = np.random.default_rng(0)
    found = []
    for height, width in SIZES:
        y, x = np.mgrid[:height, :width]
        blob = 120 * np.exp(-((x - width / 3) ** 2 + (y - height / 2) ** 2) / (height * 4))
        noise = rng.integers(0, 100, (height, width, 3))
        found.append((noise + blob[..., None]).clip(0, 255).astype(np.uint8))
    return found


def clip_config(tower="vit"):
    return {"embed_dim": 16, "vision_cfg": dict(TOWERS[tower]), "text_cfg": dict(TEXT)}


def clip_folder(folder, tower="vit"):
    """A CLIP in open_clip's layout; returns its folder."""
    clip = real.library("open_clip")
    torch.manual_seed(0)
    model = clip.CLIP(**clip_config(tower))
    for module in model.modules():  # CLIP's ResNet starts each block at zero
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    config = {"model_cfg": clip_config(tower), "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return folder


def sam_folder(folder):
    """A SAM for pictures of 64 pixels, as `save_pretrained` leaves it; returns its folder."""
    hub = real.library("transformers")
    vision = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64,
        "patch_size": 8, "output_channels": 32, "num_pos_feats": 16, "mlp_dim": 32,
        "window_size": 4, "global_attn_indexes": [1], "initializer_range": 0.1,
    }  # fmt: skip
    prompt = {"hidden_size": 32, "image_size": 64, "patch_size": 8, "mask_input_channels": 4}
    decoder = {"hidden_size": 32, "mlp_dim": 32, "num_hidden_layers": 2,
               "num_attention_heads": 2, "iou_head_hidden_dim": 16}  # fmt: skip
    torch.manual_seed(0)
    config = hub.SamConfig(
        vision_config=vision, prompt_encoder_config=prompt, mask_decoder_config=decoder,
        initializer_range=0.1,
    )  # fmt: skip
    model = hub.SamModel(config)
    with torch.no_grad():  # masks that are sure of themselves, so that a threshold cuts them
        for mlp in model.mask_decoder.output_hypernetworks_mlps:
            mlp.proj_out.weight.mul_(500)
        model.mask_decoder.iou_prediction_head.proj_out.bias.fill_(0.9)
    sides = {"height": 64, "width": 64}
    processor = hub.SamProcessor(
        hub.SamImageProcessor(size={"longest_edge": 64}, pad_size=sides)
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return Path(folder)


def dino_folder(folder):
    """A Grounding DINO with 12 queries and a vocabulary of `WORDS`; returns its folder."""
    hub = real.library("transformers")
    backbone = hub.SwinConfig(
        image_size=64, embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 1, 1], window_size=4,
        out_indices=[2, 3, 4],
    )  # fmt: skip
    text = hub.BertConfig(
        vocab_size=1100, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=16, max_position_embeddings=64,
    )  # fmt: skip
    config = hub.GroundingDinoConfig(
        backbone_config=backbone, text_config=text, d_model=64, encoder_layers=1,
        decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=12, max_text_len=32,
        disable_custom_kernels=True, init_std=0.1,
    )  # fmt: skip
    torch.manual_seed(0)
    model = hub.GroundingDinoForObjectDetection(config)
    processor = hub.GroundingDinoProcessor(
        hub.GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96}),
        tokenizer(hub),
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return Path(folder)


def tokenizer(hub):
    """BERT's tokenizer with few words; the special ones where Grounding DINO expects them."""
    words = [f"[unused{i}]" for i in range(1100)]
    special = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]", 1012: "."}
    for place, word in (special | dict(enumerate(WORDS, 500))).items():
        words[place] = word
    return hub.BertTokenizer(vocab={word: place for place, word in enumerate(words)})


def in_cache(cache, repository, folder):
    """Put the files of a folder where huggingface_hub would have downloaded them."""
    base = Path(cache) / f"models--{repository.replace('/', '--')}"
    snapshot = base / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    snapshot.mkdir(parents=True)
    for file in Path(folder).iterdir():
        (snapshot / file.name).write_bytes(file.read_bytes())
    (base / "refs").mkdir()
    (base / "refs" / "main").write_text(snapshot.name)
    return snapshot
