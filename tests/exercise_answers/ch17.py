"""Answers to the exercises of chapter 17, right and wrong."""

import numpy as np
from scipy import stats


def by_matrix(a, b):
    """Kendall's tau from two tables of signs."""
    one, other = (np.sign(np.subtract.outer(v, v)) for v in (np.array(a), np.array(b)))
    return (one * other).sum() / (len(a) * (len(a) - 1))


def counted(below="pairs", minus=True, what=np.sign, sign=1, among="all"):
    """Kendall's tau with one step changed."""

    def kendall(a, b):
        n = len(a)
        pairs = [(i, j) for i in range(n) for j in range(i)]
        if among == "neighbours":
            pairs = [(i, i - 1) for i in range(1, n)]
        if among == "ordered":
            pairs = [(i, j) for i in range(n) for j in range(n) if a[i] > a[j]]
        told = [what(a[i] - a[j]) * what(b[i] - b[j]) for i, j in pairs]
        told = told if minus else [max(t, 0) for t in told]
        size = {"pairs": len(pairs), "n": n, "square": n * n / 2, "twice": 2 * len(pairs), "one": 1}
        return sign * sum(told) / size[below]

    return kendall


def concordant_over_discordant(a, b):
    share = counted(minus=False)(a, b)
    return share / (1 - share) if share < 1 else np.inf


def same_places(a, b):
    """How many methods have the same rank in both lists."""
    return float(np.mean(np.argsort(np.argsort(a)) == np.argsort(np.argsort(b))))


def by_places(a, b):
    """Mistakes the order of the indices for the ranks."""
    return stats.kendalltau(np.argsort(a), np.argsort(b)).statistic


def verdict_of(difference, noise):
    return "holds" if difference > noise else "fails" if difference < -noise else "tie"


def seed_by_seed(better, than):
    """The same with sums."""
    gain = [a - b for a, b in zip(better, than, strict=True)]
    mean = sum(gain) / len(gain)
    variance = sum((g - mean) ** 2 for g in gain) / (len(gain) - 1)
    noise = 2 * (variance / len(gain)) ** 0.5
    return [mean, noise, verdict_of(mean, noise)]


def effect(ddof=1, times=2.0, root=0.5, paired=True, sign=1, verdict=verdict_of, which=np.mean):
    """An effect's verdict, with one step changed."""

    def judged(better, than):
        gain, n = sign * np.subtract(better, than), len(better)
        spread = gain.std(ddof=ddof)
        if not paired:
            spread = np.hypot(np.std(better, ddof=ddof), np.std(than, ddof=ddof))
        factor = stats.t.ppf(0.975, n - 1) if times is None else times
        noise = factor * spread / n**root
        return float(which(gain)), float(noise), verdict(float(which(gain)), noise)

    return judged


def of_the_difference(better, than):
    """Forgets the noise."""
    gain = np.subtract(better, than)
    return gain.mean(), 0.0, "holds" if gain.mean() > 0 else "fails"


def no_tie(difference, noise):
    return "holds" if difference > 0 else "fails"


def one_sided(difference, noise):
    return "holds" if difference > noise else "fails"


def wordy(difference, noise):
    return {"holds": "better", "fails": "worse", "tie": "same"}[verdict_of(difference, noise)]


def blind(difference, noise):
    """Mistakes a clear loss for a clear effect."""
    return "holds" if abs(difference) > noise else "tie"


CHOSEN = ["advcam", "ae-psl", "lpcam", "sipe", "oaa", "mdc", "bes", "w-ood"]
RISING = ["psa", "irn", "rrm", "cda", "ecs-net", "advcam", "w-ood", "ppc"]
FALLING = ["sec", "tpl", "mdc", "dsrg", "irn", "cse", "eps", "mctformer"]

ANSWERS = {
    "17.1": {
        "right": {
            "pairs": counted(),
            "a matrix": by_matrix,
            "pairs turned": counted(among="ordered"),
        },
        "wrong": {
            "share of the same": counted(minus=False),
            "same over other": concordant_over_discordant,
            "divided by n": counted(below="n"),
            "divided by n n": counted(below="square"),
            "half": counted(below="twice"),
            "not divided": counted(below="one"),
            "sign": counted(sign=-1),
            "neighbours only": counted(among="neighbours"),
            "differences": counted(what=float),
            "Pearson": lambda a, b: np.corrcoef(a, b)[0, 1],
            "Pearson's matrix": lambda a, b: np.corrcoef(a, b),
            "Spearman": lambda a, b: stats.spearmanr(a, b).statistic,
            "same places": same_places,
            "indices for ranks": by_places,
        },
    },
    "17.2": {
        "right": {"NumPy": effect(), "sums": seed_by_seed},
        "wrong": {
            "n in place of n - 1": effect(ddof=0),
            "one standard error": effect(times=1.0),
            "Student": effect(times=None),
            "1.96": effect(times=1.96),
            "no root": effect(root=1.0),
            "spread of the seeds": effect(root=0.0),
            "not paired": effect(paired=False),
            "turned round": effect(sign=-1),
            "median": effect(which=np.median),
            "no noise": of_the_difference,
            "no tie": effect(verdict=no_tie),
            "no tie below": effect(verdict=one_sided),
            "size only": effect(verdict=blind),
            "other words": effect(verdict=wordy),
            "verdict alone": lambda better, than: effect()(better, than)[2],
            "an array": lambda better, than: (np.subtract(better, than), 0.1, "tie"),
        },
    },
    "17.3": {
        "right": {"about": (0.1, 0.7), "arrays": (np.array(-0.1), np.array(0.9))},
        "wrong": {
            "both agree": (0.8, 0.8),
            "the papers are right": (0.6, 0.3),
            "turned round": (-0.6, 0.7),
            "nothing at all": (0.0, 0.0),
            "years do not matter": (0.1, 0.2),
            "later is worse": (0.0, -0.7),
            "no tau": (0.0, 76),
            "one number": 0.76,
            "words": ("none", "much"),
            "three": (0.0, 0.7, 0.2),
        },
    },
    "17.4": {
        "right": {"drawn": CHOSEN, "rising by eye": tuple(RISING)},
        "wrong": {
            "falling": FALLING,
            "the first eight": ["sec", "dsrg", "psa", "irn", "mcis", "mctformer", "mdc", "oaa"],
            "seven": CHOSEN[:7],
            "nine": [*CHOSEN, "seam"],
            "one twice": [*CHOSEN[:7], CHOSEN[0]],
            "a bound": [*CHOSEN[:7], "full"],
            "boxes": [*CHOSEN[:7], "sdi"],
            "unknown": [*CHOSEN[:7], "camera"],
            "one word": "advcam",
            "a number": 8,
            "places": [0, 1, 2, 3, 4, 5, 6, 7],
        },
    },
}
