"""`wsss-lite run`: methods from annotation to score, one after the other or all of them."""

import json
import sys
from pathlib import Path

from wsss_lite.errors import InputError

OWN_OUTPUT = "wsss-lite-out"
OWN_TRUNK = "lite0"  # the trunk of every recorded row


def run(arguments):
    """Run what the command line named. InputError for options that contradict each other."""
    from wsss_lite.distributed import labs, launched

    chosen = methods_of(arguments)
    refuse(arguments, chosen)
    with labs() as (make, speaks):
        lab = lab_of(arguments, make)
        if arguments.all and as_recorded(arguments) and not (arguments.save or launched()):
            return run_all(arguments, lab)
        rows, left_out = rows_of(arguments, chosen, lab, speaks)
    if speaks:
        say_left_out(left_out, rows)
        if arguments.json:
            print(json.dumps(rows, indent=1))


def methods_of(arguments):
    """The `Method` objects that are asked for."""
    from wsss_lite.registry import find, methods

    if arguments.all and arguments.methods:
        raise InputError("Name methods or give --all, not both.")
    names = list(methods()) if arguments.all else arguments.methods
    if not names:
        raise InputError("Name a method, or give --all; `wsss-lite methods` lists them.")
    return [find(name) for name in names]


def as_recorded(arguments):
    """Whether the options leave a run as the recorded ones are."""
    whole = not arguments.limit and arguments.until == "segmenter"
    plain = not arguments.finetune and not arguments.knob
    return whole and plain and arguments.trunk == OWN_TRUNK


def refuse(arguments, chosen):
    """InputError for options that do not go together."""
    if arguments.record and (arguments.limit or arguments.until != "segmenter"):
        raise InputError("Only whole runs are recorded: leave out --limit and --until.")
    if arguments.record and not as_recorded(arguments):
        raise InputError("Rows are recorded as methods are: leave out --finetune, --knob and "
                         "--trunk.")  # fmt: skip
    for method in chosen:
        refuse_unknown_knobs(method, dict(arguments.knob))
    if arguments.save and (len(chosen) > 1 or arguments.until == "maps"):
        raise InputError("--save keeps the segmenter of one method, run beyond its maps.")
    if arguments.save and arguments.save.suffix != ".safetensors":
        raise InputError(f"The file of --save {arguments.save} has to end in .safetensors.")


def lab_of(arguments, make):
    """The lab of the world, on a trunk that was fine-tuned first where that is wanted."""
    trunk, weights = trunk_and_weights(arguments.trunk)
    seed = arguments.seed or 0
    lab = make(arguments.world, trunk, weights, seed, arguments.limit)
    return finetuned(lab, make, seed, arguments.limit) if arguments.finetune else lab


def rows_of(arguments, chosen, lab, speaks):
    """(rows, {sentence: methods that the world cannot serve}): left out only if all were asked for.

    Of several processes only the one that `speaks` writes.
    """
    rows, left_out = [], {}
    for method in chosen:
        try:
            rows.append(lab.run(method.name, until=arguments.until, **dict(arguments.knob)))
        except InputError as error:
            if not arguments.all:
                raise
            left_out.setdefault(str(error), []).append(method.name)
            continue
        saved = keep_segmenter(lab) if arguments.save else None
        if speaks:
            write_all(arguments, lab, method, rows[-1], saved)
    return rows, left_out


def write_all(arguments, lab, method, row, saved):
    """What a run leaves behind: a recorded row, a folder, a segmenter, a line."""
    from wsss_lite import results

    if arguments.record:
        results.record(row, lab, method)
    if arguments.out or not lab.world.has_masks:
        write_out(lab, method, arguments.out)
    if saved:
        saved.save(arguments.save)
    if not arguments.json:
        print(one_line(row), flush=True)


