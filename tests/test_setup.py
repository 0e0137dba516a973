"""The set-up: what it copies, what it asks the installer for, and when it does nothing."""

import ast
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from wsss_lite.setup import __main__ as tasks
from wsss_lite.setup import environment, jupyter, lockfile, sources
from wsss_lite.setup.common import SetupError
from wsss_lite.setup.copies import copy_notebooks, restore

# -------------------------------------------------------------------------------- reader's copies


@pytest.fixture
def course(tmp_path):
    """A folder of originals with one notebook, and the place of the copies."""
    originals = tmp_path / "notebooks"
    (originals / "figures").mkdir(parents=True)
    (originals / "00_task.ipynb").write_text("first")
    (originals / "figures" / "idea.svg").write_text("<svg/>")
    return originals, tmp_path / "work"


def test_copies_are_made_with_their_figures(course):
    originals, work = course
    assert copy_notebooks(originals, work) == []
    assert (work / "00_task.ipynb").read_text() == "first"
    assert (work / "figures" / "idea.svg").exists()


def test_an_untouched_copy_follows_the_original(course):
    originals, work = course
    copy_notebooks(originals, work)
    (originals / "00_task.ipynb").write_text("second")
    assert copy_notebooks(originals, work) == []
    assert (work / "00_task.ipynb").read_text() == "second"
    assert not (work / "mine").exists()


def test_a_changed_copy_stays_while_the_original_does(course):
    originals, work = course
    copy_notebooks(originals, work)
    (work / "00_task.ipynb").write_text("my notes")
    assert copy_notebooks(originals, work) == []
    assert (work / "00_task.ipynb").read_text() == "my notes"


def test_changed_copies_are_kept_when_the_original_changes(course):
    originals, work = course
    for version in ("second", "third"):
        copy_notebooks(originals, work)
        (work / "00_task.ipynb").write_text(f"notes before {version}")
        (originals / "00_task.ipynb").write_text(version)
        [line] = copy_notebooks(originals, work)
        assert "00_task.ipynb is new; your changed copy is now mine" in line
        assert (work / "00_task.ipynb").read_text() == version
    kept = sorted(path.read_text() for path in (work / "mine").iterdir())
    assert kept == ["notes before second", "notes before third"]


def test_a_copy_without_a_ledger_is_not_overwritten(course):
    originals, work = course
    copy_notebooks(originals, work)
    (work / ".originals.json").write_text("{half")
    (work / "00_task.ipynb").write_text("my notes")
    copy_notebooks(originals, work)
    assert (work / "mine" / "00_task.ipynb").read_text() == "my notes"


def test_restore_puts_the_original_back(course):
    originals, work = course
    copy_notebooks(originals, work)
    assert restore("00_task.ipynb", originals, work) is None
    (work / "00_task.ipynb").write_text("my notes")
    assert restore("00_task.ipynb", originals, work).read_text() == "my notes"
    assert (work / "00_task.ipynb").read_text() == "first"


# ----------------------------------------------------------------------------- sources and builds


LISTING = """\
global.extra-index-url='file:///srv/a file:///srv/b'
:env:.find-links='/srv/mine'
global.find-links='/srv/theirs'
install.trusted-host='box'
global.cert='/srv/ca.pem'
list.format='columns'
"""


def test_pip_settings_reach_uv():
    settings = sources.pip_settings(LISTING)
    assert settings["find-links"] == ["/srv/mine"]  # the environment is stronger than files
    assert settings["cert"] == ["/srv/ca.pem"]
    assert "format" not in settings
    options = sources.uv_sources(settings)
    assert options[:4] == [
        "--extra-index-url", "file:///srv/a", "--extra-index-url", "file:///srv/b",
    ]  # fmt: skip
    assert options[4:6] == ["--find-links", "/srv/mine"]
    assert "unsafe-best-match" in options and options[-1] == "box"
    assert sources.uv_sources({}) == []


