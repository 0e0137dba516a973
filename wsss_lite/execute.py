"""Runs notebooks of the course and stores their outputs: `python -m wsss_lite.execute [NAME]`.

Without a name only those are run whose code, or whatever of the package that code uses, changed
since their last run (see `made_from`); `--all` runs every one, and a name, such as 01, that one.

What differs from one machine or one minute to the next is left out of the stored file: times,
the state of widgets, the version of the interpreter, where a pause cut the printed text in two. So
a second run changes a notebook only where its results changed, and where a cell prints what the
machine has or how long it took.
"""

import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets.config import Config

from wsss_lite.files import atomic

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
# Otherwise each kernel warns that what it says to this machine's own server could be overheard.
ENCRYPTED = {"transport_encryption": "auto"}
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def execute(path, timeout=300):
    """Run one notebook in its own folder and rewrite it with its outputs; return the seconds.

    A cell that fails raises nbclient's CellExecutionError, and the file stays as it was.
    """
    notebook, seconds = play(path, timeout)
    with atomic(path) as half:
        nbformat.write(tidy(notebook), half)
    return seconds


def play(path, timeout=300):
    """(the notebook with its outputs, seconds) of a run in its own folder; nothing is written."""
    client, started = client_for(path, timeout), time.perf_counter()
    client.execute()
    return client.nb, time.perf_counter() - started


def client_for(path, timeout=300):
    """An nbclient that will run a notebook in its own folder; `.nb` is the notebook."""
    return NotebookClient(
        nbformat.read(path, as_version=4),
        timeout=timeout,
        kernel_name="python3",
        resources={"metadata": {"path": str(Path(path).parent)}},
        config=Config({"KernelManager": ENCRYPTED}),
        record_timing=False,
        store_widget_state=False,
    )


def tidy(notebook):
    """Drop what depends on the machine or the minute from a notebook; returns it."""
    notebook.metadata = {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            # Progress bars and warnings are for whoever waits for the cell.
            kept = [out for out in cell.outputs if out.get("name") != "stderr"]
            cell.outputs = whole(kept)
            for output in cell.outputs:
                # The address of a living widget; stored, it points nowhere.
                output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
    return notebook


def whole(outputs):
    """Outputs with printed text in one piece wherever nothing else stands between.

    nbclient's `coalesce_streams` also moves text from behind a figure in front of it.
    """
    joined = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream":
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def chosen(names):
    """Paths of the notebooks whose names begin like that, such as 01; of all without a name."""
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    return [path for path in paths if not names or path.name.startswith(tuple(names))]


def main(words):
    """Run the named notebooks, whatever changed without a name, or everything with `--all`."""
    from wsss_lite import made_from

    names = [word for word in words if word != "--all"]
    paths, known = chosen(names), made_from.known(NOTEBOOKS)
    if not paths:
        print(f"No notebook in {NOTEBOOKS} has a name like that.", file=sys.stderr)
        return 2
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for path in paths:
        digest = made_from.digest(path)
        if not words and known.get(path.name) == digest:
            print(f"{path.name}: nothing it uses has changed", flush=True)
            continue
        try:
            seconds = execute(path)
        except CellExecutionError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            return 1
        made_from.note(path, digest)
        size = path.stat().st_size / 1000
        print(f"{path.name}: {seconds:.0f} s, {size:.0f} kB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
