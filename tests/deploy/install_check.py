"""Runs deploy/install.sh in a bare Debian, and asks what it installed: ``make install-check``.

debootstrap makes the root, a minute or two; packages of Python are made wheels of outside of it, so
inside there is no network. Installed twice, then each process is asked for its help as the user it
runs as; then upgraded while a process runs, which must go on from its own files, and led back.
Says why where it can't run, with exit code 2: nothing was checked.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUITE = "bookworm"
PACKAGES = "python3,python3-venv,systemd"
_ASK = """
set -eu
cd /opt/exchange/current
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
systemd-analyze --man=no verify exchange-api.service exchange-engine@majors.service exchange.target
echo postgres://nobody@127.0.0.1/none > /etc/exchange/secrets/database-url
echo redis://127.0.0.1/0 > /etc/exchange/secrets/redis-url
chgrp exchange /etc/exchange/secrets/*; chmod 640 /etc/exchange/secrets/*
cp /etc/exchange/exchange.env.example /etc/exchange/exchange.env
as_exchange() {
    setpriv --reuid exchange --regid exchange --init-groups \
        env -i $(grep -v '^#' /etc/exchange/exchange.env) PATH="$PATH" \
        /opt/exchange/current/deploy/systemd/exchange-python "$@"
}
exchange-manage check --deploy --fail-level WARNING
exchange-manage runengine --help > /dev/null
exchange-manage runprices --help > /dev/null
systemctl is-enabled exchange.target > /dev/null
systemctl --quiet enable exchange-api exchange-engine@majors
test -e /etc/systemd/system/exchange.target.wants/exchange-api.service
as_exchange -m exchange_site.serve --help > /dev/null
as_exchange -m celery -A exchange_site worker --help > /dev/null
exchange-manage collectstatic --no-input > /dev/null
test "$(stat -c %U /opt/exchange/current/manage.py)" = root
echo "checked: every process starts as far as its help, settings are safe, units are sound"
"""
# A process that imports a module, and one of its packages, only once the release was changed twice.
_UPGRADE = """
set -eu
first=$(readlink /opt/exchange/current)
mkfifo /tmp/go
(cd /opt/exchange/current && exec deploy/systemd/exchange-python -c '
import sys
open("/tmp/go").read()
import common.errors, msgspec
print(common.errors.__file__, msgspec.__file__)
') > /tmp/said &
for number in 2 3; do
    echo "# $number" >> /release/common/errors.py
    WHEELS=/wheels sh /release/deploy/install.sh > /tmp/installed
done
test "$(ls /opt/exchange/releases | wc -l)" = 3  # one of them because it is run from
test "$(readlink /opt/exchange/current)" != "$first"
grep -q '^# 3' /opt/exchange/current/common/errors.py
echo > /tmp/go
wait
test "$(grep -o "/opt/exchange/$first/" /tmp/said | wc -l)" = 2
third=$(readlink /opt/exchange/current)
second=$(readlink /opt/exchange/previous)
sh /opt/exchange/previous/deploy/install.sh > /tmp/installed
test "$(readlink /opt/exchange/current)" = "$second"
test "$(readlink /opt/exchange/previous)" = "$third"
test "$(ls /opt/exchange/releases | wc -l)" = 2
echo "checked: what runs keeps its files in an upgrade, and the release before is led back to"
"""


def why_not() -> str:
    """ "" where it can run."""
    if os.geteuid() != 0:
        return "it needs root, for debootstrap and chroot"
    if shutil.which("debootstrap") is None:
        return "debootstrap is missing: apt-get install debootstrap"
    return ""


def main() -> None:
    if reason := why_not():
        _say(f"not checked: {reason}")
        sys.exit(2)
    with tempfile.TemporaryDirectory(prefix="exchange-install-") as folder:
        try:
            _check(Path(folder))
        except subprocess.CalledProcessError as error:
            _say(f"failed, with status {error.returncode}: {error.cmd[:4]}")
            sys.exit(1)


def _check(folder: Path) -> None:
    wheels, bare = folder / "wheels", folder / "root"
    _say("making wheels of the packages")
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    # For the Python inside, which may be older: what is only for such is taken, too.
    wanted = re.sub(r";[^#]*", " ", (ROOT / "requirements.txt").read_text())
    (folder / "wanted.txt").write_text(wanted)
    _run(*wheel, "-r", str(folder / "wanted.txt"), "-w", str(wheels))
    _say("making a bare Debian")
    log = folder / "debootstrap.log"
    with log.open("w") as output:
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(bare)]
        if subprocess.run(command, stdout=output, stderr=output, check=False).returncode:
            _say(f"not checked: debootstrap failed: {log.read_text()[-300:]}")
            sys.exit(2)
    shutil.copytree(wheels, bare / "wheels")
    release = bare / "release"
    _run("git", "-C", str(ROOT), "checkout-index", "--all", f"--prefix={release}/")
    _say("installing, twice")
    for _ in range(2):
        _inside(bare, "WHEELS=/wheels sh /release/deploy/install.sh")
    _inside(bare, _ASK)
    _run("mount", "--bind", "/proc", str(bare / "proc"))
    try:
        _inside(bare, _UPGRADE)
    finally:
        _run("umount", str(bare / "proc"))


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _inside(bare: Path, script: str) -> None:
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    subprocess.run(["chroot", str(bare), "sh", "-c", script], check=True, env=environment)


if __name__ == "__main__":
    main()
