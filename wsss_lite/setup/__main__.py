"""`python -m wsss_lite.setup TASK`: set up what is missing, then run the task in .venv."""

import os
import subprocess
import sys

from wsss_lite.setup.common import NOTEBOOKS, PYTHON, ROOT, SetupError
from wsss_lite.setup.environment import set_up
from wsss_lite.setup.jupyter import jupyter_environment, lab
from wsss_lite.setup.lockfile import lock


def test(arguments):
    """Every test, and every notebook under nbval; further arguments go to pytest.

    `--notebooks 00 01` runs only the notebooks whose names begin like that.
    """
    command = [str(PYTHON), "-m", "pytest", "-n", "2", "--dist", "loadscope", "tests"]
    command.append("--no-loadscope-reorder")  # the tests' own order has the longest first
    arguments, wanted = taken_out(arguments, "--notebooks")
    notebooks = sorted(NOTEBOOKS.glob("*.ipynb"))
    notebooks = [path for path in notebooks if not wanted or path.name.startswith(tuple(wanted))]
    if notebooks:
        command += ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", "300"]
        command += [str(path.relative_to(ROOT)) for path in notebooks]
    # Two workers of one thread each: more threads than cores only get in each other's way.
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    # All notebooks together keep more than one reader's do; a second run computes none of it again.
    roomy = {"WSSS_LITE_CACHE_GB": os.environ.get("WSSS_LITE_CACHE_GB", "5")}
    return run_in_venv(command + arguments, jupyter_environment() | threads | roomy)


def taken_out(words, option):
    """(the other words, the words behind an option up to the next option)."""
    if option not in words:
        return words, []
    first = last = words.index(option) + 1
    while last < len(words) and not words[last].startswith("-"):
        last += 1
    return words[: first - 1] + words[last:], words[first:last]


def demo(arguments):
    """The ladder on 300 scenes."""
    return run_in_venv([str(PYTHON), "-m", "wsss_lite.cli", "demo", *arguments])


def bench(arguments):
    """Speed beside other libraries."""
    return run_in_venv([str(PYTHON), "-m", "wsss_lite.cli", "bench", *arguments])


def results(arguments):
    """Recompute the rows of data/results that are missing or stale."""
    return run_in_venv([str(PYTHON), "-m", "wsss_lite.results", *arguments])


def notebooks(arguments):
    """Run the notebooks of the course and store their outputs."""
    command = [str(PYTHON), "-m", "wsss_lite.execute", *arguments]
    return run_in_venv(command, jupyter_environment())


def book(arguments):
    """The course as a site, from the stored outputs."""
    return run_in_venv([str(PYTHON), "-m", "wsss_lite.book", *arguments])


def exercises(arguments):
    """Make the exercises of notebooks/exercises from their solutions."""
    return run_in_venv([str(PYTHON), "-m", "wsss_lite.exercises", *arguments])


TASKS = {
    "setup": None,
    "lab": lab,
    "test": test,
    "demo": demo,
    "bench": bench,
    "results": results,
    "notebooks": notebooks,
    "book": book,
    "exercises": exercises,
}


def run_in_venv(command, environment=None):
    """Run a command of the environment from the root of the checkout; return its status."""
    try:
        return subprocess.call(command, cwd=ROOT, env=environment)
    except KeyboardInterrupt:
        return 130


def main(arguments=None):
    """Set up and run one task; returns the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    task = words.pop(0) if words and not words[0].startswith("-") else "setup"
    if task not in TASKS and task != "lock" or words[:1] in (["-h"], ["--help"]):
        print(f"usage: python -m wsss_lite.setup [{'|'.join(TASKS)}] [options]")
        return 0 if task in TASKS else 2
    try:
        if task == "lock":
            return lock(words)
        set_up()
        return TASKS[task](words) if TASKS[task] else 0
    except SetupError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; run the same command again to go on.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
