"""The command line: `wsss-lite methods | cite | run | segment | report | cam | fetch | ...`."""

import argparse
import errno
import json
import os
import sys
from pathlib import Path

from wsss_lite.assist.real import MODELS
from wsss_lite.errors import InputError
from wsss_lite.files import unwritable

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)


def main(argv=None):
    """Run one command; bad input ends in one sentence on standard error and exit code 2."""
    arguments = parser().parse_args(argv)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing here goes to a hub unasked
    try:
        code = arguments.command(arguments) or 0
        sys.stdout.flush()  # a full disk behind `> file` shows here and not after the end
        return code
    except InputError as error:
        print(f"wsss-lite: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        said = "stopped; what was finished is kept, nothing is half-written."
        print(f"wsss-lite: {said}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        silence_output()
        return 0
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        silence_output()
        where = error.filename or "the output"
        print(f"wsss-lite: {unwritable(where, error)}", file=sys.stderr)
        return 2


def silence_output():
    """Drop what standard output does not take any more, so that Python's exit is quiet."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def parser():
    top = argparse.ArgumentParser(prog="wsss-lite", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name, function, help):
        sub = commands.add_parser(name, help=help, description=help)
        sub.set_defaults(command=function)
        return sub

    sub = add("methods", list_methods, "list the methods, with their facts")
    sub.add_argument("--json", action="store_true")
    sub = add("cite", cite, "print the BibTeX entry of a method's paper")
    sub.add_argument("method")

    sub = add("run", run, "take methods from annotation to score")
    sub.add_argument("methods", nargs="*", metavar="METHOD")
    help = "every method that the world permits, kept in a results store; goes on where it stopped"
    sub.add_argument("--all", action="store_true", help=help)
    sub.add_argument("--world", default="pocket", help="pocket, photos or a folder")
    sub.add_argument("--trunk", default="lite0", help="timm model name, or a checkpoint of lite0")
    sub.add_argument("--until", default="segmenter", choices=("maps", "pseudo", "segmenter"))
    sub.add_argument("--limit", type=positive, help="use only the first N pictures of a split")
    sub.add_argument("--seed", type=seed, help="default: 0, and with --all each of 0, 1, 2")
    sub.add_argument("--json", action="store_true")
    sub.add_argument("--record", action="store_true", help="write the row to the results store")
    sub.add_argument("--out", type=Path, help="write pseudo masks, overlays and a contact sheet")
    help = "a knob of the method, such as clip=ViT-B-16; may be given several times"
    sub.add_argument("--knob", type=knob, action="append", default=[], metavar="K=V", help=help)
    help = "fine-tune the last stage of the trunk on the tags first (wants a GPU)"
    sub.add_argument("--finetune", choices=("last",), help=help)
    help = "write the trained segmenter (.safetensors), for `segment`; works without masks too"
    sub.add_argument("--save", type=Path, help=help)

    sub = add("segment", segment, "use a segmenter that `run --save` wrote on any pictures")
    sub.add_argument("model", type=Path, help="the .safetensors file")
    sub.add_argument("images", nargs="+", metavar="IMAGE", help="pictures, or folders of them")
    help = "folder for palette PNGs as VOC has them, COCO JSON and a contact sheet"
    sub.add_argument("-o", "--out", type=Path, default=Path("wsss-lite-out/segmented"), help=help)

    sub = add("report", report, "will it work on mine? One page about a folder with tags")
    sub.add_argument("world", metavar="FOLDER", help="a folder of tags or in VOC layout")
    help = "the .html file (default: FOLDER-report.html, here)"
    sub.add_argument("-o", "--out", type=Path, help=help)
    sub.add_argument("--trunk", default="lite0")
    sub.add_argument("--seed", type=seed, default=0)

    sub = add("cam", cam, "name a picture's content and show where it is")
    sub.add_argument("images", nargs="+", metavar="IMAGE")
    sub.add_argument("--class", dest="name", help="an ImageNet class name, in place of the best")
    sub.add_argument("-o", "--out", type=Path, default=Path("."))
    sub.add_argument("--trunk", default="lite0")

    help = "download a data set or a large model (not run against the live hosts by us)"
    sub = add("fetch", fetch, help)
    sub.add_argument("name", choices=("voc2012", "sbd", "pets", "coco-mini", *MODELS))
    help = "where to put a data set (default: the cache folder); a model goes to the hub's cache"
    sub.add_argument("--root", type=Path, help=help)
    sub = add("check", check, "say what is wrong with a folder in VOC layout, file by file")
    sub.add_argument("root", type=Path)
    add("cache", cache, "show the cache folder and its size")
    sub = add("warm", warm, "build the scenes and their features ahead of a course")
    sub.add_argument("--trunk", default="lite0")
    help = "fill this folder instead, for many to read: they set WSSS_LITE_SHARED to it"
    sub.add_argument("--to", type=Path, metavar="FOLDER", help=help)
    help = "also run these notebooks once, such as 00 01 02, for what they leave in the cache"
    sub.add_argument("--notebooks", nargs="+", default=(), metavar="NUMBER", help=help)
    sub = add("bench", bench, "measure beside the peers, in one run")
    sub.add_argument("--json", action="store_true")
    sub = add("demo", demo, "the ladder on 300 scenes, and a picture")
    sub.add_argument("-o", "--out", type=Path, default=Path("work/demo.png"))
    return top


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a number of at least 1")
    return number


def knob(text):
    """("power", 2) of "power=2": numbers, true, false and null as in JSON, all else is a name."""
    name, _, value = text.partition("=")
    if not name.isidentifier() or not value:
        raise argparse.ArgumentTypeError("write a knob as name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def seed(text):
    number = int(text)
    if not 0 <= number < 2**32:  # what NumPy and torch both take
        raise argparse.ArgumentTypeError("give a number from 0 to 4294967295")
    return number


def list_methods(arguments):
    from wsss_lite.registry import methods

    known = methods()
    if arguments.json:
        print(json.dumps([m.facts() for m in known.values()], indent=1))
        return
    for m in known.values():
        needs = f" + {', '.join(m.needs)}" if m.needs else ""
        print(f"{m.name:14} {m.category:24} {m.supervision + needs:12} {m.venue} {m.year}")


def cite(arguments):
    from wsss_lite.registry import find
    from wsss_lite.results import data_dir

    method = find(arguments.method)
    if not method.cite:
        raise InputError(f"{method.name} has no paper of its own: it is a baseline of this course.")
    entries = (data_dir() / "methods.bib").read_text(encoding="utf-8").split("\n\n")
    print(next(e for e in entries if f"{{{method.cite}," in e).strip())


def run(arguments):
    from wsss_lite.cli_run import run as with_all_its_options

    return with_all_its_options(arguments)


def segment(arguments):
    from wsss_lite.export import segment_files

    print(segment_files(arguments.model, arguments.images, arguments.out))


def report(arguments):
    from wsss_lite.cli_run import trunk_and_weights
    from wsss_lite.report import report as examine

    trunk, weights = trunk_and_weights(arguments.trunk)
    found = examine(arguments.world, trunk, weights, arguments.seed)
    path = found.write(arguments.out or Path(f"{Path(found.name).name}-report.html"))
    print(f"{found.summary()}\nthe whole report: {path}")


def cam(arguments):
    from wsss_lite.cli_run import trunk_and_weights
    from wsss_lite.export import explain

    trunk, weights = trunk_and_weights(arguments.trunk)
    for line in explain(arguments.images, arguments.name, arguments.out, trunk, weights):
        print(line)


def fetch(arguments):
    if arguments.name in MODELS:
        from wsss_lite.assist.real import fetch_model

        print(fetch_model(arguments.name))
        return
    from wsss_lite.data.download import fetch as download
    from wsss_lite.files import cache_dir

    print(download(arguments.name, arguments.root or cache_dir() / "datasets"))


def check(arguments):
    from wsss_lite.data.folder import check as problems

    found = problems(arguments.root)
    print("\n".join(found) or f"{arguments.root}: nothing is missing.")
    return 1 if found else 0


def cache(arguments):
    from wsss_lite.files import cache_dir, shared_dir

    folder = cache_dir()
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) if folder.is_dir() else 0
    print(f"{folder}: {size / 1e6:.0f} MB (delete it at any time; set WSSS_LITE_CACHE to move it)")
    if shared_dir():
        print(f"{shared_dir()}: shared (WSSS_LITE_SHARED), only read")


def warm(arguments):
    from wsss_lite.warm import warm as fill

    for line in fill(arguments.trunk, arguments.to, arguments.notebooks):
        print(line, flush=True)


def bench(arguments):
    import runpy

    path = Path(__file__).resolve().parents[1] / "benchmarks" / "bench.py"
    if not path.is_file():
        raise InputError(
            f"There is no file {path}: the benchmarks are not installed with the package, "
            "run `wsss-lite bench` from a checkout (`pip install -e .` there)."
        )
    runpy.run_path(str(path))["main"](as_json=arguments.json)


def demo(arguments):
    from wsss_lite.export import ladder

    print(ladder(arguments.out))


if __name__ == "__main__":
    sys.exit(main())
