"""One command from a fresh clone to a working course: `python -m wsss_lite.setup [lab|test|...]`.

Makes `.venv` in the checkout, fills it with the versions of requirements.lock and then runs the
task with the interpreter in there. A second run sees from a stamp that nothing changed and goes
straight to the task. Only the standard library is used here, and nothing else of the package,
because at first there is nothing else.
"""

from wsss_lite.setup.common import NOTEBOOKS, WORK
from wsss_lite.setup.copies import copy_notebooks, restore

__all__ = ["NOTEBOOKS", "WORK", "copy_notebooks", "restore"]
