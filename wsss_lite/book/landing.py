"""The landing page: what README.md says the course is, its chapters as links, and the rest."""

import json
import re

from wsss_lite.errors import InputError
from wsss_lite.exercises.links import exercises_of

TRAILS = "Three trails"
NAMES = {"README.md": "The project and its numbers", "data/README.md": "The data folder"}


def landing(root, chapters, pages):
    """Markdown of the first page, with the side bar's table of contents.

    root: the checkout; chapters: names of notebooks; pages: paths of documents below root.
    Raises InputError where README.md lacks what is taken from it.
    """
    readme = (root / "README.md").read_text(encoding="utf-8")
    opening = re.search(r"^# ([^\n]+)\n\n(.+?)\n\n(?:```|## )", readme, re.DOTALL)
    trails = re.search(rf"^## {TRAILS}\n(.+?)(?=^## |\Z)", readme, re.DOTALL | re.MULTILINE)
    if not opening or not trails:
        raise InputError(
            f'{root / "README.md"} has no opening paragraph or no section "{TRAILS}", from which '
            "the first page of the book is made; put it back, or change wsss_lite/book/landing.py."
        )
    beside = {page.as_posix(): NAMES.get(page.as_posix()) or title(root / page) for page in pages}
    parts = {f"notebooks/{n}": numbered(n[:2], title(root / "notebooks" / n)) for n in chapters}
    places = {n[:2]: f"notebooks/{exercises_of(n)}" for n in chapters}
    tasks = {p: f"Exercises {number}" for number, p in places.items() if (root / p).is_file()}
    return "\n".join([
        f"# {opening[1]}\n\n{opening[2]}\n",
        "Widgets whose maps lie in the page move here without a kernel; of the others there is a "
        "picture.\n",
        f"## {TRAILS}\n{linked(trails[1], chapters)}",
        "## Beside the chapters\n",
        *(f"- [{name}]({place})" for place, name in beside.items()),
        "",
        contents("Chapters", parts),
        contents("Exercises", tasks),
        contents("Beside", beside),
    ])  # fmt: skip


def linked(text, chapters):
    """The text with every `NN` of a chapter that is there made a link."""
    known = {name[:2]: name for name in chapters}

    def link(match):
        name = known.get(match[1])
        return f"[{match[1]}](notebooks/{name})" if name else match[0]

    return re.sub(r"`(\d\d)`", link, text)


def numbered(number, name):
    """A chapter's name with its number in front, once."""
    return name if name.startswith(number) else f"{number} {name}"


def contents(caption, entries):
    """A table of contents, {path: name}, that only the side bar shows; nothing for no entries."""
    if not entries:
        return ""
    lines = "\n".join(f"{name} <{path.rsplit('.', 1)[0]}>" for path, name in entries.items())
    return f"```{{toctree}}\n:hidden:\n:caption: {caption}\n\n{lines}\n```\n"


def title(path):
    """The first heading of a document or notebook, or its name."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n".join("".join(cell["source"]) for cell in cells)
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1] if found else path.stem
