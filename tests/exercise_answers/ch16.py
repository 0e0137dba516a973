"""Answers to the exercises of chapter 16, right and wrong."""

import numpy as np


def prompt_by_prompt(masks, beliefs, target, valid):
    """The same numbers, from sets of pixels."""
    found = []
    for answers, estimates, meant in zip(masks, beliefs, target, strict=True):
        one = answers[int(np.argmax(estimates))]
        a, b = (set(zip(*np.nonzero(x & valid), strict=True)) for x in (one, meant))
        found.append(len(a & b) / len(a | b) if a | b else 0.0)
    return found


def changed(pick=np.argmax, axis=1, void=False, formula="iou", best=False):
    """The believed answer's IoU, with one step changed."""

    def believed(masks, beliefs, target, valid):
        known = np.ones_like(valid) if void else valid
        each = [one(masks[:, m], target, known, formula) for m in range(masks.shape[1])]
        each = np.stack(each, 1)  # (K, M)
        if best:
            return each.max(1)
        if axis is None:
            return each[:, pick(beliefs) % each.shape[1]]
        if axis == 0:
            return each[pick(beliefs, axis=0), np.arange(each.shape[1])]
        return each[np.arange(len(each)), pick(beliefs, axis=1)]

    return believed


def one(masks, target, valid, formula):
    a, b = masks & valid, target & valid
    both, sizes = (a & b).sum((1, 2)), (a.sum((1, 2)), b.sum((1, 2)))
    below = {
        "iou": (a | b).sum((1, 2)),
        "dice": (sizes[0] + sizes[1]) / 2,
        "twice": sizes[0] + sizes[1],
        "recall": sizes[1],
        "precision": sizes[0],
        "xor": np.maximum((a ^ b).sum((1, 2)), 1),
        "picture": np.full(len(a), valid.sum()),
    }[formula]
    return both / np.maximum(below, 1)


def accuracy(masks, beliefs, target, valid):
    picked = masks[np.arange(len(masks)), beliefs.argmax(1)]
    return np.array([(p == t)[valid].mean() for p, t in zip(picked, target, strict=True)])


def unguarded(masks, beliefs, target, valid):
    picked = masks[np.arange(len(masks)), beliefs.argmax(1)] & valid
    with np.errstate(invalid="ignore"):
        return (picked & target).sum((1, 2)) / (picked | target & valid).sum((1, 2))


def mean_of_prompts(masks, beliefs, target, valid):
    return changed()(masks, beliefs, target, valid).mean()


def weighed(masks, beliefs, target, valid):
    each = np.stack([one(masks[:, m], target, valid, "iou") for m in range(masks.shape[1])], 1)
    return (each * beliefs).sum(1) / beliefs.sum(1)


def class_by_class(labels, masks, ratio=0.5, cover=0.85):
    """SEPL's choice, class by class."""
    found = []
    for mask in masks:
        counts = {c: int((labels[mask] == c).sum()) for c in set(labels.ravel()) - {0, 255}}
        cls = max(sorted(counts), key=counts.get)
        hit = counts[cls]
        fits = hit / mask.sum() > ratio or hit / (labels == cls).sum() >= cover
        found.append(int(cls) if hit and fits else 0)
    return np.array(found)


def named(mute=(0, 255), of="mask", rules=("ratio", "cover"), join=any, fixed=False, least=None):
    """SEPL's choice, with one step changed."""

    def names(labels, masks, ratio=0.5, cover=0.85):
        if fixed:
            ratio, cover = 0.5, 0.85
        found = []
        for mask in masks:
            inside = np.bincount(labels[mask], minlength=256)
            inside[list(mute)] = 0
            cls = int((inside if least is None else least(inside)).argmax())
            own = (labels == cls).sum()
            size = {"mask": mask.sum(), "class": own, "picture": labels.size}[of]
            passed = {"ratio": inside[cls] > ratio * size, "cover": inside[cls] >= cover * own}
            found.append(cls if inside[cls] and join(passed[r] for r in rules) else 0)
        return found

    return names


def largest_class_wins(labels, masks, ratio=0.5, cover=0.85):
    """One class for all masks: the picture's most frequent one."""
    counts = np.bincount(labels.ravel(), minlength=256)
    counts[[0, 255]] = 0
    cls = int(counts.argmax())
    return [cls if (labels[m] == cls).mean() > ratio else 0 for m in masks]


