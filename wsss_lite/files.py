"""Files that are never half-written: the cache folder, atomic writes, locks and hashes."""

import contextlib
import errno
import hashlib
import os
import shutil
import site
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from wsss_lite.errors import InputError


def cache_dir():
    """Folder for everything that can be made again: `WSSS_LITE_CACHE`, else the platform's own."""
    if os.environ.get("WSSS_LITE_CACHE"):
        return Path(os.environ["WSSS_LITE_CACHE"]).expanduser()
    home = Path.home()
    if sys.platform == "darwin":
        base = home / "Library" / "Caches"
    elif os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", home / ".cache"))
    return base / "wsss-lite"


def data_dir():
    """Folder `data/` with outlines, results and small weights: the checkout's, else the installed.

    InputError when neither is there.
    """
    beside = Path(__file__).resolve().parents[1] / "data"
    bases = (sys.prefix, sysconfig.get_path("data"), site.getuserbase())
    places = [beside, *(Path(base) / "share" / "wsss-lite" / "data" for base in bases)]
    for place in places:
        # Any package may leave a folder called `data` beside ours; only ours holds this file.
        if (place / "photos" / "outlines.json").is_file():
            return place
    raise InputError(f"The folder {places[1]} is missing; install wsss-lite again.")


@contextlib.contextmanager
def atomic(path):
    """Yield a temporary path beside `path`; on success it takes that name, on failure it goes.

    Works for a file or a folder. A full disk or a folder without write permission becomes an
    InputError with the remedy.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        # The real name is kept inside a private folder, so that writers which look at the
        # suffix (numpy, PIL) see the right one.
        yield holder / path.name
        (holder / path.name).replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
            raise unwritable(path, error) from error
        raise
    finally:
        shutil.rmtree(holder, ignore_errors=True)


def unwritable(path, error):
    """The InputError for a place that cannot be written, with what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        why, remedy = "the disk is full", "free some space"
    else:
        why, remedy = f"the folder is not writable ({error.strerror})", "choose another folder"
    return InputError(f"Cannot write {path}: {why}; {remedy} or set WSSS_LITE_CACHE elsewhere.")


@contextlib.contextmanager
def lock(path, stale_after=1800.0, poll=0.2):
    """Hold `path` as a lock file, so that two notebooks do not build the same thing at once.

    A lock older than `stale_after` seconds belongs to a process that died and is taken over.
    In a folder that cannot be written there is nothing to guard, and no lock is taken.
    """
    path = Path(path)
    held = False
    while not held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            held = True
        except FileExistsError:
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > stale_after:
                    path.unlink()
                    continue
            time.sleep(poll)
        except OSError:
            break
    try:
        yield
    finally:
        if held:
            with contextlib.suppress(OSError):
                path.unlink()


def sha256(path, length=64):
    """Hex digest of a file, cut to `length` characters."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:length]
