"""The sources of a notebook as plain text, for reading and for `git diff`: no outputs, no ids.

    python -m wsss_lite.nbsource notebooks/01_class_activation_maps.ipynb

Git shows notebooks like that after

    git config diff.nbsource.textconv "python -m wsss_lite.nbsource"

since `.gitattributes` names this driver. It needs the standard library only, and a file that is no
notebook, as on one side of a conflict, is printed as it is.
"""

import json
import sys
from pathlib import Path


def sources(text):
    """The text of a notebook's cells, each below a line that tells its kind (and tags)."""
    try:
        cells = json.loads(text)["cells"]
        return "\n".join(map(cell_text, cells))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text


def cell_text(cell):
    """One cell: `# %%` and its kind, then its source and an empty line."""
    source = cell["source"]
    source = source if isinstance(source, str) else "".join(source)
    kind = "" if cell["cell_type"] == "code" else f" [{cell['cell_type']}]"
    tags = cell.get("metadata", {}).get("tags", [])
    named = f" tags={','.join(tags)}" if tags else ""
    return f"# %%{kind}{named}\n{source.rstrip()}\n"


def main(paths):
    """Print the sources of the named files; returns the exit status."""
    if not paths:
        print("usage: python -m wsss_lite.nbsource FILE...", file=sys.stderr)
        return 2
    sys.stdout.reconfigure(encoding="utf-8")
    for path in paths:
        try:
            text = Path(path).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            print(f"Cannot read {path}: {error.strerror}.", file=sys.stderr)
            return 2
        print(sources(text), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
