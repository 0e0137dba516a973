"""The files around the package agree with each other and hold nothing of one machine."""

import re
import subprocess
import tomllib

import nbformat
import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Names of conda-forge where they differ.
CONDA_NAMES = {"pytorch": "torch"}
LARGEST_NOTEBOOK = 400_000
LONGEST_CELL = 25
# Put together from halves, so that this file does not contain what it looks for.
FORBIDDEN = {
    "a registry's host": re.compile(
        "|".join(("pypi" + r"\.org", "pythonhosted" + r"\.org", "npmjs" + r"\.org"))
        + "|"
        + r"download\.py"
        + r"torch\.org/whl"
        + "|"
        + r"deb\.deb"
        + r"ian\.org"
    ),
    "a machine's path": re.compile(r"(?<![\w.}~/$-])/(?:work|tmp|root|opt|home)" + r"/\w"),
}
BINARY = {".png", ".jpg", ".jpeg", ".gif", ".npz", ".npy", ".pt", ".safetensors", ".ipynb", ".ico"}


def requirements(lines):
    """{name: specifier} of requirement lines."""
    parsed = [Requirement(line) for line in lines]
    return {canonicalize_name(one.name): str(one.specifier) for one in parsed}


@pytest.fixture(scope="module")
def project(repo):
    return tomllib.loads((repo / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def locked(repo):
    lines = (repo / "requirements.lock").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def tracked(repo):
    """Every file that is or would be committed."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return [repo / line for line in done.stdout.splitlines() if (repo / line).is_file()]


def notebooks(repo):
    return sorted((repo / "notebooks").glob("*.ipynb"))


def test_environment_yml_equals_pyproject(repo, project):
    listed = yaml.safe_load((repo / "environment.yml").read_text())["dependencies"]
    lines = [line for line in listed if isinstance(line, str)]
    for part in listed:
        if isinstance(part, dict):
            lines += [line for line in part["pip"] if not line.startswith("-e")]
    conda = {CONDA_NAMES.get(name, name): spec for name, spec in requirements(lines).items()}
    assert conda.pop("python") == project["requires-python"]
    assert conda.pop("pip") == ""
    wanted = project["dependencies"] + project["optional-dependencies"]["notebooks"]
    assert conda == requirements(wanted)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_the_lock_satisfies_pyproject(project, locked, python, system):
    where = default_environment() | {
        "python_version": python,
        "python_full_version": f"{python}.7",
        "sys_platform": system,
        "os_name": "nt" if system == "win32" else "posix",
    }
    pins = {}
    for one in locked:
        if one.marker is None or one.marker.evaluate(where):
            name = canonicalize_name(one.name)
            assert name not in pins, f"{name} is pinned twice for {python} on {system}"
            pins[name] = str(one.specifier).removeprefix("==")
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    for line in sum(groups, []):
        wanted = Requirement(line)
        assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), line


def test_every_line_of_the_lock_is_an_exact_version(locked):
    for one in locked:
        assert re.fullmatch(r"==[\w.]+", str(one.specifier)), one
    versions = requirements(f"{one.name}{one.specifier}" for one in locked)
    assert versions["torch"] == "==2.13.0" and versions["torchvision"] == "==0.28.0"


def test_the_lock_brings_no_cuda(locked):
    assert not [one.name for one in locked if re.match("nvidia|cuda|triton", one.name)]


def test_nothing_of_one_machine_is_committed(tracked, repo):
    found = []
    for path in tracked:
        if path.suffix.lower() in BINARY - {".ipynb"}:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        # Pictures inside a notebook are base64, in which any short word turns up by chance.
        text = re.sub(r"[A-Za-z0-9+/=]{400,}", "", text)
        for what, pattern in FORBIDDEN.items():
            for match in pattern.finditer(text):
                line = text[: match.start()].count("\n") + 1
                found.append(f"{path.relative_to(repo)}:{line}: {what}: {match[0]}")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text", ["see /work" + "/main", "'/tmp" + "/x'", "(/home" + "/me/a)", "at /opt" + "/wheels"]
)
def test_machine_paths_are_recognised(text):
    assert FORBIDDEN["a machine's path"].search(text)


@pytest.mark.parametrize("text", ["work/00_task.ipynb", "../work" + "/x", "https://a.org/home/x"])
def test_other_paths_are_fine(text):
    assert not FORBIDDEN["a machine's path"].search(text)


def test_data_folders_are_shipped(repo, tracked):
    """An installed copy holds every file of data/."""
    config = tomllib.loads((repo / "pyproject.toml").read_text())
    patterns = sum(config["tool"]["setuptools"]["data-files"].values(), [])
    shipped = {path for pattern in patterns for path in repo.glob(pattern)}
    data = {path for path in tracked if (repo / "data") in path.parents}
    assert data <= shipped, sorted(data - shipped)
    for place, globs in config["tool"]["setuptools"]["data-files"].items():
        folder = place.removeprefix("share/wsss-lite/")
        assert all(one.rsplit("/", 1)[0] == folder for one in globs), place


def test_small_files_only(tracked):
    assert not [path for path in tracked if path.stat().st_size > 20_000_000]


def test_notebooks_are_stored_as_they_should_be(repo):
    problems = []
    for path in notebooks(repo):
        problems += [f"{path.name}: {line}" for line in notebook_problems(path)]
    assert not problems, "\n".join(problems)


def notebook_problems(path):
    """What is wrong with a stored notebook, as a list of sentences."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    outputs = [output for cell in code for output in cell.outputs]
    problems = []
    if path.stat().st_size > LARGEST_NOTEBOOK:
        problems.append(f"{path.stat().st_size} bytes are more than {LARGEST_NOTEBOOK}")
    if "widgets" in notebook.metadata:
        problems.append("the state of widgets is stored")
    if code and not outputs:
        problems.append("stored without outputs; `make notebooks` adds them")
    if any(cell.execution_count is None for cell in code if cell.source.strip()):
        problems.append("a cell was not run; `make notebooks` runs them")
    if any("execution" in cell.metadata for cell in code):
        problems.append("times are stored")
    if any(output.output_type == "error" for output in outputs):
        problems.append("an output is an error")
    for number, cell in enumerate(code, 1):
        if len(cell.source.splitlines()) > LONGEST_CELL:
            problems.append(f"code cell {number} has more than {LONGEST_CELL} lines")
    headings = [
        line
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in re.sub(r"```.*?```", "", cell.source, flags=re.DOTALL).splitlines()
        if line.startswith("# ")
    ]
    if len(headings) != 1:
        problems.append(f"{len(headings)} headings of the first level instead of one")
    return problems


def bad_notebook():
    """A notebook with every fault."""
    new = nbformat.v4
    cell = new.new_code_cell("\n".join(["x = 1"] * 26), metadata={"execution": {"a": "b"}})
    cell.outputs = [new.new_output("error", ename="E", evalue="e", traceback=[])]
    empty = new.new_code_cell("y = 2")
    return new.new_notebook(
        cells=[cell, empty], metadata={"widgets": {}, "filler": "x" * LARGEST_NOTEBOOK}
    )


def test_each_fault_of_a_notebook_is_found(tmp_path):
    path = tmp_path / "bad.ipynb"
    nbformat.write(bad_notebook(), path)
    text = "\n".join(notebook_problems(path))
    for word in ("bytes", "widgets", "not run", "times", "error", "25 lines", "0 headings"):
        assert word in text


def test_licences_and_citation(repo, project):
    from wsss_lite import __version__

    assert "MIT License" in (repo / "LICENSE").read_text()
    assert "creativecommons.org/licenses/by/4.0/legalcode" in (repo / "LICENSE-TEXT").read_text()
    citation = yaml.safe_load((repo / "CITATION.cff").read_text())
    assert citation["version"] == __version__ and citation["license"] == "MIT"
    assert project["license"]["text"] == "MIT"
