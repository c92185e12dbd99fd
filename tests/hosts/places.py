"""The servers of a host: a Postgres, a Redis with the sentinel beside it."""

import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from exchange_site.embedded import postgres, redis_server
from exchange_site.embedded.unprivileged import server_user

POSTGRES_PORT, REDIS_PORT, SENTINEL_PORT = 5432, 6379, 26379
MASTER = "ours"


@dataclass(frozen=True, kw_only=True)
class HostPostgres:
    """``folder`` has its data, which another copies where it follows."""

    folder: Path
    address: str
    user: str
    password: str

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        return f"postgres://{postgres.SUPERUSER}:{self.password}@{self.place}/{database}"

    @property
    def place(self) -> str:
        return f"{self.address}:{POSTGRES_PORT}"

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": self.address,
            "port": POSTGRES_PORT,
            "unix_socket_directories": "",
            "max_connections": 300,
            "wal_keep_size": "512MB",
            # Whoever lost the other for so long knows it.
            "wal_sender_timeout": "3s",
            "wal_receiver_timeout": "3s",
            "tcp_user_timeout": "5s",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        become = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        return [*become, str(postgres.BINARIES / "postgres"), "-D", str(self.data), *options]

    def copy_command(self, primary: "HostPostgres") -> list[str]:
        """Makes its data anew from the primary's."""
        return [
            *("setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"),
            str(postgres.BINARIES / "pg_basebackup"),
            f"--dbname={primary.url()}?connect_timeout=3&tcp_user_timeout=5000",
            f"--pgdata={self.data}",
            *("--write-recovery-conf", "--checkpoint=fast", "--wal-method=stream"),
        ]


def make_postgres(folder: Path, addresses: list[str], network: str) -> list[HostPostgres]:
    """The first has data, and lets whoever is in the network come with the password."""
    made = postgres.prepare(folder / "first", port=POSTGRES_PORT)
    password = (made.folder / "password").read_text().strip()
    with (made.data / "pg_hba.conf").open("a") as doors:
        doors.write(f"host all all {network} scram-sha-256\n")
        doors.write(f"host replication all {network} scram-sha-256\n")
    user = server_user(made.folder)
    assert user is not None, "the network took root"
    servers = []
    for name, address in zip(("first", "second"), addresses, strict=True):
        of_server = folder / name
        of_server.mkdir(mode=0o700, exist_ok=True)
        shutil.chown(of_server, user)
        servers.append(
            HostPostgres(folder=of_server, address=address, user=user, password=password)
        )
    return servers


@dataclass(frozen=True, kw_only=True)
class HostRedis:
    folder: Path
    address: str

    def command(self) -> list[str]:
        return [str(redis_server.BINARY), str(self.folder / "redis.conf")]

    def sentinel_command(self) -> list[str]:
        return [str(redis_server.BINARY), str(self.folder / "sentinel.conf"), "--sentinel"]


def make_redis(folder: Path, addresses: list[str]) -> tuple[list[HostRedis], str]:
    """And the address for whoever uses them. The first is master to begin with; two of the
    sentinels that agree make another. A master that hears of no replica takes nothing: what it took
    would be lost."""
    password, master = secrets.token_hex(16), addresses[0]
    servers = []
    for number, address in enumerate(addresses):
        of_server = folder / f"redis{number + 1}"
        of_server.mkdir(parents=True)
        (of_server / "redis.conf").write_text(
            f"bind {address}\nport {REDIS_PORT}\ndir {of_server}\ndaemonize no\n"
            f"requirepass {password}\nmasterauth {password}\ndatabases 64\n"
            'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory-policy noeviction\n'
            "min-replicas-to-write 1\nmin-replicas-max-lag 3\nrepl-diskless-sync-delay 0\n"
            "repl-timeout 5\nrepl-ping-replica-period 1\n"
            + (f"replicaof {master} {REDIS_PORT}\n" if address != master else "")
        )
        (of_server / "sentinel.conf").write_text(
            f"bind {address}\nport {SENTINEL_PORT}\ndir {of_server}\n"
            f"sentinel monitor {MASTER} {master} {REDIS_PORT} 2\n"
            f"sentinel auth-pass {MASTER} {password}\n"
            f"sentinel down-after-milliseconds {MASTER} 2000\n"
            f"sentinel failover-timeout {MASTER} 6000\n"
        )
        servers.append(HostRedis(folder=of_server, address=address))
    sentinels = ",".join(f"{address}:{SENTINEL_PORT}" for address in addresses)
    return servers, f"redis+sentinel://:{password}@{sentinels}/{MASTER}/0"
