"""The one way to start a web process: ``python -m exchange_site.serve api --port 8000``.

uvicorn, with the protocols of `exchange_site.edge` and their limits. A process a worker; those
that die are started again. All count in one folder, and this one shows it (`common.metrics`).
"""

import argparse
import multiprocessing
import os
import resource
import signal
import socket
import sys

import uvicorn

from common.metrics.shared import count_together
from common.sharing.versions import (
    Attendance,
    VersionRefused,
    check_beside_others,
    this_process,
)
from exchange_site.embedded.processes import die_with_parent
from matching.messages.codec import CONTRACT

APPLICATIONS = {
    "api": "exchange_site.api_server:application",
    "feeds": "exchange_site.asgi:application",
}
KEEP_ALIVE_S = 10
WORKERS_MAX = 256
STOP_WITHIN_S = 2  # after the signal; requests that take longer are cut off
# Four times what the feeds read, so that a client hears in a message that it sent too much.
MESSAGE_BYTES_MAX = 65_536


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m exchange_site.serve", description=__doc__)
    parser.add_argument("what", choices=sorted(APPLICATIONS))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=_port, default=8000)
    parser.add_argument("--workers", type=_workers, default=1, help="processes; one per core")
    options = parser.parse_args()
    _require_free(options.host, options.port)
    _allow_many_sockets()
    _show_metrics()
    # uvicorn, once it has ended, raises the signal again that told it to.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    attendance = _attend(options.what)
    try:
        _run(options)
    finally:
        attendance.stop()


def end_with_main() -> None:
    """For a worker: to be told to stop when the process is gone that started it, however that came.
    Its port would stay taken, by a release that nobody can end."""
    main = multiprocessing.parent_process()
    if main is None:
        return
    die_with_parent()
    if os.getppid() != main.pid:  # it was too fast
        sys.exit("error: the process that started this one is gone")


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise argparse.ArgumentTypeError("must be a port, 1 to 65535")
    return int(text)


def _workers(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= WORKERS_MAX:
        raise argparse.ArgumentTypeError(f"must be a whole number, 1 to {WORKERS_MAX}")
    return int(text)


def _require_free(host: str, port: int) -> None:
    """Before anything is loaded: uvicorn finds out as the last thing, and says it in its words."""
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind(address)
    except OSError as error:
        sys.exit(f"error: can't listen at {host}:{port}: {error.strerror}")


def _run(options: argparse.Namespace) -> None:
    uvicorn.run(
        APPLICATIONS[options.what],
        host=options.host,
        port=options.port,
        workers=options.workers,
        http="exchange_site.edge.protocols.http:Http",
        ws="exchange_site.edge.protocols.websocket:WebSocket",
        loop="uvloop",
        lifespan="on",
        ws_max_size=MESSAGE_BYTES_MAX,
        ws_per_message_deflate=False,  # but for who asks: see `exchange_site.edge.protocols`
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        timeout_worker_healthcheck=30,  # a busy machine is no reason to kill one
        proxy_headers=False,  # whose address counts is TRUSTED_PROXIES' matter
        server_header=False,
        access_log=False,
        log_config=None,  # as everything else: lines of JSON, a traceback a minute
        log_level="error",  # it warns of requests that can't be read, as often as a stranger likes
    )


def _show_metrics() -> None:
    """The first to read the settings: what is wrong with them is said here, in a line."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
    count_together()
    from django.core.exceptions import ImproperlyConfigured

    from common.metrics.listener import MetricsRefused, show_metrics

    try:
        show_metrics()
    except (ImproperlyConfigured, MetricsRefused) as error:
        sys.exit(f"error: {error}")


def _attend(what: str) -> Attendance:
    """One for all processes of this one."""
    from common.redis_client import redis_client

    part = this_process(what, CONTRACT)
    try:
        check_beside_others(part, redis_client())
    except VersionRefused as error:
        sys.exit(f"error: {error}")
    attendance = Attendance(part, redis_client)
    attendance.start()
    return attendance


def _allow_many_sockets() -> None:
    """The usual soft limit, 1,024, is less than the connections one process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    main()