def test_no_index_is_handed_on():
    assert "--no-index" in sources.uv_sources({"no-index": ["1"]})
    assert "--no-index" not in sources.uv_sources({"no-index": ["0"]})


def test_certificate_and_patience_are_handed_on(monkeypatch):
    monkeypatch.setattr(sources, "pip_settings", lambda: {"cert": ["a.pem"], "timeout": ["9"]})
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("UV_HTTP_TIMEOUT", "60")
    found = sources.uv_environment()
    assert (found["SSL_CERT_FILE"], found["UV_HTTP_TIMEOUT"]) == ("a.pem", "60")


def installer(tmp_path, body):
    """A stand-in for `uv pip install`, with its arguments written to calls.txt."""
    script = tmp_path / "installer.py"
    calls = tmp_path / "calls.txt"
    script.write_text(
        f"import sys\nopen({str(calls)!r}, 'a').write(' '.join(sys.argv[1:]) + '\\n')\n{body}\n"
    )
    return [sys.executable, str(script)], calls


def test_a_cpu_build_in_the_sources_needs_no_option(tmp_path):
    command, _ = installer(tmp_path, "print(' + torch==2.13.0+cpu', file=sys.stderr)")
    assert environment.cpu_option(command, True, None) == []


def test_cuda_packages_are_turned_away(tmp_path):
    body = "if 'cpu' not in sys.argv: print(' + nvidia-cublas==13.1', file=sys.stderr)"
    command, _ = installer(tmp_path, body)
    assert environment.cpu_option(command, True, None) == ["--torch-backend", "cpu"]


def test_without_any_cpu_build_the_remedy_is_named(tmp_path):
    command, _ = installer(tmp_path, "print(' + nvidia-cublas==13.1', file=sys.stderr)")
    with pytest.raises(SetupError, match="PIP_FIND_LINKS.*WSSS_LITE_TORCH=cuda"):
        environment.cpu_option(command, True, None)


@pytest.mark.parametrize("name, asked", [("nvidia-cudnn-cu13", True), ("numpy", False)])
def test_pip_is_asked_as_well(tmp_path, name, asked):
    report = json.dumps({"install": [{"metadata": {"name": name}}]})
    command, _ = installer(tmp_path, f"print({report!r})")
    assert environment.asks_for_cuda(command, False, None) is asked


@pytest.fixture
def small_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "VENV", tmp_path)
    lock = tmp_path / "requirements.lock"
    lock.write_text("# header\nnumpy==2.0\npydensecrf2==1.1\ntorch==2.13.0\n")
    monkeypatch.setattr(lockfile, "LOCK", lock)
    return tmp_path


def test_a_failing_build_of_the_crf_does_not_stop_the_set_up(small_lock, monkeypatch, capfd):
    monkeypatch.setattr(environment, "has_compiler", lambda: True)
    body = "sys.exit('pydensecrf2' in open(sys.argv[-1]).read())"
    command, calls = installer(small_lock, body)
    assert environment.install_lock(command, None, cuda=False, uv=True) is False
    assert len(calls.read_text().splitlines()) == 2
    assert "going on without the dense CRF" in capfd.readouterr().out


def test_without_a_compiler_the_build_is_not_tried(small_lock, monkeypatch):
    monkeypatch.setattr(environment, "has_compiler", lambda: False)
    command, calls = installer(small_lock, "")
    assert environment.install_lock(command, None, cuda=False, uv=True) is False
    assert calls.read_text().splitlines()[0].endswith("lock-without-crf.txt")
    assert "pydensecrf2" not in (small_lock / "lock-without-crf.txt").read_text()


def test_with_a_compiler_one_call_is_enough(small_lock, monkeypatch):
    monkeypatch.setattr(environment, "has_compiler", lambda: True)
    command, calls = installer(small_lock, "")
    assert environment.install_lock(command, None, cuda=False, uv=True) is True
    assert len(calls.read_text().splitlines()) == 1


