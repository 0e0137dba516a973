"""What checks are written with: calling an answer, its shape, its values, and hints."""

import textwrap

import numpy as np

CHECKS = {}
VERDICTS = ("more", "less", "tie")  # of `words`, as `recorded.verdict` gives them


class Hint(AssertionError):
    """A wrong answer; the message names the likely mistake. Jupyter shows it without a trace."""

    def _render_traceback_(self):
        # In lines, as JupyterLab breaks a long one in the middle of a word.
        return textwrap.wrap(f"Not yet: {self}", 92)


class NotYet(Hint):
    """Nothing was answered."""


def exercise(number):
    """Decorator: the function below checks exercise `number`.

    It takes the answer, raises `Hint` or returns a sentence to say with the "ok" (or None).
    """

    def keep(function):
        if number in CHECKS:
            raise ValueError(f"exercise {number} is checked twice")
        CHECKS[number] = function
        return function

    return keep


def call(answer, *arguments, **options):
    """answer(*arguments): what it raises becomes a hint, and its inputs come back untouched."""
    if not callable(answer):
        raise Hint(f"a function is asked for, this is {_kind(answer)}.")
    before = [_copy(one) for one in arguments]
    try:
        got = answer(*arguments, **options)
    except NotImplementedError:
        raise NotYet("the function is still empty.") from None
    except Hint:
        raise
    except Exception as error:
        raise Hint(f"the function stops with {type(error).__name__}: {error}") from error
    if got is None:
        raise Hint("the function gives nothing back: is its `return` missing?")
    for old, new in zip(before, arguments, strict=True):
        if old is not None and not np.array_equal(old, array(new), equal_nan=True):
            raise Hint("the function changes what it was given: work on a copy.")
    return got


def array(value):
    """A tensor, list or number as an array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    return np.asarray(value)


def shape(got, wanted, names):
    """Raise a hint unless `got` has the wanted shape. names: "(N, C, h, w)"."""
    got = _numbers(got).shape
    if got == tuple(wanted):
        return
    text = f"the shape is {got}, it should be {tuple(wanted)}, which is {names}"
    if sorted(got) == sorted(wanted):
        text += ": two axes are swapped"
    elif len(got) == len(wanted) - 1:
        text += ": one axis was summed away"
    raise Hint(text + ".")


def match(got, right, mistakes=None, tolerance=1e-4, names="(?)"):
    """Raise a hint unless `got` equals `right`.

    mistakes: {hint: the values which this mistake gives}; the first that fits `got` is named.
    tolerance: absolute, and relative to the largest value of `right`.
    """
    shape(got, array(right).shape, names)
    if close(got, right, tolerance):
        return
    for hint, values in (mistakes or {}).items():
        if array(values).shape == array(got).shape and close(got, values, tolerance):
            raise Hint(hint)
    if not np.isfinite(array(got).astype(float)).all():
        raise Hint("there are values which are not finite: a division by zero?")
    got, right = array(got).astype(float), array(right).astype(float)
    far = np.abs(got - right)
    worst = np.unravel_index(far.argmax(), far.shape)
    where = f"the values differ by up to {far.max():.3g} at {tuple(int(i) for i in worst)}: "
    raise Hint(f"{where if worst else ''}{got[worst]:.4g} where {right[worst]:.4g} is right.")


def close(got, right, tolerance=1e-4):
    """Whether two arrays of one shape agree, relative to the largest value of `right`."""
    got, right = array(got).astype(float), array(right).astype(float)
    scale = max(1.0, float(np.abs(right).max(initial=0)))
    return bool(np.allclose(got, right, rtol=0, atol=tolerance * scale, equal_nan=True))


def number(answer, right, within, mistakes=None):
    """Raise a hint unless a number lies within +- `within` of `right`.

    mistakes: {hint: (low, high)}, ranges which tell what went wrong.
    """
    try:
        value = float(array(answer))
    except (TypeError, ValueError):
        raise Hint(f"one number is asked for, this is {_kind(answer)}.") from None
    if abs(value - right) <= within:
        return value
    require(np.isfinite(value), f"one number is asked for, this is {value}.")
    for hint, (low, high) in (mistakes or {}).items():
        if low <= value <= high:
            raise Hint(hint)
    raise Hint(f"{value:.4g} is too {'high' if value > right else 'low'}.")


def several(answer, names):
    """The parts of an answer as a tuple. names: what they are, as ("maps", "hidden")."""
    text = f"{len(names)} things are asked for, {', '.join(names[:-1])} and {names[-1]}"
    if isinstance(answer, str | dict) or not hasattr(answer, "__len__"):
        raise Hint(f"{text}, in this order; this is {_kind(answer)}.")
    if len(answer) != len(names):
        raise Hint(f"{text}, in this order; here are {len(answer)}.")
    return tuple(answer)


def words(answer, right, why):
    """Raise a hint unless every question has its right word.

    answer, right: {question: word}; why: {question: what the reader may not have thought of}.
    """
    if not isinstance(answer, dict) or set(answer) != set(right):
        raise Hint(f"a dictionary with {', '.join(map(repr, right))} is asked for.")
    for question, word in right.items():
        given = str(answer[question]).strip().lower()
        if given not in VERDICTS:
            raise Hint(f"{question}: answer {', '.join(map(repr, VERDICTS))}, not {given!r}.")
        require(given == word, f"{question}: not {given!r}. {why[question]}")


def choice(answer, right, others):
    """Raise a hint unless the word is `right`. others: {word: why it is not}."""
    word = str(answer).strip().lower()
    if word == right:
        return
    if word in others:
        raise Hint(others[word])
    options = ", ".join(repr(one) for one in sorted([right, *others]))
    raise Hint(f"answer with one of {options}; this is {answer!r}.")


def require(condition, hint):
    """Raise `Hint` unless the condition holds."""
    if not condition:
        raise Hint(hint)


def _numbers(value):
    """A regular array of numbers, or a hint."""
    try:
        got = array(value)
    except ValueError:
        raise Hint("the rows of this array differ in length.") from None
    if got.dtype.kind not in "biuf":
        raise Hint(f"numbers are asked for, this is {_kind(value)}.")
    return got


def _copy(value):
    if isinstance(value, np.ndarray) or hasattr(value, "detach"):
        return array(value).copy()
    return None


def _kind(value):
    return f"{type(value).__name__} {value!r:.40}"
