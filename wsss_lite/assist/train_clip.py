"""How the pocket CLIP is made: `python -m wsss_lite.assist.train_clip`.

InfoNCE between pictures of the corpus and captions of them, drawn anew at every step. The trunk is
frozen, so each picture goes through it once; what is trained is one layer on its pooled features,
the text tower and the temperature. No class, tag or mask enters: a caption's own picture is its
only positive, and of the other pictures of a batch all count as negatives, also those that it
happens to describe.

The remake promises the recorded mean average precision within `TOLERANCE`, not the same bytes:
machines round differently.
"""

import argparse
import json
import logging
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from wsss_lite.assist import prompts, real, shipped, vocabulary
from wsss_lite.assist.captions import OMIT, caption, every_word, scene_facts
from wsss_lite.assist.pocket_clip import (CONFIG, FACTS, HELD_OUT, MERGES, REMAKE, SHIPPED, TOWERS,
                                          TRUNK, TRUNK_CONFIG, WEIGHTS, PocketClip, layout,
                                          tensors_hash, trunk_state, weights_folder)  # fmt: skip
from wsss_lite.data.corpus import Corpus
from wsss_lite.data.pocket import SPLITS, PocketVOC
from wsss_lite.files import atomic, cache_dir, sha256
from wsss_lite.nets.head import seeded
from wsss_lite.nets.rate import one_cycle
from wsss_lite.nets.trunk import LITE0, Trunk
from wsss_lite.progress import progress
from wsss_lite.score import average_precision

SIZE, STRIDE = 224, 16  # trunk input of the drawn scenes, as everywhere in the course
SPACE, WIDTH, LAYERS, CONTEXT = 128, 128, 2, 24
TOLERANCE = 0.03  # of the mean average precision, between two makes


