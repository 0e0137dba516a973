"""Get a large file over a bad line, and unpack an archive that nobody has vouched for.

    path = get(Remote(url, digest="md5:..."), folder)     resumes, checks, retries
    unpack(path, target, inside="VOCdevkit/VOC2012")      regular files only, never outside target

Both raise InputError with one sentence and a remedy. What has arrived of a download stays in
NAME.part, and the next call goes on from there.
"""

import gzip
import hashlib
import http.client
import lzma
import re
import stat
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from wsss_lite.errors import InputError
from wsss_lite.files import unwritable
from wsss_lite.progress import progress

BLOCK = 1 << 20
TIMEOUT = 30  # seconds without a byte
TRIES = 4  # in a row that bring nothing
MOST_BYTES = 20 * 10**9
MOST_FILES = 300_000
AGAIN = "run the same command again, it goes on from there"

DAMAGE = (
    tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError,
    NotImplementedError, RuntimeError,  # an unknown compression, a password
    FileExistsError, IsADirectoryError, NotADirectoryError,  # a name is both file and folder
)  # fmt: skip


@dataclass(frozen=True)
class Remote:
    """A file on a server. digest: "md5:hex", "sha256:hex" or None; megabytes: about."""

    url: str
    digest: str | None = None
    megabytes: float = 0

    @property
    def name(self):
        return PurePosixPath(urlsplit(self.url).path).name


class Broken(Exception):
    """The line broke; trying again may help."""


# Getting


def get(remote, folder, pause=1.0):
    """Download `remote` into `folder` unless it is there; returns its path, checksum verified.

    A file put there by hand is taken too, so a mirror or a browser can help out. pause: seconds
    before the second try in a row, doubled for each further one.

    InputError: no connection, an error page, a broken line (after `TRIES`), a wrong checksum,
    a full disk.
    """
    target = Path(folder) / remote.name
    if target.exists():
        if not _matches(target, remote.digest):
            raise InputError(
                f"{target} has not the published checksum {remote.digest}; delete it and "
                "run the same command again."
            )
        return target
    part = target.with_name(target.name + ".part")
    _make_folder(part.parent)
    resumed = part.exists()
    _fill(remote, part, pause)
    if not _matches(part, remote.digest):
        part.unlink()  # nothing says which bytes are wrong, so there is nothing to go on from
        if resumed:  # the beginning may be that of an older edition
            return get(remote, folder, pause)
        raise InputError(
            f"What {remote.url} sends has not the published checksum {remote.digest} and was "
            f"deleted; try another network, or put the right file at {target} by hand."
        )
    part.replace(target)
    return target


def _make_folder(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def _matches(path, digest):
    if digest is None:
        return True
    name, value = digest.split(":")
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, name).hexdigest() == value


def _fill(remote, part, pause):
    """Call `_go_on` until `part` is complete; tries that brought something do not count."""
    failed = 0
    while True:
        before = _size(part)
        try:
            return _go_on(remote, part)
        except Broken as error:
            failed = 1 if _size(part) > before else failed + 1
            if failed >= TRIES:
                have = f"{_size(part) / 1e6:.1f} MB are kept in {part}; " if part.exists() else ""
                raise InputError(
                    f"No connection to {remote.url} ({error}); {have}check the network and {AGAIN}."
                ) from error
            time.sleep(pause * 2 ** (failed - 1))


def _size(path):
    return path.stat().st_size if path.exists() else 0


