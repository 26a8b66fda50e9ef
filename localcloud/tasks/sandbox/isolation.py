"""Moves the calling process into its own Linux namespaces, as root or as an ordinary user.

A task gets one network namespace for all its containers, as on Fargate: they share 127.0.0.1 and
their ports collide with nobody else's. A PID namespace makes the end certain: when its first
process dies, the kernel ends every process in it.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import socket
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000

_MS_BIND = 0x1000
_MS_REC = 0x4000
_MS_PRIVATE = 0x40000

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1

_SYS_MOUNT_SETATTR = 442
"""The same number on every architecture."""
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_MOUNT_ATTR_RDONLY = 0x1


def enter_namespaces() -> None:
    """Moves into new user, mount, network, UTS and PID namespaces; returns as their first process.

    The calling process stays behind, waits and ends with the same exit status. Raises OSError if
    the system refuses.
    """
    uid, gid = os.geteuid(), os.getegid()
    spaces = _CLONE_NEWNS | _CLONE_NEWNET | _CLONE_NEWUTS | _CLONE_NEWPID
    try:
        _unshare(spaces | _CLONE_NEWUSER)
    except OSError:
        # A system may refuse user namespaces and still let root have all the others.
        if uid != 0:
            raise
        _unshare(spaces)
    else:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    child = os.fork()
    if child:
        _wait_in_place_of(child)
    die_with_parent()


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP))


def replace_files(replacements: Mapping[str, str]) -> None:
    """Shows the content of each value's file at its key, in this mount namespace only.

    A path that the machine does not have is left out: nothing reads it then.
    """
    _mount(None, "/", _MS_REC | _MS_PRIVATE)
    for shown, source in replacements.items():
        if Path(shown).exists():
            _mount(source, shown, _MS_BIND)


def protect_files(writable: Iterable[str]) -> None:
    """Makes every file read-only in this mount namespace, except those under `writable`.

    Kernels before 5.12 cannot: there only the user's own permissions protect files.
    """
    for directory in writable:
        if Path(directory).exists():
            _mount(directory, directory, _MS_BIND | _MS_REC)
    if not _set_read_only("/", True):
        return
    for directory in writable:
        if Path(directory).exists():
            _set_read_only(directory, False)


def die_with_parent() -> None:
    """Is killed when the thread that made this process ends. Linux only; does nothing elsewhere."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """Becomes the parent of processes that a container leaves behind. Linux only; does nothing
    elsewhere."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "prctl"):
        libc.prctl(option, value, 0, 0, 0)


def _wait_in_place_of(child: int) -> None:
    # The server takes the end of its pipes as the end of the task: only the child may hold them.
    os.close(0)
    os.close(1)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    os._exit(code if code >= 0 else 128 - code)


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags) != 0:
        if ctypes.get_errno() == errno.ENOSPC:
            raise OSError(errno.ENOSPC, "no more namespaces are allowed: see /proc/sys/user")
        raise _last_error("unshare")


def _mount(source: str | None, target: str, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source and source.encode(), target.encode(), None, flags, None) != 0:
        raise _last_error(f"mount {target}")


def _set_read_only(target: str, read_only: bool) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    to_set, to_clear = (_MOUNT_ATTR_RDONLY, 0) if read_only else (0, _MOUNT_ATTR_RDONLY)
    attributes = struct.pack("QQQQ", to_set, to_clear, 0, 0)
    result: int = libc.syscall(
        ctypes.c_long(_SYS_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        target.encode(),
        ctypes.c_uint(_AT_RECURSIVE),
        attributes,
        ctypes.c_size_t(len(attributes)),
    )
    return result == 0


def _last_error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