# ------------------------------------------------------------------ the model, still untrained
def config(vocabulary_size, trunk):
    """The content of open_clip_config.json, the paths left to `layout`."""
    default = trunk.model.default_cfg
    return {
        "model_cfg": {
            "embed_dim": SPACE,
            "custom_text": True,  # the text tower as a module of its own
            "vision_cfg": {"timm_model_name": "", "timm_model_pretrained": False,
                           "timm_pool": "avg", "timm_proj": "linear", "timm_proj_bias": True,
                           "image_size": SIZE},
            "text_cfg": {"context_length": CONTEXT, "vocab_size": vocabulary_size, "width": WIDTH,
                         "heads": WIDTH // 32, "layers": LAYERS, "tokenizer_kwargs": {}},
        },
        "preprocess_cfg": {"size": SIZE, "mean": list(default["mean"]), "std": list(default["std"]),
                           "interpolation": "bilinear", "resize_mode": "squash"},
    }  # fmt: skip


def trunk_config(trunk):
    """The content of the trunk's own config.json, in timm's layout."""
    kept = ("mean", "std", "input_size", "pool_size", "first_conv", "classifier")
    known = {key: trunk.model.default_cfg[key] for key in kept}
    return {"architecture": LITE0, "num_classes": 1000, "model_args": {"output_stride": STRIDE},
            "pretrained_cfg": known}  # fmt: skip


def blank(folder, trunk, seed):
    """(model, tokenizer) in a new folder of open_clip's layout, weights drawn from the seed."""
    open_clip = real.library("open_clip")
    merges = Path(folder) / MERGES
    merges.parent.mkdir(exist_ok=True)
    vocabulary.write(merges, vocabulary.cut(every_word()))
    size = open_clip.tokenizer.SimpleTokenizer(bpe_path=str(merges)).vocab_size
    description = config(size, trunk)
    layout(folder, description, json.dumps(trunk_config(trunk), indent=1), merges.read_bytes())
    logging.getLogger().addFilter(not_about_weights)  # that there are none yet is no news
    with seeded(seed):
        model = open_clip.create_model(f"local-dir:{folder}")
    logging.getLogger().removeFilter(not_about_weights)
    model.lock_image_tower()
    return model, open_clip.get_tokenizer(f"local-dir:{folder}")


def not_about_weights(record):
    return "weights" not in record.getMessage()


# ------------------------------------------------------------------ training
def info_nce(pictures, texts, scale):
    """The contrastive loss of CLIP: each picture finds its caption, each caption its picture.

    pictures, texts: (B, D), unit length, row by row a pair; scale: 1 / temperature. Mean of two
    cross-entropies over B choices. Radford et al., ICML 2021; Oord et al., 2018.
    """
    logits = scale * pictures @ texts.T
    own = torch.arange(len(logits))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def embed_texts(model, tokens):
    """(B, D) unit vectors of (B, L) tokens; what is padding in all of them is not computed.

    The mask is causal and the vector is read at the last token, so what follows has no effect.
    """
    tower, mask = model.text, model.text.attn_mask
    length = int((tokens > 0).sum(1).max())
    tower.attn_mask = mask[:length, :length]
    try:
        return F.normalize(tower(tokens[:, :length]), dim=-1)
    finally:
        tower.attn_mask = mask


def embed_in_pieces(model, tokens, pieces=4):
    """The same, short sentences and long ones apart, so that little padding is computed."""
    order = (tokens > 0).sum(1).argsort()
    parts = [embed_texts(model, tokens[rows]) for rows in order.chunk(pieces)]
    return torch.cat(parts)[order.argsort()]


def batch_rows(facts, rng, size, together):
    """Row numbers of one batch; with the chance `together` all from one context.

    Among scenes of one context the place tells nothing, so the things have to.
    """
    rows = np.arange(len(facts))
    if rng.random() < together:
        context = facts[rng.integers(len(facts))].context
        rows = np.array([k for k, one in enumerate(facts) if one.context == context])
    return rng.choice(rows, min(size, len(rows)), replace=False)


def train(model, tokenizer, pooled, facts, without=(), seed=0, steps=800, batch=512, lr=2e-3,
          together=0.5, drop=0.1, weight_decay=0.05, omit=OMIT, after=None):  # fmt: skip
    """Train the projection, the text tower and the temperature; returns the losses.

    pooled: (N, F) of the scenes; facts: what can be said about them; without: classes that no
    caption names; together: see `batch_rows`; drop: share of the pooled channels that a step
    does not see; after: called with the step's number. One step costs about half a second.
    """
    pooled = torch.as_tensor(pooled, dtype=torch.float32)
    mean, std = pooled.mean(0), pooled.std(0).clamp(min=1e-2)
    pooled = (pooled - mean) / std
    head, losses = model.visual.head, []
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr, betas=(0.9, 0.98), weight_decay=weight_decay)
    schedule, rng = one_cycle(optimiser, lr, steps), np.random.default_rng(seed)
    with seeded(seed):
        for step in progress(range(steps), "pocket CLIP"):
            rows = batch_rows(facts, rng, batch, together)
            said = tokenizer([caption(facts[k], rng, omit, without=without) for k in rows])
            pictures = F.normalize(head(F.dropout(pooled[rows], drop)), dim=-1)
            loss = info_nce(pictures, embed_in_pieces(model, said), model.logit_scale.exp())
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            with torch.no_grad():
                model.logit_scale.clamp_(max=np.log(100))  # as CLIP does
            losses.append(loss.item())
            if after is not None:
                after(step)
    fold(head.proj, mean, std)
    return losses


@torch.no_grad()
def fold(layer, mean, std):
    """Let a layer that was trained on (x - mean) / std take x itself."""
    layer.weight.div_(std)
    layer.bias.sub_(layer.weight @ mean)


# ------------------------------------------------------------------ features and scores
def pooled_features(world, ids, trunk):
    """(N, F) float16 pooled features of a run of scenes, computed once and kept in the cache.

    Apart from the feature bank, which would keep `final` too: 2 GB for 4000 scenes.
    """
    key = f"{world.fingerprint()[:12]}-{trunk.fingerprint()[:12]}"
    path = cache_dir() / f"pooled-{key}-{ids[0]}-{ids[-1]}.npy"
    if not path.exists():
        parts = []
        for start in progress(range(0, len(ids), 4), "pooled features"):
            pictures = [world.image(id) for id in ids[start : start + 4]]
            parts.append(trunk(pictures, ("pooled",))["pooled"].half().cpu().numpy())
        with atomic(path) as temporary:
            np.save(temporary, np.concatenate(parts))
    return np.load(path)


