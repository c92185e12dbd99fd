"""Certificates of one's own, and TLS in front of servers that speak none: the wheels' Postgres and
Redis are built without, and the API's is a proxy's to speak. What a client says and checks is the
same as with servers that do."""

import asyncio
import datetime
import ipaddress
import ssl
import threading
from functools import partial
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.patience import PATIENCE_S

CHUNK_BYTES = 65_536


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Of 127.0.0.1, signed by itself: files of the certificate and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, private


class TlsFront:
    """Takes TLS at some ports and passes on what it says to others, on a thread of its own."""

    def __init__(self, certificate: Path, key: Path, ports: dict[int, int]) -> None:
        """``ports``: where TLS comes in → whom it is for."""
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate, key)
        self._ports = ports
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE_S)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        for port, behind in self._ports.items():
            taking = asyncio.start_server(partial(self._take, behind), "127.0.0.1", port)
            self._loop.run_until_complete(taking)
        self._ready.set()
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _take(
        self, behind: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await self._agree(reader, writer)
            await writer.start_tls(self._context)
            there, to_there = await asyncio.open_connection("127.0.0.1", behind)
            to_there.write(await self._first_words(reader))
        except (OSError, EOFError):  # who hangs up, or doesn't believe the certificate
            writer.close()
            return
        await asyncio.gather(_copy(reader, to_there), _copy(there, writer))

    async def _agree(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """What is said before TLS begins. Raises EOFError where it will not."""

    async def _first_words(self, reader: asyncio.StreamReader) -> bytes:
        """Of a connection, as they are passed on."""
        return b""


class PostgresFront(TlsFront):
    """As a Postgres with ssl=on and none but `hostssl` in its pg_hba.conf."""

    async def _agree(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(len(_SSL_REQUEST)) != _SSL_REQUEST:
            raise EOFError
        writer.write(b"S")


class ProxyFront(TlsFront):
    """As a reverse proxy that ends TLS: says whom it speaks for, a request a connection."""

    async def _first_words(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.removesuffix(b"\r\n\r\n").split(b"\r\n")
        lines = [line for line in lines if not line.lower().startswith(_PROXY_SAYS)]
        if not any(line.lower().startswith(b"upgrade:") for line in lines):
            lines = [line for line in lines if not line.lower().startswith(b"connection:")]
            lines.append(b"Connection: close")
        said = [b"X-Forwarded-For: 127.0.0.1", b"X-Forwarded-Proto: https"]
        return b"\r\n".join([first, *lines, *said, b"", b""])


_SSL_REQUEST = (8).to_bytes(4, "big") + (80_877_103).to_bytes(4, "big")
_PROXY_SAYS = (b"x-forwarded-for:", b"x-forwarded-proto:")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # whoever hung up: the other side is hung up on, too
    finally:
        writer.close()
