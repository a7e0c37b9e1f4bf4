"""Whole files on disk: read within a limit, written whole or not at all."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from pauca.errors import InputError
from pauca.limits import Limits

PathLike = str | os.PathLike[str]

# Errors of `link` that mean "this file system has no hard links", not "this name is taken".
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}


def read_file(path: PathLike, limits: Limits | None = None) -> bytes:
    """Return the bytes of the file at `path`; `InputError` if unreadable, `LimitError` if large."""
    limits = limits or Limits()
    try:
        with open(path, "rb") as file:
            # A pipe or device reports size 0, so the read itself is bounded as well.
            limits.check_bytes(os.fstat(file.fileno()).st_size)
            data = file.read(limits.max_bytes + 1)
    except OSError as error:
        raise InputError(f"cannot read {os.fspath(path)}: {_reason(error)}") from error
    except ValueError as error:  # a name that holds a zero
        raise InputError(f"cannot read {os.fspath(path)!r}: {error}") from error
    limits.check_bytes(len(data))
    return data


def check_target(path: PathLike, force: bool = False) -> None:
    """Raise `InputError` if `atomic_write` to `path` would be refused; call it before the work."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise InputError(f"cannot write {os.fspath(path)}: it is a folder")
    if not target.parent.is_dir():
        raise InputError(f"cannot write {os.fspath(path)}: no folder {target.parent}")
    if target.is_file() and not force:
        raise _exists(path)


def atomic_write(path: PathLike, data: bytes | memoryview, force: bool = False) -> None:
    """Write `data` to `path` whole or not at all: temp file beside it, fsync, rename.

    An existing file is replaced only with `force`, and never half: a file that another process
    creates meanwhile is not lost either. Links are followed; devices and pipes are written
    directly. Raises `InputError`; no temporary file stays behind, even on interrupt.
    """
    check_target(path, force)
    target = Path(os.path.realpath(path))
    try:
        if target.exists() and not target.is_file():
            target.write_bytes(data)  # /dev/null must not become a file
            return
        temp = target.with_name(f".pauca-{secrets.token_hex(8)}.tmp")
        try:
            _write_synced(temp, data, target)
            if force:
                os.replace(temp, target)
            else:
                _publish_new(temp, target)
        finally:
            temp.unlink(missing_ok=True)
        _sync_folder(target.parent)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise InputError(f"cannot write {os.fspath(path)}: {_reason(error)}") from error


@contextlib.contextmanager
def atomic_path(path: PathLike, force: bool = False) -> Iterator[Path]:
    """Give a path beside `path` to write to; when the block ends well it becomes `path`.

    For writers that need a file of their own: a muxer seeks. Otherwise as `atomic_write`, but a
    device or pipe is refused.
    """
    check_target(path, force)
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise InputError(f"cannot write {os.fspath(path)}: not a regular file")
    temp = target.with_name(f".pauca-{secrets.token_hex(8)}{target.suffix}")
    try:
        yield temp
        with open(temp, "rb") as file:
            if target.exists():
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            os.fsync(file.fileno())
        if force:
            os.replace(temp, target)
        else:
            _publish_new(temp, target)
        _sync_folder(target.parent)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise InputError(f"cannot write {os.fspath(path)}: {_reason(error)}") from error
    finally:
        temp.unlink(missing_ok=True)


def _write_synced(temp: Path, data: bytes | memoryview, target: Path) -> None:
    descriptor = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    with os.fdopen(descriptor, "wb") as file:
        if target.exists():
            # A replaced file keeps its permissions: a private picture must not become public.
            os.fchmod(descriptor, stat.S_IMODE(target.stat().st_mode))
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _publish_new(temp: Path, target: Path) -> None:
    # `link` fails if the name is taken, `rename` would replace: only link loses nothing in a race.
    try:
        os.link(temp, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Without hard links: claim the name with an empty file of ours, then rename over that.
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666))
        try:
            os.replace(temp, target)
        except BaseException:
            target.unlink(missing_ok=True)
            raise


def _sync_folder(folder: Path) -> None:
    # Not every file system can fsync a folder; the data itself is already safe.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _exists(path: PathLike) -> InputError:
    return InputError(f"{os.fspath(path)} exists; pass --force to replace it")


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
