"""Sentences of a notebook held against its numbers."""

import numpy as np


class ClaimFailed(AssertionError):
    """The numbers contradict what the notebook says."""


class Claim:
    """A sentence and what the numbers say about it: `verdict` is holds, tie or fails."""

    def __init__(self, text, verdict, detail):
        self.text, self.verdict, self.detail = text, verdict, detail

    def __bool__(self):
        return self.verdict == "holds"

    def __repr__(self):
        return f"{self.verdict}: {self.text} ({self.detail})"

    def _ipython_display_(self):
        """Nothing: the line was printed when the claim was made."""


def claim(text, better, than, margin=0.0, noise=None):
    """Say whether `better` exceeds `than` by more than `margin`: it holds, is a tie or fails.

    better, than: numbers, or one number a seed; two lists of equal length are compared seed by
    seed. noise: the standard error of the difference, where single numbers are given. The
    difference counts as uncertain by two standard errors: the claim holds when all of that range
    lies above the margin, fails when all of it lies below, and is a tie in between. Only a claim
    that fails raises (`ClaimFailed`). A negative margin says "at most so much worse".
    """
    difference, error = _difference(better, than, noise)
    low, high = difference - 2 * error, difference + 2 * error
    verdict = "holds" if low > margin else "fails" if high < margin else "tie"
    spread = f" ± {2 * error:.3f} (2 s.e.)" if error else ""
    detail = f"{np.mean(better):.3f} against {np.mean(than):.3f}: {difference:+.3f}{spread}"
    if margin:
        detail += f", margin {margin:g}"
    made = Claim(text, verdict, detail)
    if verdict == "fails":
        raise ClaimFailed(repr(made))
    print(made)
    return made


def _difference(better, than, noise):
    """(mean difference, its standard error)."""
    a, b = np.atleast_1d(np.asarray(better, float)), np.atleast_1d(np.asarray(than, float))
    if not (a.size and b.size and np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(f"a claim needs numbers, got {better!r} and {than!r}")
    if a.size == b.size > 1:
        error = _standard_error(a - b)  # the same seeds on both sides: their luck cancels
    else:
        error = float(np.hypot(_standard_error(a), _standard_error(b)))
    return float(a.mean() - b.mean()), max(error, float(noise or 0.0))


def _standard_error(values):
    return float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else 0.0


def close(value, recorded, band):
    """Say that the number computed here agrees with the recorded one, or raise ClaimFailed.

    band: the largest difference that other machines and versions explain, stated by the notebook.
    """
    if value is None or recorded is None or not np.isfinite([value, recorded]).all():
        raise ValueError(f"nothing to compare: {value} here, {recorded} recorded")
    # A hair more than the band, so that 0.52 and 0.50 agree within 0.02 in binary too.
    agrees = abs(value - recorded) <= band + 1e-9
    detail = f"{value:.3f} here, {recorded:.3f} recorded, band {band:g}"
    made = Claim("the row computed here agrees", "holds" if agrees else "fails", detail)
    if not agrees:
        raise ClaimFailed(
            f"{made!r}; run the notebook from the top, and if it stays, report both versions"
        )
    print(made)
    return made
