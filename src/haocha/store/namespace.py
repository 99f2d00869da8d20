"""A script: enter a user namespace as uid 1000, then become the command that follows on the command line.

PostgreSQL refuses to run as root. Inside such a namespace root's files belong to uid 1000, so root can run it without
adding users or opening up folders. It is a process of its own because a program with threads must not fork Python code.
"""

import ctypes
import os
import sys

CLONE_NEWUSER = 0x10000000
INSIDE = 1000


def enter() -> None:
    """Leave the current user namespace; outside this process is still root, inside it is uid 1000."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    for name, text in (("setgroups", "deny"), ("uid_map", f"{INSIDE} {uid} 1"), ("gid_map", f"{INSIDE} {gid} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as handle:  # noqa: PTH123 - pathlib costs start-up time
            handle.write(text)


if __name__ == "__main__":
    try:
        enter()
    except OSError as error:
        sys.exit(f"no user namespace: {error}")
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command is the caller's, no shell is wanted
