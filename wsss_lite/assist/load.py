"""An assistant by its name: "pocket" for the project's own, else a real model on this machine.

    clip = load_clip()                            load_clip("ViT-B-16/openai")
    sam = load_sam()                              load_sam("facebook/sam-vit-base")
    grounder = load_grounder()                    load_grounder("IDEA-Research/grounding-dino-tiny")
    tagger = load_tagger()                        load_tagger("ViT-B-16/openai", words=[...])

All raise InputError where the name is unknown, the weights are not here, damaged or only a part.
"""

from wsss_lite.assist import clip, grounding, sam, tagging  # the real ones
from wsss_lite.assist import pocket_clip, pocket_grounder, pocket_sam, pocket_tagger


def load_clip(name="pocket", pretrained=None, device=None):
    """`Clip` by name: "pocket", an open_clip architecture and its tag, or "local-dir:PATH".

    `ViT-B-16/openai` in one string, a plain folder and "hf-hub:OWNER/NAME" (from the cache) do
    too, and "pocket-held-out", whose captions named neither birds nor horses.
    """
    if name in pocket_clip.WEIGHTS:
        return pocket_clip.load(name, device=device)
    return clip.load(name, pretrained, device)


def load_sam(name="pocket", device=None):
    """`Promptable` by name: "pocket", `facebook/sam-vit-base` or another of the hub's, a folder."""
    return pocket_sam.load() if name == "pocket" else sam.load(name, device)


def load_grounder(name="pocket", device=None):
    """`Grounder` by name: "pocket", "pocket-held-out", `IDEA-Research/...`, a folder."""
    if name in pocket_grounder.WEIGHTS:
        return pocket_grounder.load(name)
    return grounding.load(name, device)


def load_tagger(name="pocket", words=None, device=None):
    """`Tagger` by name: "pocket", or any name that `load_clip` knows, zero-shot on `words`.

    words: VOC's twenty classes by default.
    """
    if name == "pocket":
        return pocket_tagger.load()
    return tagging.ClipTagger(load_clip(name, device=device), words or tagging.voc_words())