def test_cuda_is_installed_when_asked_for(small_lock, monkeypatch):
    monkeypatch.setattr(environment, "has_compiler", lambda: True)
    command, calls = installer(small_lock, "")
    environment.install_lock(command, None, cuda=True, uv=True)
    assert calls.read_text().splitlines()[-1] == "torch==2.13.0"


def test_the_lock_leaves_the_build_of_torch_open():
    text = (
        "nvidia-nccl-cu13==2 ; sys_platform == 'linux'\nnumpy==2.4 ; python_version < '3.12'\n"
        "torch==2.13.0 ; sys_platform == 'darwin'\ntorch==2.13.0+cpu ; sys_platform == 'linux'\n"
        "torchcam==0.5.0\ntriton==3.7\ncuda-bindings==13\n"
    )
    assert lockfile.portable(text) == [
        "numpy==2.4 ; python_version < '3.12'", "torch==2.13.0", "torchcam==0.5.0",
    ]  # fmt: skip


# ---------------------------------------------------------------------- when the set-up is needed


@pytest.fixture
def stamped(tmp_path, monkeypatch):
    """A .venv whose stamp fits; returns the list of steps that are taken from here on."""
    steps = []
    python = tmp_path / "python"
    python.write_text("")
    stamp = tmp_path / "stamp.json"
    stamp.write_text(json.dumps({"fingerprint": environment.fingerprint()}))
    monkeypatch.setattr(environment, "STAMP", stamp)
    monkeypatch.setattr(environment, "PYTHON", python)
    monkeypatch.setattr(environment, "make_venv", lambda: steps.append("make"))
    monkeypatch.setattr(environment, "install", lambda: steps.append("install") or True)
    monkeypatch.setattr(environment, "configure_jupyter", lambda: steps.append("jupyter"))
    return steps


def test_a_fitting_stamp_means_nothing_to_do(stamped):
    environment.set_up()
    assert stamped == []


def test_a_changed_lock_is_installed_into_the_old_environment(stamped):
    environment.STAMP.write_text(json.dumps({"fingerprint": "older"}))
    environment.set_up()
    assert stamped == ["install", "jupyter"]
    environment.set_up()
    assert stamped == ["install", "jupyter"]


@pytest.mark.parametrize("lost", ["STAMP", "PYTHON"])
def test_an_interrupted_or_broken_environment_is_made_anew(stamped, lost):
    getattr(environment, lost).unlink()
    environment.set_up()
    assert stamped == ["make", "install", "jupyter"]


