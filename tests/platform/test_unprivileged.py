"""Root lets the server's user through to its data, and nobody else."""

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from exchange_site.embedded.unprivileged import let_through, server_user

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs Postgres as another user")


def _enters(name: str, folder: Path) -> bool:
    account = pwd.getpwnam(name)
    result = subprocess.run(
        ["ls", str(folder)],
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        capture_output=True,
        check=False,
    )
    return result.returncode == 0


def test_one_user_may_pass_and_no_other(folder: Path) -> None:
    user = server_user(folder / "postgres")
    assert user is not None
    open_to_all = folder / "closed" / "deep" / "open"
    open_to_all.mkdir(parents=True)
    for path in (folder, folder / "closed", folder / "closed" / "deep"):
        path.chmod(0o700)
    assert not _enters(user, open_to_all)

    let_through(open_to_all, user)
    assert _enters(user, open_to_all)
    assert not _enters(user, folder / "closed")  # through, but not to look around
    assert not _enters("nobody", open_to_all)

    folder.chmod(0o700)  # as others may; it takes the list's effect away, not the list
    assert not _enters(user, open_to_all)
    let_through(open_to_all, user)
    assert _enters(user, open_to_all)


def test_existing_data_keeps_its_owner(folder: Path) -> None:
    account = pwd.getpwnam("nobody")
    os.chown(folder, account.pw_uid, account.pw_gid)
    assert server_user(folder) == "nobody"
