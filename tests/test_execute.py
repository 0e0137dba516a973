"""Running the notebooks for their stored outputs."""

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from wsss_lite import execute

NEW = nbformat.v4


def stored(path, *sources):
    """Write a notebook with these code cells; returns its path."""
    cells = [NEW.new_code_cell(source) for source in sources]
    nbformat.write(NEW.new_notebook(cells=cells), path)
    return path


def test_outputs_are_stored_without_what_changes_from_run_to_run(tmp_path):
    path = stored(
        tmp_path / "a.ipynb",
        "import sys; print('warming', file=sys.stderr); print(6 * 7)",
        "import ipywidgets; ipywidgets.IntSlider()",
    )
    execute.execute(path)
    first = path.read_bytes()
    notebook = nbformat.read(path, as_version=4)
    assert [output.text for output in notebook.cells[0].outputs] == ["42\n"]
    assert "widgets" not in notebook.metadata
    assert "execution" not in notebook.cells[0].metadata
    assert list(notebook.cells[1].outputs[0].data) == ["text/plain"]
    assert "version" not in notebook.metadata.language_info
    assert b"warming" not in first.replace(b"print('warming'", b"")


def test_a_failing_cell_leaves_the_file_alone(tmp_path):
    path = stored(tmp_path / "a.ipynb", "1 / 0")
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute.execute(path)
    assert path.read_bytes() == before


def test_a_beginning_names_a_notebook(tmp_path, monkeypatch, capsys):
    ran = []
    for name in ("00_task.ipynb", "01_cam.ipynb"):
        stored(tmp_path / name)
    monkeypatch.setattr(execute, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(execute, "execute", lambda path: ran.append(path.name) or 1.0)
    assert execute.main(["01"]) == 0 and ran == ["01_cam.ipynb"]
    assert execute.main([]) == 0 and ran[1:] == ["00_task.ipynb", "01_cam.ipynb"]
    assert execute.main(["07"]) == 2
    assert "No notebook" in capsys.readouterr().err