def taken(labels, masks, ratio=0.5, cover=0.85):
    return [bool(name) for name in named()(labels, masks, ratio, cover)]


def just_as_much(labels, masks, ratio=0.5, cover=0.85):
    return class_by_class(labels, masks, ratio - 1e-9, cover)


def only_the_taken(labels, masks, ratio=0.5, cover=0.85):
    return [name for name in named()(labels, masks, ratio, cover) if name]


def drawn(rows=5, lake=True, boat=True, cross=False, exact=False, size=16):
    """Labels, masks and truth: a boat, and water that the labels take along."""
    truth = np.zeros((size, size), np.uint8)
    truth[4:8, 4:12] = 1
    water = np.zeros((size, size), bool)
    water[7 if cross else 8 : 16, 4:12] = True
    labels = truth.copy()
    if not exact:
        labels[8 : 8 + rows, 4:12] = 1
    return labels, [truth == 1] * boat + [water] * lake, truth


def covered():
    """The labels are small, and a large mask beside the object holds nearly all of them."""
    truth = np.zeros((16, 16), np.uint8)
    truth[0:3, 0:6] = 1
    labels = np.zeros((16, 16), np.uint8)
    labels[0:3, 0:3] = 1
    labels[4:12, 0:8] = 1
    ground = np.zeros((16, 16), bool)
    ground[3:16] = True
    return labels, [truth == 1, ground], truth


ANSWERS = {
    "16.1": {
        "right": {"prompt by prompt": prompt_by_prompt, "all at once": changed()},
        "wrong": {
            "best in truth": changed(best=True),
            "lowest estimate": changed(pick=np.argmin),
            "wrong axis": changed(axis=0),
            "one for all prompts": changed(axis=None),
            "weighed": weighed,
            "void counted": changed(void=True),
            "Dice": changed(formula="dice"),
            "sizes added": changed(formula="twice"),
            "recall": changed(formula="recall"),
            "precision": changed(formula="precision"),
            "difference for union": changed(formula="xor"),
            "share of the picture": changed(formula="picture"),
            "accuracy": accuracy,
            "mean over prompts": mean_of_prompts,
            "nan where empty": unguarded,
            "masks returned": lambda m, b, t, v: m[np.arange(len(m)), b.argmax(1)],
            "estimates returned": lambda m, b, t, v: b.max(1),
        },
    },
    "16.2": {
        "right": {"with bincount": named(), "class by class": class_by_class},
        "wrong": {
            "background is a class": named(mute=(255,)),
            "undecided is a class": named(mute=(0,)),
            "both are classes": named(mute=()),
            "share of the class": named(of="class"),
            "share of the picture": named(of="picture"),
            "no cover": named(rules=("ratio",)),
            "no ratio": named(rules=("cover",)),
            "both needed": named(join=all),
            "just as much as the ratio": just_as_much,
            "knobs ignored": named(fixed=True),
            "always a name": named(join=lambda x: True),
            "any pixel": named(least=lambda n: n > 0),
            "one class for all": largest_class_wins,
            "yes or no": taken,
            "only the taken": only_the_taken,
            "labels returned": lambda labels, masks, ratio=0.5, cover=0.85: labels,
        },
    },
    "16.3": {
        "right": {"exact": 1600 / 2304, "rounded": 0.69},
        "wrong": {
            "one side": 40 / 44,
            "44 wide": 40**2 / 44**2,
            "one direction": 40 / 48,
            "sum of errors": 0.8,
            "sum of four errors": 0.6,
            "too small": 32**2 / 40**2,
            "upside down": 48**2 / 40**2,
            "areas added": 1600 / (1600 + 2304),
            "percent": 69.4,
            "a word": "less",
        },
    },
    "16.4": {
        "right": {"a boat and water": drawn(), "held whole": covered()},
        "wrong": {
            "less than half of the water": drawn(rows=3),
            "labels without fault": drawn(exact=True),
            "all of the water": drawn(rows=8),
            "no water": drawn(lake=False),
            "the object is no mask": drawn(boat=False),
            "no masks": drawn(boat=False, lake=False),
            "a mask across the edge": drawn(cross=True),
            "another size": drawn(size=20),
            "order": (drawn()[2], drawn()[1], drawn()[0]),
            "labels alone": drawn()[0],
            "a pair": drawn()[:2],
            "an empty mask": (drawn()[0], [*drawn()[1], np.zeros((16, 16), bool)], drawn()[2]),
        },
    },
}
