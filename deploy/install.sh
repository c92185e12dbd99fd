#!/bin/sh
# Installs the exchange on this Debian host, or brings what is installed to this release: run it as
# root from an unpacked release. It touches no data and starts nothing. Run it again at will.
#
#   deploy/install.sh                 into /opt/exchange, as the user exchange
#   WHEELS=FOLDER deploy/install.sh   packages of Python from a folder (`pip download`), no network
set -eu

TARGET=/opt/exchange
SETTINGS=/etc/exchange
SOURCE=$(cd "$(dirname "$0")/.." && pwd)

die() { echo "error: $1" >&2; exit 1; }
say() { echo "$1"; }

[ "$(id -u)" = 0 ] || die "run it as root: it makes a user and writes to $TARGET"
[ -f "$SOURCE/requirements.txt" ] || die "$SOURCE is no release of the exchange"
PYTHON=$(command -v python3.11 || command -v python3) || die "Python is missing: apt-get install python3-venv"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || die "Python 3.11 or newer is needed"
"$PYTHON" -c 'import venv, ensurepip' 2>/dev/null || die "venv is missing: apt-get install python3-venv"

if ! id exchange >/dev/null 2>&1; then
    say "making the user exchange"
    useradd --system --home-dir /var/lib/exchange --shell /usr/sbin/nologin exchange
fi

say "copying the release to $TARGET"
install -d -m 755 "$TARGET"
# What an older release had and this one hasn't goes; the packages and builds stay.
find "$TARGET" -mindepth 1 -maxdepth 1 ! -name .venv ! -name build -exec rm -rf {} +
(cd "$SOURCE" && tar -c --exclude=./.venv --exclude=./.git --exclude=./var --exclude=./build \
    --exclude='node_modules' --exclude='__pycache__' .) | tar -x --no-same-owner -C "$TARGET"
# The core compiled and the page, where this release was built with them.
for made in compiled terminal; do
    [ ! -d "$SOURCE/build/$made" ] || { install -d "$TARGET/build"; cp -r "$SOURCE/build/$made" "$TARGET/build/"; }
done

say "installing packages of Python"
[ -x "$TARGET/.venv/bin/python" ] || "$PYTHON" -m venv "$TARGET/.venv"
set -- --quiet --disable-pip-version-check -r "$TARGET/requirements.txt"
[ -z "${WHEELS:-}" ] || set -- --no-index --find-links "$WHEELS" "$@"
"$TARGET/.venv/bin/pip" install "$@"
"$TARGET/.venv/bin/python" -m compileall -q -j 0 "$TARGET" -x '/(\.venv|tests|benchmarks)/' || true

say "settings in $SETTINGS"
install -d -m 755 "$SETTINGS"
install -d -m 750 -o root -g exchange "$SETTINGS/secrets"
install -d -m 700 -o exchange -g exchange /var/lib/exchange
secret() { # what is there stays
    [ -e "$SETTINGS/secrets/$1" ] && return
    (umask 077; "$PYTHON" -c 'import secrets; print(secrets.token_urlsafe(48))' > "$SETTINGS/secrets/$1")
    chown root:exchange "$SETTINGS/secrets/$1"; chmod 640 "$SETTINGS/secrets/$1"
}
for name in django-secret-key api-key-secrets monitor-token; do secret "$name"; done
for name in exchange engine; do
    [ -e "$SETTINGS/$name.env" ] || [ -e "$SETTINGS/$name.env.example" ] \
        || install -m 640 -g exchange "$TARGET/deploy/systemd/$name.env.example" "$SETTINGS/"
done

install -m 755 "$TARGET/deploy/systemd/exchange-manage" /usr/local/sbin/

if [ -d /etc/systemd/system ]; then
    say "units"
    install -m 644 "$TARGET"/deploy/systemd/*.service "$TARGET"/deploy/systemd/*.target /etc/systemd/system/
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
    systemctl --quiet enable exchange.target # what is enabled in it comes up with the host
fi

say "installed. Next, once: write secrets/database-url and secrets/redis-url in $SETTINGS and
exchange.env beside them, of exchange.env.example; run 'exchange-manage migrate', and so
'creategroups', 'createsuperuser' and 'collectstatic'; 'systemctl enable' the units that this host is to run,
then 'systemctl start exchange.target'."