def test_an_interruption_leaves_no_stamp(stamped, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    environment.STAMP.write_text(json.dumps({"fingerprint": "older"}))
    monkeypatch.setattr(environment, "install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        environment.set_up()
    assert not environment.STAMP.exists()


def test_an_old_python_is_told_so(monkeypatch):
    monkeypatch.setattr(environment.sys, "version_info", (3, 9))
    with pytest.raises(SetupError, match="needs 3.11 or newer"):
        environment.set_up()


def test_only_the_standard_library_is_used(repo):
    """Before the set-up there is nothing else."""
    files = [*(repo / "wsss_lite" / "setup").glob("*.py"), repo / "wsss_lite" / "__init__.py"]
    assert len(files) > 5
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            else:
                continue
            for name in names:
                standard = name.split(".")[0] in sys.stdlib_module_names
                assert standard or name.startswith("wsss_lite.setup"), f"{path.name}: {name}"


# ------------------------------------------------------------------------------------------ tasks


def test_an_unknown_task_prints_the_known_ones(capsys):
    assert tasks.main(["labs"]) == 2
    assert "lab|test|demo" in capsys.readouterr().out


def test_trouble_is_one_message_and_status_2(monkeypatch, capsys):
    def trouble():
        raise SetupError("No room.")

    monkeypatch.setattr(tasks, "set_up", trouble)
    assert tasks.main(["lab"]) == 2
    assert capsys.readouterr().err == "No room.\n"


@pytest.mark.parametrize("names", [[], ["01_cam.ipynb", "00_task.ipynb"]])
def test_notebooks_are_tested_where_there_are_any(tmp_path, monkeypatch, names):
    commands = []
    monkeypatch.setattr(tasks, "run_in_venv", lambda command, env: commands.append(command) or 0)
    monkeypatch.setattr(tasks, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(tasks, "ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    for name in names:
        (tmp_path / "notebooks" / name).write_text("{}")
    assert tasks.test(["-k", "word"]) == 0
    [command] = commands
    assert command[-2:] == ["-k", "word"] and "loadscope" in command
    assert ("--nbval-lax" in command) == bool(names)
    found = [os.path.basename(word) for word in command if word.endswith(".ipynb")]
    assert found == sorted(names)


def test_some_notebooks_are_tested_where_they_are_named(tmp_path, monkeypatch):
    commands = []
    monkeypatch.setattr(tasks, "run_in_venv", lambda command, env: commands.append(command) or 0)
    monkeypatch.setattr(tasks, "NOTEBOOKS", tmp_path)
    monkeypatch.setattr(tasks, "ROOT", tmp_path)
    for name in ("00_task", "01_cam", "02_masks", "03_more"):
        (tmp_path / f"{name}.ipynb").write_text("{}")
    assert tasks.test(["-x", "--notebooks", "00", "02", "-k", "word"]) == 0
    assert commands[0][-5:] == ["00_task.ipynb", "02_masks.ipynb", "-x", "-k", "word"]


def test_every_target_of_the_makefile_is_a_task(repo):
    [line] = re.findall(r"^(setup .*):$", (repo / "Makefile").read_text(), re.MULTILINE)
    assert line.split() == list(tasks.TASKS)


# ---------------------------------------------------------------------------------------- Jupyter


def test_a_taken_port_is_passed_over():
    with jupyter.socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert jupyter.free_port(port) > port
        with pytest.raises(SetupError, match="--port"):
            jupyter.free_port(port, tries=1)


def test_jupyter_keeps_its_state_in_the_environment():
    found = jupyter.jupyter_environment()
    for name in ("CONFIG", "DATA", "RUNTIME"):
        assert str(jupyter.VENV) in found[f"JUPYTER_{name}_DIR"]
    assert str(jupyter.VENV) in found["IPYTHONDIR"]


LAB = """
import json
import sys
from pathlib import Path
from wsss_lite.setup import jupyter
jupyter.WORK, jupyter.PYTHON, jupyter.VENV = Path("work"), Path(sys.executable), Path("state")
jupyter.WORK.mkdir()
empty = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
(jupyter.WORK / "00_task.ipynb").write_text(json.dumps(empty))
jupyter.copy_notebooks = lambda: []
jupyter.WORK = jupyter.WORK.resolve()
sys.exit(jupyter.lab(["--no-browser"]))
"""


def test_lab_answers_at_the_printed_address_and_stops_with_its_parent(tmp_path, repo):
    process = subprocess.Popen(
        [sys.executable, "-c", LAB],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(repo)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        found = (re.search(r"http://\S+", line) for line in process.stdout)
        address = next(match[0] for match in found if match)
        assert "/lab/tree/00_task.ipynb?token=" in address
        with urllib.request.urlopen(address, timeout=20) as answer:
            assert "JupyterLab" in answer.read().decode()
        listing = address.replace("lab/tree/", "api/contents/")
        with urllib.request.urlopen(listing, timeout=20) as answer:
            assert json.load(answer)["name"] == "00_task.ipynb"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
        with pytest.raises(urllib.error.URLError, match="refused"):
            urllib.request.urlopen(address, timeout=5)
    finally:
        process.terminate()  # killed outright it would leave the server behind
        process.wait(20)
