"""How many students fit on a hub: several kernels at once, one read-only cache, one notebook each.

    python -m benchmarks.hub                       8 kernels, two cores, notebook 01
    python -m benchmarks.hub --kernels 2 --cores 1 --note "beside other work"

Every kernel has a private cache that is empty at first, and all read one shared folder that
`wsss-lite warm --to` has filled. Measured are wall time, CPU time, memory and disk; that nothing
was written to the shared folder; that no cell failed. Then it is multiplied up to a class of sixty,
which is arithmetic and was not measured. Writes benchmarks/hub.json and the table of
docs/HOSTING.md. Linux only: memory shared between processes is told from their own by /proc.

Memory is the proportional set size: pages that several kernels map, such as libraries, are counted
once and shared out among them.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.readme import fill, markdown
from wsss_lite.execute import NOTEBOOKS, chosen, client_for
from wsss_lite.files import atomic
from wsss_lite.warm import warm

CLASS = 60  # students
RECORD = Path(__file__).with_name("hub.json")
PAGE = NOTEBOOKS.parent / "docs" / "HOSTING.md"
EVERY = 0.5  # seconds between two looks at the memory


def measure(kernels, notebook, shared, own):
    """Run one notebook in so many kernels at once; returns what it took, as a dict.

    shared: the filled folder; own: where each kernel gets an empty cache.
    """
    before, started, used = listing(shared), time.perf_counter(), cpu_seconds()
    clients = [client_for(notebook, timeout=3000) for _ in range(kernels)]
    homes = [own / f"student-{k}" for k in range(kernels)]
    failures, peaks = asyncio.run(together(clients, homes, shared))
    wall = time.perf_counter() - started
    return {
        "notebook": notebook.name,
        "kernels": kernels,
        "failures": failures,
        "shared_folder_unchanged": listing(shared) == before,
        "wall_seconds": round(wall, 1),
        "cpu_seconds_a_kernel": round((cpu_seconds() - used) / kernels, 1),
        "peak_pss_mb_all": round(peaks["Pss"]),
        "peak_rss_mb_a_kernel": round(peaks["Rss"]),
        "shared_mb": round(size(shared)),
        "own_mb_a_kernel": round(sum(map(size, homes)) / kernels, 1),
    }


async def together(clients, homes, shared):
    """([what failed], {"Pss": MB of all kernels at their worst, "Rss": MB of the largest})."""
    environments = [
        os.environ
        | {"WSSS_LITE_CACHE": str(home), "WSSS_LITE_SHARED": str(shared), "OMP_NUM_THREADS": "1"}
        for home in homes
    ]
    peaks = {"Pss": 0.0, "Rss": 0.0}
    watching = asyncio.create_task(watch(clients, peaks))
    runs = [one.async_execute(env=env) for one, env in zip(clients, environments)]
    done = await asyncio.gather(*runs, return_exceptions=True)
    watching.cancel()
    return [str(one)[-300:] for one in done if isinstance(one, BaseException)], peaks


async def watch(clients, peaks):
    """Look at the memory of the kernels until cancelled."""
    while True:
        found = [memory(pid) for pid in map(pid_of, clients) if pid]
        peaks["Pss"] = max(peaks["Pss"], sum(one.get("Pss", 0) for one in found))
        peaks["Rss"] = max([peaks["Rss"], *(one.get("Rss", 0) for one in found)])
        await asyncio.sleep(EVERY)


def pid_of(client):
    """Process number of a client's kernel; None before it has started and after it has ended."""
    provisioner = getattr(client.km, "provisioner", None)
    return getattr(getattr(provisioner, "process", None), "pid", None)


def memory(pid):
    """{"Pss": MB, "Rss": MB} of a process; empty when it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return {}
    rows = (line.split() for line in text.splitlines() if line.startswith(("Pss:", "Rss:")))
    return {row[0].rstrip(":"): int(row[1]) / 1e3 for row in rows}


def cpu_seconds():
    """CPU time of all processes that were started from here and have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def listing(folder):
    """{path: (bytes, time of the last change)} of all in a folder."""
    return {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(folder.rglob("*"))}