def finetuned(lab, make, seed, limit):
    """A lab of the same world on a trunk that has learnt its tags."""
    import warnings

    from wsss_lite.nets.finetune import finetune

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        trunk = finetune(lab)
    for one in said:
        to_stderr(f"wsss-lite: {one.message}")
    if hasattr(lab, "team"):
        lab.team.copy(trunk.model)  # GPUs do not add up in one order, and all have to agree
    return make(lab.world, trunk, None, seed, limit)


def keep_segmenter(lab):
    """The segmenter of the last run; a folder without masks has trained none, so this does."""
    from wsss_lite.segment import Segmenter

    return Segmenter.of(lab)


def refuse_unknown_knobs(method, knobs):
    """InputError for a knob that the method has not; says which it has."""
    import inspect

    known = inspect.signature(method.function).parameters
    named = [n for n in known if n not in ("view", "seed")]
    if any(p.kind is p.VAR_KEYWORD for p in known.values()):
        return
    for name in knobs:
        if name not in named:
            has = f"its knobs are {', '.join(named)}" if named else "it has none"
            raise InputError(f"{method.name} has no knob {name!r}; {has}.")


def run_all(arguments, lab):
    """Every row that the world permits, from the store where it is there; then the ladder."""
    from wsss_lite import results
    from wsss_lite.registry import find

    name, scored = lab.world.name, lab.world.has_masks
    own = results.store_for(lab, arguments.out or OWN_OUTPUT)
    where = results.folder() if arguments.world == "pocket" else own  # even where all is stale
    jobs = results.jobs_of(name, "segmenter" if lab.test and scored else "pseudo", arguments.seed)

    def unwritten(method, seed):  # without scores the masks are the result
        return not scored and seed == jobs[0][1] and not out_of(lab, method, arguments.out).is_dir()

    rows, left_out, kept = [], {}, 0
    for method, entry, how in results.climb(lab, jobs, where, unwritten, say=to_stderr):
        if entry is None:
            left_out.setdefault(how, []).append(method)
            continue
        rows.append(entry["row"])
        kept += how == "kept"
        if how == "computed" and (arguments.out or not scored) and lab.seed == jobs[0][1]:
            write_out(lab, find(method), arguments.out)
        if how == "computed" and not arguments.json:
            print(one_line(entry["row"]), flush=True)
    say_left_out(left_out, rows)
    to_stderr(f"wsss-lite: {len(rows)} rows, {kept} of them recorded before, are in {where / name}")
    if arguments.json:
        print(json.dumps(rows, indent=1))
    elif scored:
        from wsss_lite.rungs import listed, rungs

        print(listed(rungs(name, None, where)).markdown())


def to_stderr(text):
    print(text, file=sys.stderr, flush=True)


def say_left_out(left_out, rows):
    """Say which methods a world could not serve; InputError if there was nothing that it could.

    left_out: {sentence: methods}.
    """
    if left_out and not rows:
        raise InputError(next(iter(left_out)))
    for sentence, names in left_out.items():
        to_stderr(f"wsss-lite: left out {', '.join(names)}: {sentence}")


def trunk_and_weights(given):
    """(timm name, checkpoint or None) of what --trunk was given."""
    return ("lite0", given) if Path(given).is_file() else (given, None)


def write_out(lab, method, out):
    from wsss_lite.export import export

    target = out_of(lab, method.name, out)
    sheet = export(lab, target)
    to_stderr(f"wsss-lite: pseudo masks, overlays and {sheet.name} are in {target}")


def out_of(lab, name, out):
    """Folder of what a method's run writes."""
    return Path(out or OWN_OUTPUT) / Path(lab.world.name).name / name


def one_line(row):
    """A row as a person reads it: the scores in percent."""
    keys = ("miou_maps", "miou_pseudo", "miou_test", "precision", "recall")
    shown = [f"{k.replace('miou_', '')} {100 * row[k]:.1f}" for k in keys if row[k] is not None]
    return f"{row['method']:16} {', '.join(shown) or 'no masks to score'}, {row['seconds']:.0f} s"
