"""A script: enter a user namespace as an ordinary user, then become the command that follows on the command line.

PostgreSQL refuses to run as root, and as a user id without a name. Inside such a namespace the caller's files belong to
that ordinary user, so it runs without adding users or opening up folders. It is a process of its own because a program
with threads must not fork Python code.
"""

import ctypes
import os
import pwd
import sys

CLONE_NEWUSER = 0x10000000


def enter() -> None:
    """Leave the current user namespace: outside this process is who it was, inside it is somebody with a name."""
    uid, gid = os.geteuid(), os.getegid()
    inside = next(user for user in pwd.getpwall() if user.pw_uid != 0)
    maps = ("uid_map", f"{inside.pw_uid} {uid} 1"), ("gid_map", f"{inside.pw_gid} {gid} 1")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    for name, text in (("setgroups", "deny"), *maps):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as handle:  # noqa: PTH123 - pathlib costs start-up time
            handle.write(text)


if __name__ == "__main__":
    try:
        enter()
    except (OSError, StopIteration) as error:
        sys.exit(f"no user namespace: {error}")
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command is the caller's, no shell is wanted