def average_precisions(clip, pooled, tags, classes, **how):
    """(C,) average precision of each class, ranked by the cosine with its prompts; nan: no such."""
    scores = clip.pooled(pooled) @ prompts.class_texts(clip, classes, **how).T
    return np.array([average_precision(there, score) for there, score in zip(tags.T, scores.T)])


def measure(model, tokenizer, trunk):
    """What zero-shot classification of the validation scenes scores: rounded dict."""
    world = PocketVOC()
    ids, clip = world.ids("val"), PocketClip(model, tokenizer, None, "pocket", "just trained")
    pooled = pooled_features(world, ids, trunk)
    tags = np.array([world.tags(id) for id in ids])
    seen = average_precisions(clip, pooled, tags, world.classes)
    unseen = average_precisions(clip, pooled, tags, world.classes,
                                templates=prompts.HELD_OUT_TEMPLATES)  # fmt: skip
    return {"map_val": round(float(seen.mean()), 4),
            "map_val_unseen_templates": round(float(unseen.mean()), 4),
            "ap_val": {name: round(float(v), 4) for name, v in zip(world.classes, seen)},
            "tags_share_val": {name: round(float(v), 4)
                               for name, v in zip(world.classes, tags.mean(0))}}  # fmt: skip


# ------------------------------------------------------------------ making and writing
def make(name, trunk, scenes=None, seed=0, **recipe):
    """Train the model of that name; returns (model, tokenizer, folder with its configuration)."""
    world = Corpus(scenes or SPLITS["corpus"][0])
    ids = world.ids("corpus")
    pooled, known = pooled_features(world, ids, trunk), scene_facts(world, ids)
    folder = Path(tempfile.mkdtemp(prefix="pocket-clip-"))
    model, tokenizer = blank(folder, trunk, seed)
    without = HELD_OUT if name == "pocket-held-out" else ()
    train(model, tokenizer, pooled, known, without, seed, **recipe)
    return model, tokenizer, folder


def write(target, model, folder, trunk, facts):
    """The files that are shipped: towers in float16, configurations, vocabulary, facts."""
    from safetensors.torch import save_file

    state = {name: tensor.detach().half().contiguous()
             for name, tensor in model.state_dict().items() if not name.startswith(TRUNK)}
    description = json.loads((folder / CONFIG).read_text())
    description["model_cfg"]["vision_cfg"]["timm_model_name"] = "local-dir:trunk"
    description["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"bpe_path": MERGES}
    with atomic(target) as place:
        place.mkdir()
        save_file(state, place / TOWERS)
        (place / CONFIG).write_text(json.dumps(description, indent=1))
        shutil.copy(folder / "trunk" / "config.json", place / TRUNK_CONFIG)
        shutil.copy(folder / MERGES, place / MERGES)
        facts = facts | {"trunk": tensors_hash(trunk_state(trunk)), "remake": REMAKE,
                         "sha256": {file: sha256(place / file) for file in SHIPPED}}
        (place / FACTS).write_text(json.dumps(facts, indent=1))
        shutil.rmtree(target, ignore_errors=True)  # a folder cannot be renamed onto another


def main(arguments=None):
    """Make one or both models, compare with what was recorded, and write them."""
    parser = argparse.ArgumentParser(description="Remake the pocket CLIP.")
    parser.add_argument("names", nargs="*", default=list(WEIGHTS), help=", ".join(WEIGHTS))
    parser.add_argument("--out", type=Path, help="folder to write to, in place of data/weights")
    parser.add_argument("--force", action="store_true", help="write even if the score has moved")
    options = parser.parse_args(arguments)
    trunk = Trunk("lite0", size=SIZE, stride=STRIDE)
    for name in options.names:
        target = weights_folder(name)
        model, tokenizer, folder = make(name, trunk)
        scores = measure(model, tokenizer, trunk)
        print(f"{name}: {json.dumps(scores)}", flush=True)
        if not options.force:
            shipped.remade(target, "map_val", scores, TOLERANCE, name)
        left_out = list(HELD_OUT) if name == "pocket-held-out" else []
        facts = {"name": name, "held_out": left_out, "tolerance": TOLERANCE, **scores}
        out = shipped.target(target, options.out)
        write(out, model, folder, trunk, facts)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
