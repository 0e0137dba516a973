"""Files for hosting: the image, Binder, the public CI, the page; as far as they can be run."""

import json
import os
import re
import shlex
import stat
import subprocess
import sys

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from benchmarks import hub
from wsss_lite import cli
from wsss_lite.execute import chosen
from wsss_lite.setup.__main__ import TASKS

SYSTEM = ("apt-get", "useradd", "install", "rm", "chmod", "python")  # replaced by a note-taker


@pytest.fixture(scope="module")
def locked(repo):
    lines = (repo / "requirements.lock").read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(one.name): str(one.specifier) for one in pins}


@pytest.fixture(scope="module")
def pythons(repo):
    text = (repo / "pyproject.toml").read_text()
    return SpecifierSet(re.search(r'requires-python = "(.*)"', text)[1])


def instructions(repo):
    """[(word, rest)] of the Dockerfile, continued lines joined, comments left out."""
    text = (repo / "Dockerfile").read_text()
    text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    text = text.replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def noted(script, folder, shell, **environment):
    """The commands that a script runs, [[program, argument, ...]], with every program replaced."""
    bin, inner = folder / "bin", folder / ".venv" / "bin"
    for place, names in ((bin, SYSTEM), (inner, ("python", "wsss-lite"))):
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            own = f".venv/bin/{name}" if place == inner else name
            (place / name).write_text(
                f"#!{sys.executable} -S\nimport json, sys\n"
                f"with open({str(folder / 'notes')!r}, 'a') as stream:\n"
                f"    stream.write(json.dumps([{own!r}, *sys.argv[1:]]) + '\\n')\n"
            )
            (place / name).chmod(0o755)
    (folder / "notes").write_text("")
    variables = {"PATH": f"{bin}:/usr/bin:/bin"} | environment
    subprocess.run([*shell, script], cwd=folder, env=variables, check=True, timeout=60)
    return [json.loads(line) for line in (folder / "notes").read_text().splitlines()]


def understood(command):
    """Assert that a noted command is one that this project has, with options that it knows."""
    program, *words = command
    if program.endswith("wsss-lite"):
        cli.parser().parse_args(words)  # ends the process where it does not understand
        for one in getattr(cli.parser().parse_args(words), "notebooks", ()):
            assert chosen([one]), one
    elif words[:2] == ["-m", "wsss_lite.setup"]:
        assert not words[2:] or words[2] in TASKS
    elif program == "python":
        assert words[:2] == ["-m", "pip"]


# --------------------------------------------------------------------------------------- the image


def test_the_image_has_a_public_base_a_plain_user_and_the_lock(repo, pythons):
    lines = instructions(repo)
    bases = [rest for word, rest in lines if word == "FROM"]
    assert len(bases) == 1 and re.fullmatch(r"python:\d\.\d+-slim", bases[0])
    assert bases[0][7:-5] in pythons
    assert [rest for word, rest in lines if word == "USER"] == ["student"]
    order = [word for word, _ in lines]
    assert order.index("USER") < order.index("COPY")  # what is copied and run is not root's
    assert {word for word in order} <= {
        "FROM", "RUN", "ARG", "USER", "WORKDIR", "COPY", "ENV", "EXPOSE", "CMD"
    }  # fmt: skip
    environment = dict(pair.split("=", 1) for pair in shlex.split(dict(lines)["ENV"]))
    assert environment["WSSS_LITE_SHARED"] == "$CACHE"


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_the_commands_of_the_image_run_in_order(repo, tmp_path):
    defaults = dict(rest.split("=", 1) for word, rest in instructions(repo) if word == "ARG")
    assert set(defaults) == {"COURSE", "CACHE", "HUB"}
    commands = []
    for hubs_version in ("", "5.2.1"):
        for word, rest in instructions(repo):
            if word == "RUN":
                environment = defaults | {"HUB": hubs_version}
                commands += noted(rest, tmp_path, ["sh", "-euc"], **environment)
    for command in commands:
        if command[0].startswith((".venv", "python")) and "pip" not in command:
            understood(command)
    flat = [" ".join(command) for command in commands]
    assert "python -m wsss_lite.setup" in flat
    assert f".venv/bin/wsss-lite warm --to {defaults['CACHE']} --notebooks 00 01 02" in flat
    assert f"chmod -R a-w {defaults['CACHE']}" in flat
    assert [line for line in flat if "jupyterhub==5.2.1" in line]
    assert not [line for line in flat if "jupyterhub==" in line and "5.2.1" not in line]


def test_the_image_starts_a_program_of_the_lock(repo, locked):
    command = json.loads(dict(instructions(repo))["CMD"])
    assert command[:2] == ["jupyter", "lab"] and "jupyterlab" in locked
    assert "--ServerApp.root_dir=notebooks" in command and (repo / "notebooks").is_dir()


def test_what_the_image_needs_is_not_left_out_of_it(repo):
    ignored = (repo / ".dockerignore").read_text().split()
    assert ".venv" in ignored and ".git" in ignored
    for name in (
        "requirements.lock",
        "pyproject.toml",
        "wsss_lite",
        "notebooks",
        "data",
        "README.md",
    ):
        assert (repo / name).exists() and name not in ignored


