"""Grounding DINO (Liu et al., ECCV 2024): from texts to boxes.

    grounder = load("IDEA-Research/grounding-dino-tiny")            or a folder of transformers

    grounder.boxes(image, ["cat", "dog"])        list of `Grounded`, the best first
"""

from typing import NamedTuple

import numpy as np

from wsss_lite.assist import real
from wsss_lite.data.world import Box
from wsss_lite.errors import InputError

BOX_THRESHOLD = TEXT_THRESHOLD = 0.25  # transformers' own


class Grounded(NamedTuple):
    """box: in pixels, half-open, its `cls` is the number of the text (1..K); score: 0..1."""

    box: Box
    text: str
    score: float


class Grounder:
    """What every grounder offers."""

    name = ""

    def boxes(self, image, texts, box_threshold=BOX_THRESHOLD, text_threshold=TEXT_THRESHOLD):
        """List of `Grounded`, the best first, of what the K texts name in a (H, W, 3) picture.

        box_threshold: the least score of a box. text_threshold: what its text has to reach by
        itself, else nobody knows what the box shows, and it is left out.
        """
        raise NotImplementedError


def pixel_box(cls, corners, size):
    """`Box` of four real corners x0, y0, x1, y1, rounded, inside a (H, W) picture, not empty."""
    height, width = size
    x0, y0, x1, y1 = (int(round(float(v))) for v in corners)
    x0, y0 = min(max(x0, 0), width - 1), min(max(y0, 0), height - 1)
    return Box(cls, x0, y0, min(max(x1, x0 + 1), width), min(max(y1, y0 + 1), height))


def cleaned(texts):
    """The texts as Grounding DINO was trained on them: lower case, without a full stop.

    InputError: none, an empty one, or one with a stop or a question mark inside, which would
    cut it in two.
    """
    found = [text.strip().rstrip(".").strip().lower() for text in texts]
    bad = [text for text, clean in zip(texts, found) if not clean or set(clean) & set(".?")]
    if bad or not found:
        given = repr(bad[0]) if bad else "nothing"
        raise InputError(f"A grounder was given {given}; give words such as 'cat', one a text.")
    return found


class GroundingDino(Grounder):
    """transformers' GroundingDinoForObjectDetection with its processor.

    source: where the weights came from; None means that they are random, and then `boxes`
    raises InputError.
    """

    def __init__(self, model, processor, name, source=None, device=None):
        self.device = real.device_of(device)
        self.model, self.processor = model.eval().requires_grad_(False).to(self.device), processor
        self.name, self.source = name, source

    def boxes(self, image, texts, box_threshold=BOX_THRESHOLD, text_threshold=TEXT_THRESHOLD):
        import torch
        from PIL import Image

        real.need_weights(self.name, self.source)
        texts = [texts] if isinstance(texts, str) else list(texts)
        words, picture = cleaned(texts), Image.fromarray(np.asarray(image))
        size = (picture.height, picture.width)
        inputs = self.processor(images=picture, text=[words], return_tensors="pt")
        spans = self.spans(inputs["input_ids"], len(words))
        with torch.inference_mode():
            output = self.model(**inputs.to(self.device))
        found = self.processor.post_process_grounded_object_detection(
            output, inputs["input_ids"], box_threshold, text_threshold, [size]
        )[0]
        tokens = output.logits[0].sigmoid()  # (queries, tokens)
        tokens = tokens[tokens.amax(1) > box_threshold].cpu()  # those of `found`, in its order
        scores = torch.stack([tokens[:, span].amax(1) for span in spans], 1)  # (n, K)
        best, which = scores.max(1)
        rows = zip(best.tolist(), which.tolist(), found["boxes"].cpu(), found["scores"].tolist())
        return sorted(
            (Grounded(pixel_box(k + 1, box, size), texts[k], score)
             for text_score, k, box, score in rows if text_score > text_threshold),
            key=lambda g: -g.score,
        )  # fmt: skip

    def spans(self, ids, count):
        """Positions of each text's tokens in (1, L) token numbers, a (L,) bool tensor a text.

        The model itself cuts a prompt at these special tokens. InputError: too long a prompt.
        """
        import torch
        from transformers.models.grounding_dino import modeling_grounding_dino as dino

        most = self.model.config.max_text_len
        if ids.shape[1] > most:
            raise InputError(
                f"The {count} texts make {ids.shape[1]} tokens but {self.name} takes {most}; "
                "ask for fewer at a time."
            )
        room = torch.zeros(1, 1, most)
        groups = dino.build_label_maps(room, ids)[0].bool()
        if len(groups) != count:
            raise InputError(
                f"{self.name} reads the {count} texts as {len(groups)}; leave out punctuation."
            )
        return list(groups)


def load(name, device=None):
    """`Grounder` of a real Grounding DINO by name: one of the hub's, or a folder.

    InputError: not on this machine, damaged, or only a part of the weights.
    """
    model, processor, folder = real.from_folder(
        name, "GroundingDinoForObjectDetection", "GroundingDinoProcessor"
    )
    return GroundingDino(model, processor, name, str(folder), device)
