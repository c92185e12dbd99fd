#!/bin/sh
# Installs the exchange on this Debian host, or brings what is installed to this release: run it as
# root from an unpacked release. It touches no data and starts nothing. Run it again at will.
#
#   deploy/install.sh                 into /opt/exchange, as the user exchange
#   WHEELS=FOLDER deploy/install.sh   packages of Python from a folder (`pip download`), no network
#
# Each release has a folder with packages of its own, and `current` leads to one: a process that runs
# keeps the files it was started from until it is restarted. What no process runs from goes, but for
# `previous`, which is gone back to by /opt/exchange/previous/deploy/install.sh.
set -eu
umask 022

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

# Its version, and a digest of its files: the core compiled and the page with them, where they are.
VERSION=$(sed -n 's/^RELEASE = "\(.*\)"$/\1/p' "$SOURCE/common/sharing/versions.py")
[ -n "$VERSION" ] || die "$SOURCE doesn't say which release it is, in common/sharing/versions.py"
files() { # as one archive, the same bytes wherever the release was unpacked
    (cd "$SOURCE" && find . \( -path ./.venv -o -path ./.git -o -path ./var -o -path ./build \
        -o -name node_modules -o -name __pycache__ \) -prune -o ! -type d -print
        find ./build/compiled ./build/terminal ! -type d ! -path '*/__pycache__/*' 2>/dev/null) \
        | LC_ALL=C sort | tar -c -C "$SOURCE" -T - --mode=go+rX-w --mtime=@0 --owner=0 --group=0 --numeric-owner
}
DIGEST=$(files | sha256sum | cut -c 1-12)
RELEASE=$TARGET/releases/$VERSION-$DIGEST

if [ ! -e "$RELEASE/.venv/whole" ]; then
    say "copying the release to $RELEASE"
    rm -rf "$RELEASE"
    install -d -m 755 "$TARGET" "$TARGET/releases" "$RELEASE"
    files | tar -x --no-same-owner -C "$RELEASE"
    say "installing packages of Python"
    "$PYTHON" -m venv "$RELEASE/.venv"
    set -- --quiet --disable-pip-version-check -r "$RELEASE/requirements.txt"
    [ -z "${WHEELS:-}" ] || set -- --no-index --find-links "$WHEELS" "$@"
    "$RELEASE/.venv/bin/pip" install "$@"
    "$RELEASE/.venv/bin/python" -m compileall -q -j 0 "$RELEASE" -x '/(\.venv|tests|benchmarks)/' || true
    touch "$RELEASE/.venv/whole"
fi

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
        || install -m 640 -g exchange "$RELEASE/deploy/systemd/$name.env.example" "$SETTINGS/"
done

install -m 755 "$RELEASE/deploy/systemd/exchange-manage" /usr/local/sbin/

lead() { # at once: nobody finds the link missing
    ln -sfn "$2" "$TARGET/$1.new"
    mv -T "$TARGET/$1.new" "$TARGET/$1"
}
BEFORE=$(readlink "$TARGET/current" || true)
NOW=releases/${RELEASE##*/}
[ -z "$BEFORE" ] || [ "$BEFORE" = "$NOW" ] || lead previous "$BEFORE"
lead current "$NOW"
say "$TARGET/current is ${RELEASE##*/}"
PREVIOUS=$(readlink "$TARGET/previous" || true)
for folder in "$TARGET"/releases/*; do
    case "releases/${folder##*/}" in "$NOW" | "$PREVIOUS") continue ;; esac
    ls -l /proc/[0-9]*/cwd 2>/dev/null | grep -qF " $folder" && continue # a process runs from it still
    say "removing ${folder##*/}"
    rm -rf "$folder"
done

if [ -d /etc/systemd/system ]; then
    say "units"
    install -m 644 "$RELEASE"/deploy/systemd/*.service "$RELEASE"/deploy/systemd/*.target /etc/systemd/system/
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
    systemctl --quiet enable exchange.target # what is enabled in it comes up with the host
fi

say "installed. Next, once: write secrets/database-url and secrets/redis-url in $SETTINGS and
exchange.env beside them, of exchange.env.example; run 'exchange-manage migrate', and so
'creategroups', 'createsuperuser' and 'collectstatic'; 'systemctl enable' the units that this host is to run,
then 'systemctl start exchange.target'."