# ------------------------------------------------------------------------------------------ Binder


def test_binder_uses_the_lock(repo, locked, pythons):
    lines = (repo / ".binder" / "requirements.txt").read_text().splitlines()
    named = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert named and all(locked[canonicalize_name(r.name)] == str(r.specifier) for r in named)
    assert (repo / ".binder" / "runtime.txt").read_text().strip().removeprefix("python-") in pythons


@pytest.mark.skipif(os.name == "nt", reason="needs bash")
def test_what_binder_runs(repo, tmp_path):
    script = repo / ".binder" / "postBuild"
    assert script.stat().st_mode & stat.S_IXUSR
    assert script.read_text().startswith("#!/bin/bash\n")
    where = {"NB_PYTHON_PREFIX": str(tmp_path / "server")}
    commands = noted(str(script), tmp_path, ["bash"], **where)
    assert [c[:3] for c in commands] == [
        ["python", "-m", "wsss_lite.setup"],
        [".venv/bin/python", "-m", "ipykernel"],
        [".venv/bin/wsss-lite", "warm", "--notebooks"],
    ]
    for command in commands:
        understood(command)


# --------------------------------------------------------------------------------------- public CI


def test_the_public_ci_runs_what_there_is(repo, pythons):
    [job] = yaml.safe_load((repo / ".github/workflows/ci.yml").read_text())["jobs"].values()
    matrix = job["strategy"]["matrix"]
    assert [name.split("-")[0] for name in matrix["os"]] == ["ubuntu", "macos", "windows"]
    assert len(matrix["python"]) == 3 and all(version in pythons for version in matrix["python"])
    assert job["runs-on"] == "${{ matrix.os }}" and not job["strategy"]["fail-fast"]
    runs = [shlex.split(step["run"]) for step in job["steps"] if "run" in step]
    for command in runs:
        understood(command)
    assert runs[-1][3:] == ["test", "--notebooks", "00", "01", "02"]
    assert [p.name[:2] for p in chosen(runs[-1][5:])] == ["00", "01", "02"]
    for step in job["steps"]:
        assert "run" in step or re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])


# ---------------------------------------------------------------------------------------- the page


def test_commands_of_the_page_are_understood(repo):
    text = (repo / "docs" / "HOSTING.md").read_text()
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL)).splitlines()
    own = [shlex.split(line, comments=True) for line in lines if line.startswith("wsss-lite")]
    assert own
    for command in own:
        understood(command)
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in target or (repo / "docs" / target).exists(), target


RECORD = {
    "notebook": "01_x.ipynb", "kernels": 8, "failures": [], "shared_folder_unchanged": True,
    "wall_seconds": 300.0, "cpu_seconds_a_kernel": 60.0, "peak_pss_mb_all": 8000,
    "peak_rss_mb_a_kernel": 1200, "shared_mb": 1500, "own_mb_a_kernel": 2.0, "cores": 2,
}  # fmt: skip


def test_sixty_are_calculated_from_eight():
    large = hub.extrapolated(RECORD)
    assert large["memory_gb"] == 60.0 and large["disk_gb"] == 1.6 and large["cpu_hours"] == 1.0
    assert large["minutes_on"] == {"2": 30.0, "8": 7.5, "16": 3.8, "32": 1.9}
    table = hub.table(RECORD | {"extrapolated": large})
    assert "8 kernels, measured" in table and "60 kernels, calculated" in table
    assert "| memory of the kernels | 8.0 GB | 60 GB |" in table


@pytest.mark.skipif(not hub.RECORD.exists(), reason="run python -m benchmarks.hub once")
def test_the_sizing_table_is_that_of_the_record(repo):
    found = json.loads(hub.RECORD.read_text())
    assert found["failures"] == [] and found["shared_folder_unchanged"] and found["kernels"] == 8
    assert found["extrapolated"] == hub.extrapolated(found)
    text = (repo / "docs" / "HOSTING.md").read_text()
    assert f"<!-- hub -->\n{hub.table(found)}\n<!-- /hub -->" in text


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="Linux only")
def test_two_kernels_are_measured(tmp_path, monkeypatch):
    """The whole measurement, on a notebook of one cell that fails in one of the two kernels."""
    import nbformat

    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "file").write_text("x" * 1_000_000)
    source = ("import os, pathlib\nhome = pathlib.Path(os.environ['WSSS_LITE_CACHE'])\n"
              "home.mkdir()\n(home / 'own').write_text('x' * 500_000)\n"
              "import time; time.sleep(1)\nassert home.name == 'student-0'")  # fmt: skip
    cells = [nbformat.v4.new_code_cell(source)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "a.ipynb")
    monkeypatch.setattr(hub, "EVERY", 0.1)
    found = hub.measure(2, tmp_path / "a.ipynb", tmp_path / "shared", tmp_path)
    assert len(found["failures"]) == 1 and "AssertionError" in found["failures"][0]
    assert found["shared_folder_unchanged"] and found["shared_mb"] == 1
    assert found["own_mb_a_kernel"] == 0.5 and found["cpu_seconds_a_kernel"] > 0
    assert 5 < found["peak_rss_mb_a_kernel"] < 500 and found["peak_pss_mb_all"] > 5
