"""Ports below Linux's range of ephemeral ports, so that no outgoing connection takes one away."""

import random
import socket

from exchange_site.embedded.errors import ServiceError

FREE_PORTS = range(20_000, 32_000)


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Servers set this too: a port that only lingers in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_reserved: dict[int, socket.socket] = {}


def free_port(*, preferred: int | None = None) -> int:
    """One that nobody listens at. Nobody else who asks here is given it while this process lives:
    it is still free when the server it is for has started."""
    if preferred is not None and _take(preferred):
        return preferred
    candidates = random.sample(FREE_PORTS, 200)
    for port in candidates:
        if port not in _reserved and _take(port):
            return port
    raise ServiceError(f"no free port between {FREE_PORTS.start} and {FREE_PORTS.stop - 1}")


def _take(port: int) -> bool:
    """The reservation is a name that Linux keeps as long as the process, and that is seen wherever
    the port is."""
    if not is_free(port):
        return False
    if port not in _reserved:
        name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            name.bind(f"\0exchange-port-{port}")
        except OSError:
            name.close()
            return False
        _reserved[port] = name
    return True
