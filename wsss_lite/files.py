"""Files that are never half-written: the cache folders, atomic writes, locks and hashes."""

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


def shared_dir():
    """Folder that `wsss-lite warm --to` filled for many (`WSSS_LITE_SHARED`); None: there is none.

    It is read and never written. What it lacks is made in `cache_dir()`, as if it were not there.
    InputError when the variable names no folder that can be read.
    """
    if not os.environ.get("WSSS_LITE_SHARED"):
        return None
    folder = Path(os.environ["WSSS_LITE_SHARED"]).expanduser()
    if not (folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)):
        raise InputError(
            f"WSSS_LITE_SHARED names {folder}, which is no folder that can be read; fill it with "
            f"`wsss-lite warm --to {folder}`, or unset the variable."
        )
    return folder


def open_to_all(folder):
    """Let everybody read a folder and all that is in it, whatever the umask of its owner was."""
    for place, folders, names in os.walk(folder):
        for name in (".", *folders, *names):
            path = Path(place, name)
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if path.is_dir() else 0))


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


def too_long(name):
    """Whether no file can have this name (parts divided by "/"), as systems limit their length."""
    return len(name.encode()) > 2000 or any(len(part.encode()) > 240 for part in name.split("/"))


def sha256(path, length=64):
    """Hex digest of a file, cut to `length` characters."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()[:length]


# The cache's size: what was used last stays


IN_USE = 3600.0  # seconds; a folder used since then may still be read by somebody
USUAL_CAP = 2_000_000_000  # bytes of all features together, unless the reader allows another sum


def touch(path):
    """Mark a file or folder as used now; nothing where it is not there or may not be written."""
    with contextlib.suppress(OSError):
        os.utime(path)


def shrink_files(folder, cap_bytes, held=()):
    """Delete the least recently used .npy files of a folder, but none that is `held`.

    Where the environment sets another cap (see `cap`), this one grows or shrinks with it.
    """
    cap_bytes *= cap(USUAL_CAP) / USUAL_CAP
    files = sorted(Path(folder).glob("*.npy"), key=lambda f: f.stat().st_mtime)
    total = sum(f.stat().st_size for f in files)
    for path in files:
        if total <= cap_bytes:
            break
        if path not in held:
            total -= path.stat().st_size
            path.unlink(missing_ok=True)


def cap(usual):
    """Bytes that cached features may fill: `WSSS_LITE_CACHE_GB` where it is set, else as usual."""
    text = os.environ.get("WSSS_LITE_CACHE_GB", "").strip()
    try:
        wanted = float(text) * 1e9 if text else usual
    except ValueError:
        wanted = -1
    if text and not wanted > 0:
        raise InputError(f"WSSS_LITE_CACHE_GB is {text!r}; give a number of gigabytes, such as 40.")
    return wanted


def shrink_folders(root, cap_bytes, in_use=IN_USE):
    """Delete the least recently used folders below `root` until they fit under the cap.

    The environment may set another cap (see `cap`): a large world needs one.

    One world seen at many sizes can exceed it alone; then its oldest .npy files go too. Nothing
    that was used in the last `in_use` seconds goes: another notebook may be reading it. Until
    it is put down, the cap is exceeded. Another process may be deleting at the same time.
    """
    cap_bytes = cap(cap_bytes)
    folders = [f for f in Path(root).iterdir() if f.is_dir()] if Path(root).is_dir() else []
    found = {f: facts(Path(d, n) for d, _, names in os.walk(f) for n in names) for f in folders}
    sizes = {f: sum(size for _, size, _ in files) for f, files in found.items()}
    for used, _, folder in facts(folders):
        if sum(sizes.values()) <= cap_bytes or time.time() - used < in_use:
            break
        shutil.rmtree(folder, ignore_errors=True)
        sizes.pop(folder)
    over = sum(sizes.values()) - cap_bytes
    for used, size, path in sorted(x for f in sizes for x in found[f]):
        if over <= 0 or time.time() - used < in_use:
            break
        if path.suffix == ".npy":
            over -= size
            path.unlink(missing_ok=True)


def facts(paths):
    """[(last use, bytes, path), ...], the oldest first, of what is still there."""
    out = []
    for path in paths:
        with contextlib.suppress(OSError):
            about = path.stat()
            out.append((about.st_mtime, about.st_size, path))
    return sorted(out)
