"""From the checkout to the site: gather the sources, write the landing page, call Sphinx."""

import shutil
import sys
from pathlib import Path

from wsss_lite.book.landing import landing
from wsss_lite.errors import InputError
from wsss_lite.exercises.links import exercises_of

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "build" / "book"
# In the order of the side bar; what else lies beside them and ends in .md follows.
FIRST = ("GLOSSARY.md", "TEACHING.md", "TROUBLESHOOTING.md")
DOCUMENTS = ("*.md", "docs/*.md", "data/README.md", "data/photos/README.md", "teaching/**/*.md")
FILES = ("LICENSE*", "CITATION.cff", "Dockerfile", "docs/*.*", "benchmarks/*.json",
         "notebooks/figures/*.*")  # linked to by documents  # fmt: skip

STYLE = """\
@media (min-width: 100em) { .content { width: 56em; } }
.wsss-moving select, .wsss-moving input { font: inherit; }
.wsss-moving :focus-visible { outline: 3px solid #0072b2; outline-offset: 2px; }
div.cell_output { overflow-x: auto; }
div.cell_output :is(th, td) { padding: 0 .5em; }
"""
SETTINGS = {
    "project": "wsss-lite",
    "author": "The wsss-lite authors",
    "language": "en",
    "extensions": ["myst_nb", "wsss_lite.book.mathml"],
    "highlight_language": "none",  # of blocks that name no language
    "html_theme": "furo",
    "html_title": "wsss-lite",
    "html_static_path": ["_static"],
    "html_css_files": ["book.css"],
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_math_renderer": "mathml",
    "nb_execution_mode": "off",
    "nb_output_stderr": "remove",
    "nb_ipywidgets_js": {},  # else pages with widgets would fetch scripts from elsewhere
    "myst_enable_extensions": ["dollarmath"],
    "myst_heading_anchors": 4,
    # Headings below the second level without one of the second: the notebooks' business.
    "suppress_warnings": ["myst.header"],
}


def build(output=OUTPUT, chapters=(), root=ROOT):
    """Write the site into a folder; returns the number of its chapters.

    chapters: beginnings of notebook names, all by default. Raises InputError where no notebook has
    such a name, or Sphinx is not installed.
    """
    names = sorted(path.name for path in (root / "notebooks").glob("*.ipynb"))
    if chapters:
        names = [name for name in names if name.startswith(tuple(chapters))]
    if not names:
        raise InputError(f"{root / 'notebooks'} has no notebook of that name; name one, as in 01.")
    output = Path(output).resolve()
    source = output.with_name(f"{output.name}-source")
    gather(source, names, root)
    run_sphinx(source, output)
    return len(names)


def gather(source, chapters, root=ROOT):
    """Lay out what the site is made from, as it lies in the checkout, so that links hold."""
    shutil.rmtree(source, ignore_errors=True)
    pages = [path.relative_to(root) for pattern in DOCUMENTS for path in root.glob(pattern)]
    pages = sorted(set(pages), key=lambda page: (_rank(page), page.as_posix()))
    files = [path.relative_to(root) for pattern in FILES for path in root.glob(pattern)]
    exercises = map(exercises_of, chapters)
    books = [Path("notebooks", name) for name in (*chapters, *exercises)]
    for place in [*pages, *files, *(book for book in books if (root / book).is_file())]:
        (source / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / place, source / place)  # with its time, by which Sphinx knows it again
    (source / "_static").mkdir(parents=True)
    (source / "_static" / "book.css").write_text(STYLE, encoding="utf-8")
    (source / "index.md").write_text(landing(root, chapters, pages), encoding="utf-8")


def _rank(page):
    return FIRST.index(page.name) if page.as_posix() in FIRST else len(FIRST)


def run_sphinx(source, output):
    """Write the HTML of a folder of sources; what Sphinx warns of goes to the error stream."""
    try:
        from sphinx.application import Sphinx
    except ImportError:
        raise InputError("The book needs Sphinx; `pip install '.[book]'` brings it.") from None
    trees = output.with_name(f"{output.name}-trees")
    app = Sphinx(
        str(source), None, str(output), str(trees), "html",
        confoverrides=SETTINGS, status=None, warning=sys.stderr,
    )  # fmt: skip
    app.build()
    if app.statuscode:
        raise InputError("Sphinx could not write the book; its messages above say why.")
