"""Exercises that check themselves: `check("01.1", my_answer)` says whether, and if not, why.

Each chapter has its checks in `chNN.py` here, its exercises in `notebooks/exercises/`,
and one source for both texts and solutions, `notebooks/solutions/NN_*.py`, from which
`python -m wsss_lite.exercises` makes the notebooks (see `source.py`).
"""

import importlib

from wsss_lite.errors import InputError
from wsss_lite.exercises.checking import CHECKS, Hint, NotYet

__all__ = ["Hint", "NotYet", "check", "load"]


def check(number, answer=None):
    """Say "ok" for a right answer; raise `Hint`, one sentence, for a wrong one.

    number: "CC.K", chapter and exercise, as the exercise is headed.
    answer: what the exercise asks for: a function, an array, a number or a word.
    Raises `NotYet` where nothing was answered, `InputError` for a number that does not exist.
    """
    chapter = str(number).split(".")[0]
    load(chapter)
    if number not in CHECKS:
        there = ", ".join(sorted(name for name in CHECKS if name.startswith(chapter + ".")))
        raise InputError(f"There is no exercise {number!r}; chapter {chapter} has {there}.")
    if unanswered(answer):
        raise NotYet(f"{number}: nothing answered yet.")
    praise = CHECKS[number](answer)
    print(f"ok {number}" + (f": {praise}" if praise else ""))


def unanswered(answer):
    """Whether an answer, or any part of it, is still the "..." that the exercise came with."""
    if isinstance(answer, dict):
        answer = tuple(answer.values())
    parts = answer if isinstance(answer, tuple) else ()
    return answer is None or answer is Ellipsis or any(one is Ellipsis for one in parts)


def load(chapter):
    """Import the checks of one chapter, "01"."""
    name = f"wsss_lite.exercises.ch{chapter}"
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise InputError(f"There are no exercises for chapter {chapter!r}.") from None
