"""`python -m wsss_lite.book`: build the site, then check it."""

import argparse
import sys
import time
from pathlib import Path

from wsss_lite.book.build import OUTPUT, build
from wsss_lite.book.check import problems
from wsss_lite.errors import InputError


def main(arguments=None):
    """Build the book; 0 if every link in it leads somewhere and nothing is loaded from outside."""
    parser = argparse.ArgumentParser(prog="wsss_lite.book", description="The course as a site.")
    parser.add_argument("chapters", nargs="*", help="beginnings of names, such as 01; default: all")
    parser.add_argument("-o", "--output", type=Path, default=OUTPUT, help="folder of the site")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        count = build(options.output, options.chapters)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    found = problems(options.output, links=not options.chapters)
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    seconds = time.perf_counter() - started
    print(f"{count} chapters in {seconds:.0f} s; open {options.output / 'index.html'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
