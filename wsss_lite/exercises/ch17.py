"""Checks of the exercises of chapter 17: the ladder."""

from contextlib import suppress
from functools import cache

import numpy as np
from scipy import stats

from wsss_lite.effects import MAPS, Effect, judge
from wsss_lite.errors import InputError
from wsss_lite.exercises.checking import Hint, array, call, exercise, match, require
from wsss_lite.exercises.recorded import mean
from wsss_lite.literature import quoted, tau
from wsss_lite.registry import methods

THEIRS = [50.7, 61.4, 71.9, 66.2, 64.5, 69.8, 55.2, 68.4, 62.6]
OURS = [0.54, 0.53, 0.39, 0.45, 0.56, 0.5, 0.49, 0.46, 0.51]
NEAR, HIGH = 0.25, 0.5  # of a tau
EIGHT = 8


@cache
def published():
    """{method: (VOC val in the literature, our mIoU on test, year)} of the methods of tags.

    Those without an assistant for which a survey or a paper quotes a number; percent, and the mean
    over the recorded seeds in 0..1.
    """
    found = {}
    for name, method in methods().items():
        voc = quoted(method)
        if method.supervision == "tags" and not method.starred and voc is not None:
            with suppress(InputError):  # no row on test, as of a method that stops at its maps
                found[name] = voc, mean(name, "miou_test"), method.year
    return found


@exercise("17.1")
def kendall(answer):
    for a, b in ((THEIRS, OURS), (THEIRS[:5], [v**2 for v in THEIRS[:4]] + [9000])):
        match(call(answer, a, b), tau(a, b), _slips(a, b), names="one number")
    return "the same as wsss_lite.literature.tau"


def _slips(a, b):
    n = len(a)
    pairs = [(i, j) for i in range(n) for j in range(i)]
    signs = [np.sign(a[i] - a[j]) * np.sign(b[i] - b[j]) for i, j in pairs]
    same, every = sum(s > 0 for s in signs), len(pairs)
    return {
        "that is the share of pairs in the same order: take off those in the other.": same / every,
        "the number of pairs is n (n - 1) / 2: with n * n each entry meets itself as well.": (
            2 * sum(signs) / n**2
        ),
        "each pair was counted once above and twice below.": sum(signs) / (2 * every),
        "each pair was counted twice above and once below.": 2 * sum(signs) / every,
        "divide by the number of pairs, not of methods.": sum(signs) / n,
        "the sign is turned round: 1 is the same order.": -sum(signs) / every,
        "divide by the number of pairs.": sum(signs),
        "that is Pearson's correlation of the numbers; only their order counts here.": (
            np.corrcoef(a, b)[0, 1]
        ),
        "that is Spearman's correlation of the ranks; here pairs are counted.": (
            stats.spearmanr(a, b).statistic
        ),
        "only neighbours in the list were compared; every pair counts.": np.mean(
            np.sign(np.diff(a)) * np.sign(np.diff(b))
        ),
        "the products of the differences were added; of each only the sign counts.": sum(
            (a[i] - a[j]) * (b[i] - b[j]) for i, j in pairs
        )
        / every,
    }


@exercise("17.2")
def judged(answer):
    for better, than in (
        ([0.501, 0.553, 0.527], [0.482, 0.531, 0.510]),  # apart by as much each time: holds
        ([0.502, 0.553, 0.527], [0.511, 0.539, 0.524]),
        ([0.401, 0.398, 0.410, 0.404], [0.452, 0.447, 0.449, 0.461]),
    ):
        right = _by_package(better, than)
        got = call(answer, better, than)
        require(isinstance(got, tuple | list) and len(got) == 3,
                "three things are asked for: difference, noise, verdict.")  # fmt: skip
        require(np.shape(array(got[0])) == np.shape(array(got[1])) == (),
                "difference and noise are one number each.")  # fmt: skip
        match(got[:2], [right.difference, right.noise], _noises(better, than), 1e-6,
              "difference and noise")  # fmt: skip
        said = str(got[2]).strip().lower()
        require(said in ("holds", "tie", "fails"), f"the verdict is 'holds', 'tie' or 'fails', not "
                f"{said:.20}.")  # fmt: skip
        require(said == right.verdict, f"with a difference of {right.difference:+.3f} and a "
                f"noise of {right.noise:.3f} the verdict is not {said!r}: compare the difference "
                "with the noise, on both sides.")  # fmt: skip
    return "the same verdicts as wsss_lite.effects.judge"


