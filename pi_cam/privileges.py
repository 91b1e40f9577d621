"""How root reads and writes where the camera's user may put anything: with that user's rights, and no more than a file."""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

USER = "pi-cam"


@contextlib.contextmanager
def as_user() -> Iterator[None]:
    """With the rights of the camera's user and no others: wherever its links lead, there is nothing that it could not do
    itself. For one thread alone. Raises `OSError` where there is no such user."""
    try:
        user = pwd.getpwnam(USER)
    except KeyError:
        raise OSError(errno.ENOENT, f"There is no user {USER}") from None
    groups = os.getgroups()
    os.setgroups([user.pw_gid])
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def open_file(path: Path) -> BinaryIO:
    """A plain file, to be read: no link is followed, and no pipe waited for. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "It is not a file", str(path))
    return os.fdopen(descriptor, "rb")