def _go_on(remote, part):
    """One request for the bytes that `part` lacks. Broken: they did not all come."""
    have = _size(part)
    headers = {"User-Agent": "wsss-lite", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        request = urllib.request.Request(remote.url, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            start, total = _extent(response, part)
            left = total and -(-(total - start) // BLOCK)
            _pour(progress(_blocks(response), f"{remote.name} (MB)", left), part, start)
    except urllib.error.HTTPError as error:
        _explain(error, remote, part)
        return
    except (OSError, http.client.HTTPException) as error:
        raise Broken(getattr(error, "reason", None) or error) from error
    if total is not None and _size(part) < total:
        raise Broken(f"it ended at {_size(part) / 1e6:.1f} of {total / 1e6:.1f} MB")


def _extent(response, part):
    """(first byte, size of the whole or None) of an answer; a server may ignore the range."""
    if response.status != 206:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdigit() else None
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    if not found or int(found[1]) > _size(part):
        part.unlink(missing_ok=True)
        raise Broken("it sent another piece than it was asked for")
    return int(found[1]), int(found[2])


def _blocks(response):
    while block := response.read(BLOCK):
        yield block


def _pour(blocks, part, start):
    """Write `blocks` into `part` from byte `start` on; a full disk is no reason to try again."""
    with _writing(part):
        stream = open(part, "r+b" if part.exists() else "w+b")
    try:
        stream.truncate(start)
        stream.seek(start)
        for block in blocks:
            with _writing(part):
                stream.write(block)
    finally:
        with _writing(part):
            stream.close()  # flushes, and so may find the disk full


@contextmanager
def _writing(path):
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def _explain(error, remote, part):
    """Turn an HTTP error into one of ours; nothing to do when `part` is complete already."""
    if error.code == 416:  # there are no bytes behind the last one we have
        if error.headers.get("Content-Range") == f"bytes */{_size(part)}":
            return
        part.unlink(missing_ok=True)
        raise Broken("the file is shorter than what was kept of it") from error
    if error.code >= 500 or error.code in (408, 429):
        raise Broken(f"the server answers {error.code} {error.reason}") from error
    raise InputError(
        f"{remote.url} answers {error.code} {error.reason}; the file may have moved: find "
        f"{remote.name} elsewhere and put it at {part.with_suffix('')}."
    ) from error


# Unpacking


@dataclass
class Member:
    """One entry of an archive. kind: "file", "folder" or "link or device"; open: a function."""

    name: str
    kind: str
    open: Any


def unpack(archive, target, inside="", most_bytes=MOST_BYTES):
    """Write the regular files of a tar or zip below its folder `inside` to the folder `target`.

    Nothing is trusted: an absolute name, "..", a drive letter anywhere in the archive, and a link
    or a device below `inside`, stop it; so does more than `most_bytes` of content, whatever the
    headers claim. Owners, rights and times are ignored. Returns the number of files.

    InputError: the above, or a damaged archive. `target` then holds a part, so unpack into a
    folder that `atomic` will remove.
    """
    target, inside = Path(target), PurePosixPath(inside).parts
    count, left = 0, most_bytes
    with _damage(archive):
        for member in progress(_members(archive), f"unpacking {Path(archive).name}"):
            parts = _safe_parts(member.name, archive)
            if parts[: len(inside)] != inside:
                continue
            path = target.joinpath(*parts[len(inside) :])
            if member.kind == "folder":
                path.mkdir(parents=True, exist_ok=True)
            elif member.kind == "file":
                path.parent.mkdir(parents=True, exist_ok=True)
                left -= _copy(member, path, left)
                count += 1
            else:
                raise _refused(archive, member.name, "is a link or a device")
            if left < 0 or count > MOST_FILES:
                raise _refused(archive, member.name, f"makes it larger than {most_bytes} bytes")
    if not count:
        raise InputError(f"{archive} holds no files below {'/'.join(inside)}; delete it.")
    return count


def _members(archive):
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                yield Member(info.filename, _zip_kind(info), lambda i=info: opened.open(i))
    else:
        with tarfile.open(archive, "r:*") as opened:
            for info in opened:
                kind = "file" if info.isfile() else "folder" if info.isdir() else "link or device"
                yield Member(info.name, kind, lambda i=info: opened.extractfile(i))


def _zip_kind(info):
    """A zip made on Unix keeps the file type in the upper half of its attributes; 0: not said."""
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "link or device"
    return "folder" if info.is_dir() else "file"


def _safe_parts(name, archive):
    """Parts of a member's name. InputError: it could lead out of the folder, here or on Windows."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or re.search(r"[\\:\0]", name):
        raise _refused(archive, name, "leads out of its folder")
    return path.parts


def _copy(member, path, most):
    """Copy one file; returns its bytes, or stops as soon as they exceed `most`."""
    size = 0
    with member.open() as source, open(path, "wb") as sink:
        while size <= most and (block := source.read(BLOCK)):
            size += len(block)
            sink.write(block)
    return size


def _refused(archive, name, why):
    return InputError(f"{archive} holds {name!r}, which {why}; delete the archive, do not use it.")


@contextmanager
def _damage(archive):
    try:
        yield
    except DAMAGE as error:
        raise InputError(
            f"{archive} is damaged ({error}); delete it and run the same command again."
        ) from error
