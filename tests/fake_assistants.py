"""Assistants without weights, which answer from what they were told: for tests of the methods."""

import zlib

import numpy as np
import torch

from wsss_lite.assist.grounding import Grounded, Grounder
from wsss_lite.assist.sam import Embedding, Found, Promptable
from wsss_lite.assist.tagging import Tagger, spoken
from wsss_lite.data.voc import objects, tight_boxes


class FakeClip:
    """A pocket CLIP with random layers: a text's vector depends on its letters only."""

    name, scale, space = "pocket-fake", 20.0, 16

    def __init__(self, channels=1280, seed=0):
        draw = torch.Generator().manual_seed(seed)
        self.layer = (torch.randn(self.space, channels, generator=draw) / channels**0.5,
                      0.1 * torch.randn(self.space, generator=draw))  # fmt: skip

    def texts(self, texts):
        rows = [np.random.default_rng(zlib.crc32(t.encode())).normal(size=self.space)
                for t in texts]  # fmt: skip
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)

    def trunk_rows(self, view):
        pooled = torch.from_numpy(view.features("pooled")[:])
        rows = torch.nn.functional.linear(pooled, *self.layer)
        return torch.nn.functional.normalize(rows, dim=-1).numpy()


def key(image):
    return zlib.crc32(np.ascontiguousarray(image).tobytes())


class Knowing:
    """What is in the pictures of a world, looked up by their pixels."""

    def __init__(self, world, ids):
        self.classes = world.classes
        self.known = {key(world.image(i)): (world.mask(i), world.instances(i)) for i in ids}

    def names(self, image):
        return [self.classes[c - 1] for c in np.unique(self.known[key(image)][0]) if 0 < c < 255]


class FakeTagger(Knowing, Tagger):
    """Tells what is there but for the class `misses`, and `adds` where it is not."""

    misses = adds = None

    def tags(self, image):
        names = set(self.names(image)) - {self.misses} | {self.adds} - {None}
        return [(spoken(name), 0.8) for name in sorted(names)] + [("unicorn", 0.9)]


class FakeGrounder(Knowing, Grounder):
    """The true boxes of the words that it is asked for, but for those of the class `misses`.

    `heard` collects the questions with their thresholds. A missed class has a score of .1.
    """

    misses = None

    def __init__(self, world, ids):
        super().__init__(world, ids)
        self.heard = []

    def boxes(self, image, texts, box_threshold=0.25, text_threshold=0.25):
        self.heard.append((list(texts), box_threshold, text_threshold))
        found = []
        for box in tight_boxes(*self.known[key(image)]):
            name = self.classes[box.cls - 1]
            score = 0.1 if name == self.misses else 0.9
            if spoken(name) in texts and score > box_threshold:
                number = texts.index(spoken(name)) + 1
                inside = type(box)(number, box.x0, box.y0, box.x1, box.y1)
                found.append(Grounded(inside, texts[number - 1], score))
        return sorted(found, key=lambda g: -g.score)


class FakeSam(Promptable):
    """An ellipse in each box; of everything, quarters of the picture."""

    def encode(self, image):
        return Embedding(image.shape[:2], None)

    def logits(self, embedding, boxes=None, points=None, labels=None):
        height, width = embedding.size
        y, x = np.mgrid[:height, :width] + 0.5
        planes = []
        for b in boxes:
            dy, dx = (b.y0 + b.y1) / 2 - y, (b.x0 + b.x1) / 2 - x
            planes.append(1 - (2 * dy / (b.y1 - b.y0)) ** 2 - (2 * dx / (b.x1 - b.x0)) ** 2)
        return np.stack(planes)[:, None].astype(np.float32), np.full((len(boxes), 1), 0.9)

    def everything(self, image, grid=8, batch=64):
        found, (h, w) = [], (n // 2 for n in image.shape[:2])
        for top in (0, h):
            for left in (0, w):
                mask = np.zeros(image.shape[:2], bool)
                mask[top : top + h, left : left + w] = True
                found.append(Found(mask, 0.9, (left, top)))
        return found


class TrueSam(Knowing, FakeSam):
    """Of everything, the true objects, and what they leave over."""

    def everything(self, image, grid=8, batch=64):
        mask, instances = self.known[key(image)]
        found = []
        for _, window, pixels in objects(mask, instances):
            whole = np.zeros(mask.shape, bool)
            whole[window] = pixels
            found.append(Found(whole, 0.9, (0, 0)))
        return [*found, Found(mask == 0, 0.9, (0, 0))]
