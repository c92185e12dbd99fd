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


def free_port(*, preferred: int | None = None) -> int:
    if preferred is not None and is_free(preferred):
        return preferred
    candidates = random.sample(FREE_PORTS, 200)
    for port in candidates:
        if is_free(port):
            return port
    raise ServiceError(f"no free port between {FREE_PORTS.start} and {FREE_PORTS.stop - 1}")
