"""Words for a text tower: synonyms, templates, background prompts, and their embeddings.

    class_texts(clip, ("boat", "cat"))          one unit vector a class
    background_texts(clip)                      one a background prompt

Nothing here knows which model embeds the texts: `clip` is anything with `texts(list) -> (K, D)`.
"""

import numpy as np

# Other names of the same thing. The first is the name that the classes go by.
SYNONYMS = {
    "bird": ("bird", "songbird", "fowl"),
    "boat": ("boat", "ship", "vessel"),
    "car": ("car", "automobile", "motorcar"),
    "cat": ("cat", "kitty", "pussycat"),
    "dog": ("dog", "hound", "doggy"),
    "horse": ("horse", "pony", "steed"),
    "person": ("person", "human", "someone"),
    "train": ("train", "railway train", "locomotive"),
    # names of PASCAL VOC that a text tower reads otherwise than they are meant
    "aeroplane": ("aeroplane", "airplane", "plane"),
    "diningtable": ("dining table", "table"),
    "motorbike": ("motorbike", "motorcycle"),
    "pottedplant": ("potted plant", "plant in a pot"),
    "sofa": ("sofa", "couch"),
    "tvmonitor": ("television", "tv monitor", "screen"),
}

# "{}" takes the name with its article. The pocket model's captions use the first list only.
TEMPLATES = ("{}", "a photo of {}", "a picture of {}", "one can see {}", "I see {}",
             "an image that shows {}")  # fmt: skip
HELD_OUT_TEMPLATES = ("a drawing with {}", "look at {}", "a view of {} from a book")

# What lies around objects: prompts that take away what is not the object's.
BACKGROUND = ("water", "rails", "road", "grass", "sky", "room")
# The list of CLIP-ES (Lin et al., CVPR 2023), for photographs and real models.
PHOTO_BACKGROUND = ("ground", "land", "grass", "tree", "building", "wall", "sky", "lake", "water",
                    "river", "sea", "railway", "railroad", "keyboard", "helmet", "cloud", "house",
                    "mountain", "ocean", "road", "rock", "street", "valley", "bridge", "sign",
                    )  # fmt: skip


def with_article(name):
    """'a boat', 'an automobile'; names that stand without one are left ('someone')."""
    if name in ("someone",):
        return name
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def class_prompts(name, templates=TEMPLATES, synonyms=True):
    """Sentences about one class: each template with each of its names."""
    names = SYNONYMS.get(name, (name,))
    names = names if synonyms else names[:1]
    return [t.format(with_article(n)) for t in templates for n in names]


def background_prompts(name, templates=TEMPLATES):
    """Sentences about something that has no plural: no article."""
    return [t.format(name) for t in templates]


def fused(clip, sentences):
    """(K, D) float32: for each list of sentences the mean of its unit vectors, at unit length.

    Radford et al., ICML 2021, average the templates in this way; CLIP-ES the synonyms too.
    """
    vectors = np.asarray(clip.texts([s for group in sentences for s in group]), np.float32)
    ends = np.cumsum([len(group) for group in sentences])[:-1]
    means = np.stack([part.mean(0) for part in np.split(vectors, ends)])
    return means / np.linalg.norm(means, axis=1, keepdims=True)


def class_texts(clip, classes, templates=TEMPLATES, synonyms=True):
    """(C, D) float32, unit length: one vector a class."""
    return fused(clip, [class_prompts(name, templates, synonyms) for name in classes])


def background_texts(clip, names=BACKGROUND, templates=TEMPLATES):
    """(B, D) float32, unit length: one vector a background prompt."""
    return fused(clip, [background_prompts(name, templates) for name in names])


def sharpness(probabilities):
    """How sure a template is of the classes: CLIP-ES chooses the template with the smallest.

    probabilities: (N, C), softmax over the classes of N pictures. Sum over the pictures of the
    variance, divided by the sum of the means. On pictures with several objects a template that
    prefers one of them loses the others, hence the smallest.
    """
    p = np.asarray(probabilities, np.float64)
    return float(p.var(1).sum() / p.mean(1).sum())
