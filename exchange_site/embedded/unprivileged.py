"""PostgreSQL refuses to run as root. When root starts it, it runs as a user that owns nothing else.

That user must be able to enter the folders above its binaries and its data. Where it can't (a clone
below /root, say), it alone is let through with an access control list, on file systems without them
with the search bit.
"""

import errno
import logging
import os
import pwd
import shutil
import struct
from pathlib import Path

from exchange_site.embedded.errors import ServiceError
from exchange_site.embedded.processes import run_tool

log = logging.getLogger(__name__)

SYSTEM_USERS = ("postgres", "exchange")  # the first that exists; else the last is made
ACL = "system.posix_acl_access"
ACL_VERSION = 2
ACL_USER_OBJ, ACL_USER, ACL_GROUP_OBJ, ACL_MASK, ACL_OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
ACL_NO_ID = 0xFFFFFFFF
SEARCH = 1


def server_user(data: Path) -> str | None:
    """Whom Postgres runs as: None for our own user, else the data's owner, or a new user."""
    if os.geteuid() != 0:
        return None
    if data.exists() and (uid := data.stat().st_uid) != 0:
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            raise ServiceError(f"{data} belongs to user {uid}, which doesn't exist here") from None
    for name in SYSTEM_USERS:
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise ServiceError("Postgres won't run as root and useradd is missing: run as another user")
    run_tool([useradd, "--system", "--shell", "/usr/sbin/nologin", "--home", "/", SYSTEM_USERS[-1]])
    return SYSTEM_USERS[-1]


def let_through(folder: Path, user: str | None) -> None:
    """Let `user` enter every folder on the way to `folder`, and no further."""
    if user is None:
        return
    account = pwd.getpwnam(user)
    for step in (folder, *folder.parents):
        if not _may_enter(step, account.pw_uid, account.pw_gid):
            _allow_search(step, account.pw_uid)
            log.warning("let user %s (Postgres) pass through %s", user, step)


def _may_enter(folder: Path, uid: int, gid: int) -> bool:
    """As the kernel decides: the first entry that names the user, limited by the mask."""
    status = folder.stat()
    permissions = {(tag, owner): may for tag, may, owner in _acl(folder)}
    mask = permissions.get((ACL_MASK, ACL_NO_ID), 7)
    if status.st_uid == uid:
        may = permissions[ACL_USER_OBJ, ACL_NO_ID]
    elif (ACL_USER, uid) in permissions:
        may = permissions[ACL_USER, uid] & mask
    elif status.st_gid == gid:
        may = permissions[ACL_GROUP_OBJ, ACL_NO_ID] & mask
    else:
        may = permissions[ACL_OTHER, ACL_NO_ID]
    return bool(may & SEARCH)


def _acl(folder: Path) -> list[tuple[int, int, int]]:
    """Entries (tag, permissions, id), made from the mode bits where there is no list yet."""
    try:
        raw = os.getxattr(folder, ACL)
        return list(struct.iter_unpack("<HHI", raw[4:]))
    except OSError:
        mode = folder.stat().st_mode
        return [
            (ACL_USER_OBJ, mode >> 6 & 7, ACL_NO_ID),
            (ACL_GROUP_OBJ, mode >> 3 & 7, ACL_NO_ID),
            (ACL_OTHER, mode & 7, ACL_NO_ID),
        ]


def _allow_search(folder: Path, uid: int) -> None:
    entries = [entry for entry in _acl(folder) if entry[0] != ACL_MASK and entry[2] != uid]
    mask = SEARCH
    for tag, permissions, _ in entries:
        if tag not in (ACL_USER_OBJ, ACL_OTHER):
            mask |= permissions
    entries += [(ACL_USER, SEARCH, uid), (ACL_MASK, mask, ACL_NO_ID)]
    packed = b"".join(struct.pack("<HHI", *entry) for entry in sorted(entries, key=_acl_order))
    try:
        os.setxattr(folder, ACL, struct.pack("<I", ACL_VERSION) + packed)
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.EPERM, errno.EINVAL):
            raise
        folder.chmod(folder.stat().st_mode | 0o001)


def _acl_order(entry: tuple[int, int, int]) -> tuple[int, int]:
    return entry[0], entry[2]