def size(folder):
    """MB in a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


# From eight to a class


def extrapolated(found, students=CLASS):
    """What a class would take if it did the same at once; arithmetic, not a measurement."""
    share = students / found["kernels"]
    work = found["cpu_seconds_a_kernel"] * students
    return {
        "students": students,
        "memory_gb": round(found["peak_pss_mb_all"] * share / 1e3, 1),
        "disk_gb": round((found["shared_mb"] + found["own_mb_a_kernel"] * students) / 1e3, 1),
        "cpu_hours": round(work / 3600, 2),
        "minutes_on": {str(cores): round(work / cores / 60, 1) for cores in (2, 8, 16, 32)},
    }


def table(found):
    """The sizing table of docs/HOSTING.md."""
    large, kernels = found["extrapolated"], found["kernels"]
    rows = [
        ("memory of the kernels", f"{found['peak_pss_mb_all'] / 1e3:.1f} GB",
         f"{large['memory_gb']:.0f} GB"),
        ("disk, shared", *2 * (f"{found['shared_mb'] / 1e3:.1f} GB",)),
        ("disk, private caches", f"{found['own_mb_a_kernel'] * kernels / 1e3:.2f} GB",
         f"{found['own_mb_a_kernel'] * large['students'] / 1e3:.1f} GB"),
        ("CPU time", f"{found['cpu_seconds_a_kernel'] * kernels / 60:.0f} min",
         f"{large['cpu_hours'] * 60:.0f} min"),
        (f"minutes, on {found['cores']} cores", f"{found['wall_seconds'] / 60:.0f}",
         f"{large['minutes_on']['2']:.0f}"),
    ]  # fmt: skip
    rows += [
        (f"minutes, on {n} cores", "–", f"{large['minutes_on'][n]:.0f}") for n in ("8", "16", "32")
    ]
    head = ["notebook 01, all at once", f"{kernels} kernels, measured",
            f"{large['students']} kernels, calculated"]  # fmt: skip
    return markdown(head, rows)


def main(argv=None):
    """Measure, write the record and fill the table; the exit status is 1 if a kernel failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hub", description=main.__doc__)
    parser.add_argument("--kernels", type=int, default=8)
    parser.add_argument("--cores", type=int, default=2, help="the kernels may use so many")
    parser.add_argument("--notebook", default="01")
    parser.add_argument("--shared", type=Path, help="a folder that `warm --to` filled already")
    parser.add_argument("--note", default="", help="a word on the machine, kept in the record")
    parser.add_argument("--table", action="store_true", help="only fill the table from the record")
    arguments = parser.parse_args(argv)
    if not arguments.table:
        found = run(arguments)
        with atomic(RECORD) as part:
            part.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    found = json.loads(RECORD.read_text(encoding="utf-8"))
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), {"hub": table(found)}), encoding="utf-8")
    print(json.dumps(found, indent=1))
    return int(bool(found["failures"]) or not found["shared_folder_unchanged"])


def run(arguments):
    """The whole measurement in a temporary folder."""
    cores = sorted(os.sched_getaffinity(0))[: arguments.cores]
    os.sched_setaffinity(0, cores)  # the kernels inherit it
    with tempfile.TemporaryDirectory() as place:
        shared = arguments.shared or Path(place) / "shared"
        if arguments.shared is None:
            for line in warm(to=shared, chapters=(arguments.notebook,)):
                print(line, file=sys.stderr)
        [notebook] = chosen([arguments.notebook])
        found = measure(arguments.kernels, notebook, shared, Path(place))
    about = {"cores": len(cores), "machine": f"{platform.machine()}, Python "
             f"{platform.python_version()}", "note": arguments.note}  # fmt: skip
    return found | about | {"extrapolated": extrapolated(found)}


if __name__ == "__main__":
    sys.exit(main())
