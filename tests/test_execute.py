"""Running the notebooks for their stored outputs."""

import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

from wsss_lite import execute, made_from

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


def test_a_pause_between_two_lines_leaves_no_trace():
    def printed(text):
        return NEW.new_output("stream", name="stdout", text=text)

    drawn = NEW.new_output("display_data", data={"text/plain": "a figure"})
    outputs = [printed("a"), printed("b\n"), printed("c\n"), drawn, printed("d\n")]
    notebook = NEW.new_notebook(cells=[NEW.new_code_cell("", outputs=outputs)])
    once = [printed("ab\nc\n"), drawn, printed("d\n")]
    assert execute.tidy(notebook).cells[0].outputs == once
    assert execute.tidy(notebook).cells[0].outputs == once


def test_a_failing_cell_leaves_the_file_alone(tmp_path):
    path = stored(tmp_path / "a.ipynb", "1 / 0")
    before = path.read_bytes()
    with pytest.raises(CellExecutionError, match="ZeroDivisionError"):
        execute.execute(path)
    assert path.read_bytes() == before


def test_a_beginning_names_a_notebook(tmp_path, monkeypatch, capsys):
    ran = course(tmp_path, monkeypatch)
    assert execute.main(["01"]) == 0 and ran == ["01_cam.ipynb"]
    assert execute.main(["01"]) == 0 and len(ran) == 2  # a name is run whatever has changed
    assert execute.main(["07"]) == 2
    assert "No notebook" in capsys.readouterr().err


def course(tmp_path, monkeypatch):
    """Two notebooks as the course's; returns the list of those that were run."""
    ran, folder = [], tmp_path / "notebooks"
    folder.mkdir()
    stored(folder / "00_task.ipynb", "from wsss_lite import score")
    stored(folder / "01_cam.ipynb", "from wsss_lite.lab import Lab", "Lab().run('cam')")
    monkeypatch.setattr(execute, "NOTEBOOKS", folder)
    monkeypatch.setattr(execute, "execute", lambda path: ran.append(path.name) or 1.0)
    return ran


def test_only_what_changed_is_run_again(tmp_path, monkeypatch, capsys):
    ran, folder = course(tmp_path, monkeypatch), tmp_path / "notebooks"
    assert execute.main([]) == 0 and ran == ["00_task.ipynb", "01_cam.ipynb"]
    assert execute.main([]) == 0 and len(ran) == 2
    assert capsys.readouterr().out.count("nothing it uses has changed") == 2
    notebook = nbformat.read(folder / "00_task.ipynb", as_version=4)
    notebook.cells.append(NEW.new_markdown_cell("prose"))
    notebook.cells[0].outputs = [NEW.new_output("stream", text="1")]
    nbformat.write(notebook, folder / "00_task.ipynb")
    assert execute.main([]) == 0 and len(ran) == 2  # neither prose nor outputs count
    stored(folder / "00_task.ipynb", "from wsss_lite import score", "1 + 1")
    assert execute.main([]) == 0 and ran[2:] == ["00_task.ipynb"]
    assert execute.main(["--all"]) == 0 and len(ran) == 5
    made_from.ledger(folder).write_text("{")
    assert execute.main([]) == 0 and len(ran) == 7  # a broken ledger knows nothing


def test_a_failing_notebook_is_run_again_next_time(tmp_path, monkeypatch, capsys):
    course(tmp_path, monkeypatch)

    def failing(path):
        raise CellExecutionError("traceback", "ValueError", "no")

    monkeypatch.setattr(execute, "execute", failing)
    assert execute.main([]) == 1 and not made_from.known(tmp_path / "notebooks")


def test_what_a_notebook_uses_is_followed_through_the_package(tmp_path):
    path = stored(
        tmp_path / "a.ipynb", "%matplotlib inline\nfrom wsss_lite import show\nlab.run('oaa')"
    )
    files = made_from.closure(made_from.parsed(made_from.code_of(path)))
    names = {one.relative_to(made_from.PACKAGE).as_posix() for one in files}
    assert {"show/plots.py", "methods/ensemble/oaa.py", "maps/cam.py"} <= names
    assert "methods/box/sdi.py" not in names


@pytest.mark.parametrize("change", ["x = 1  # a note", "x = 2"])
def test_code_of_the_package_counts_and_comments_do_not(tmp_path, monkeypatch, change):
    package = tmp_path / "wsss_lite"
    package.mkdir()
    (package / "block.py").write_text("x = 1\n")
    monkeypatch.setattr(made_from, "PACKAGE", package)
    path = stored(tmp_path / "a.ipynb", "import wsss_lite.block")
    before = made_from.digest(path)
    (package / "block.py").write_text(f"{change}\n")
    assert (made_from.digest(path) == before) == ("note" in change)


def test_recorded_rows_count_only_where_they_are_read(tmp_path, monkeypatch):
    reads = stored(tmp_path / "a.ipynb", "from wsss_lite import results")
    other = stored(tmp_path / "b.ipynb", "from wsss_lite import score")
    before = [made_from.digest(reads), made_from.digest(other)]
    monkeypatch.setattr(made_from, "recorded_rows", lambda: b"others")
    after = [made_from.digest(reads), made_from.digest(other)]
    assert before[0] != after[0] and before[1] == after[1]
