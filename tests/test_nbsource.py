"""Notebooks as sources only: what git shows of a change."""

import json
import subprocess
import sys

import nbformat
import pytest

from wsss_lite import nbsource

NEW = nbformat.v4


@pytest.fixture
def notebook(tmp_path):
    cells = [NEW.new_markdown_cell("# A title"), NEW.new_code_cell("x = 1\nx")]
    cells[1].metadata["tags"] = ["exercise"]
    cells[1].outputs = [NEW.new_output("stream", text="a long output")]
    nbformat.write(NEW.new_notebook(cells=cells), tmp_path / "a.ipynb")
    return tmp_path / "a.ipynb"


def test_sources_without_outputs_and_ids(notebook, capsys):
    assert nbsource.main([str(notebook)]) == 0
    said = capsys.readouterr().out
    assert said == "# %% [markdown]\n# A title\n\n# %% tags=exercise\nx = 1\nx\n"


@pytest.mark.parametrize(
    "text", ["<<<<<<< ours\n", "{}", '{"cells": 3}', '{"cells": [{}]}', "[" * 9**5]
)
def test_what_is_no_notebook_is_shown_as_it_is(text):
    assert nbsource.sources(text) == text


def test_a_missing_file_is_one_sentence(capsys):
    assert nbsource.main(["gone.ipynb"]) == 2 and "gone.ipynb" in capsys.readouterr().err
    assert nbsource.main([]) == 2


def test_git_shows_a_change_of_outputs_as_none(notebook, repo, monkeypatch):
    """With the driver of `.gitattributes` and the setting that CONTRIBUTING.md names."""
    monkeypatch.setenv("PYTHONPATH", str(repo))
    contributing = (repo / "CONTRIBUTING.md").read_text()
    command = "python -m wsss_lite.nbsource"
    assert f'git config diff.nbsource.textconv ".venv/bin/{command}"' in contributing
    assert "*.ipynb diff=nbsource" in (repo / ".gitattributes").read_text().splitlines()

    def git(*words):
        return subprocess.run(["git", *words], cwd=notebook.parent, capture_output=True, text=True,
                              check=True).stdout  # fmt: skip

    git("init", "-q")
    (notebook.parent / ".gitattributes").write_bytes((repo / ".gitattributes").read_bytes())
    git("config", "diff.nbsource.textconv", command.replace("python", sys.executable, 1))
    git("add", ".")
    content = json.loads(notebook.read_text())
    content["cells"][1]["outputs"] = []
    notebook.write_text(json.dumps(content, indent=1))
    assert git("diff") == ""
    content["cells"][1]["source"] = "x = 2\nx"
    notebook.write_text(json.dumps(content))
    changed = [line for line in git("diff").splitlines() if line[:1] in "+-" and line[1:2] == "x"]
    assert changed == ["-x = 1", "+x = 2"]