def _by_package(better, than):
    effect = Effect("", ("new", MAPS), ("old", MAPS), "", "", "")
    rows = (dict(enumerate({MAPS: v} for v in values)) for values in (better, than))
    return judge(effect, dict(zip(("new", "old"), rows, strict=True)))


def _noises(better, than):
    gain, n = np.subtract(better, than), len(better)
    mean, error = gain.mean(), gain.std(ddof=1) / np.sqrt(n)
    apart = np.sqrt((np.var(better, ddof=1) + np.var(than, ddof=1)) / n)
    return {
        "the difference is turned round: better minus than.": [-mean, 2 * error],
        "that is one standard error; two are asked for.": [mean, error],
        "the spread was not divided by the root of the number of seeds.": [
            mean,
            2 * error * np.sqrt(n),
        ],
        "the spread of few numbers is divided by n - 1 (ddof=1).": [
            mean,
            2 * gain.std() / np.sqrt(n),
        ],
        "divide by the root of the number of seeds, not by the number.": [
            mean,
            2 * gain.std(ddof=1) / n,
        ],
        "compare seed by seed: the spread of the *differences*, in which what two methods share "
        "cancels.": [mean, 2 * apart],
        "two standard errors are asked for, and not Student's interval.": [
            mean,
            stats.t.ppf(0.975, n - 1) * error,
        ],
    }


@exercise("17.3")
def orders(answer):
    try:
        ours, year = (float(array(one)) for one in answer)
    except (TypeError, ValueError):
        raise Hint("two numbers are asked for, tau with our test and tau with the year.") from None
    for value in (ours, year):
        require(-1 <= value <= 1, f"{value:g} is no tau: it lies between -1 and 1.")
    voc, test, years = np.array(list(published().values())).T
    right = tau(voc, test), tau(voc, years)
    require(ours < right[0] + NEAR, "our test agrees less with the papers than that: there all "
            "methods have one trunk, one segmenter and one budget.")  # fmt: skip
    require(ours > right[0] - NEAR, "the two orders are not turned round; they hardly know of each "
            "other.")  # fmt: skip
    require(year > right[1] - NEAR, "the year says more than that: networks, second stages and "
            "tricks have grown from year to year.")  # fmt: skip
    require(year < right[1] + NEAR, "not quite: within a year the order is open.")
    return f"{len(voc)} methods: {right[0]:+.2f} with our test, {right[1]:+.2f} with the year"


@exercise("17.4")
def of_choice(answer):
    try:
        names = [] if isinstance(answer, str) else [str(one) for one in answer]
    except TypeError:
        raise Hint("a list of eight names is asked for.") from None
    known = published()
    strange = [name for name in names if name not in known]
    require(not strange, f"{', '.join(strange[:3])}: not among the methods of tags with a number "
            "in the literature; their names are the keys of `known`.")  # fmt: skip
    require(len(set(names)) == len(names), "a method is named twice.")
    require(len(names) == EIGHT, f"these are {len(names)} methods; eight are asked for.")
    voc, test, _ = np.array([known[name] for name in names]).T
    found = tau(voc, test)
    require(found > HIGH, f"tau of these eight is {found:+.2f}: draw some thousand times, and keep "
            "the best.")  # fmt: skip
    every = np.array(list(known.values())).T
    return f"tau {found:+.2f} for these eight, {tau(*every[:2]):+.2f} for all {len(known)}"
