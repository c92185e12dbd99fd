"""The file in which an incident travels: a zip whose manifest names each part with its checksum.

    manifest.json   what it is, of which versions, and of each part the length and SHA-256
    snapshot.bin    the engine's state before the stretch, as it was kept
    input.jsonl     the commands after it, in order: {"id": …, "data": …}
    output.jsonl    what was published for them, as far as it was kept: {"id": "<seq>-0", …}
    market.json     the rules of the market as operators see them, when the bundle was made

Data that isn't text is under "base64" instead. Whoever changes a part and its checksum is not found
out by the file alone: its own SHA-256 is in the audit of the exchange that made it.
"""

import base64
import binascii
import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, Self

FORMAT = "exchange-incident-1"
MANIFEST = "manifest.json"
SNAPSHOT, INPUT, OUTPUT, MARKET = "snapshot.bin", "input.jsonl", "output.jsonl", "market.json"
PARTS = (SNAPSHOT, INPUT, OUTPUT, MARKET)
BYTES_MAX = 256 * 2**20  # of all parts, unpacked
_MANIFEST_BYTES_MAX = 2**16
_CHUNK = 2**16

StreamRow = tuple[str, bytes]  # id, and the one field of the entry


class BundleTooLarge(Exception):
    """The text says how large it may be."""


class BundleDamaged(Exception):
    """The text says what is wrong with it."""


@dataclass(frozen=True)
class Bundle:
    """A bundle whose checksums are right."""

    manifest: dict[str, Any]
    snapshot: bytes
    inputs: list[StreamRow]
    outputs: list[StreamRow]
    market: dict[str, Any]


class BundleWriter:
    """Writes parts one after the other, each as it is read; `finish` writes the manifest."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self._parts: dict[str, dict[str, Any]] = {}
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def add(self, name: str, chunks: Iterable[bytes]) -> int:
        """Answers how many chunks there were. Raises BundleTooLarge."""
        digest, length, count = hashlib.sha256(), 0, 0
        with self._zip.open(name, "w", force_zip64=True) as part:
            for chunk in chunks:
                count += 1
                length += len(chunk)
                if self._bytes + length > BYTES_MAX:
                    message = f"A bundle has at most {BYTES_MAX >> 20} MB: ask for less."
                    raise BundleTooLarge(message)
                digest.update(chunk)
                part.write(chunk)
        self._bytes += length
        self._parts[name] = {"bytes": length, "sha256": digest.hexdigest()}
        return count

    def finish(self, about: dict[str, Any]) -> None:
        manifest = {"format": FORMAT, **about, "parts": self._parts}
        self._zip.writestr(MANIFEST, json.dumps(manifest, indent=2))


def line_of(entry_id: str, data: bytes) -> bytes:
    try:
        row = {"id": entry_id, "data": data.decode()}
    except UnicodeDecodeError:
        row = {"id": entry_id, "base64": base64.b64encode(data).decode()}
    return json.dumps(row).encode() + b"\n"


def sha256_of_file(file: IO[bytes]) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    file.seek(0)
    return digest.hexdigest()


# What Python's zipfile and json raise for files of any kind.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    binascii.Error,
    EOFError,
    KeyError,
    ValueError,
    TypeError,
    RuntimeError,
    NotImplementedError,
    OSError,
)


def read_bundle(file: IO[bytes]) -> Bundle:
    """Raises BundleDamaged."""
    try:
        with zipfile.ZipFile(file) as archive:
            return _read(archive)
    except _DAMAGES as error:
        text = str(error).partition("\n")[0]
        raise BundleDamaged(text or type(error).__name__) from error


def _read(archive: zipfile.ZipFile) -> Bundle:
    manifest = json.loads(_unpacked(archive, MANIFEST, _MANIFEST_BYTES_MAX))
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ValueError(f"the manifest doesn't say {FORMAT}")
    parts = {name: _checked(archive, name, manifest["parts"][name]) for name in PARTS}
    market = json.loads(parts[MARKET])
    if not isinstance(market, dict):
        raise TypeError(f"{MARKET} has no rules")
    inputs, outputs = _rows(parts[INPUT]), _rows(parts[OUTPUT])
    return Bundle(manifest, parts[SNAPSHOT], list(inputs), list(outputs), market)


def _checked(archive: zipfile.ZipFile, name: str, said: dict[str, Any]) -> bytes:
    data = _unpacked(archive, name, BYTES_MAX)
    if len(data) != said["bytes"] or hashlib.sha256(data).hexdigest() != said["sha256"]:
        raise ValueError(f"the checksum of {name} is another than the manifest's")
    return data


def _unpacked(archive: zipfile.ZipFile, name: str, bytes_max: int) -> bytes:
    """Whatever length the archive claims it has."""
    with archive.open(name) as part:
        data = part.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise ValueError(f"{name} is longer than {bytes_max:,} bytes")
    return data


def _rows(lines: bytes) -> Iterator[StreamRow]:
    for line in lines.splitlines():
        row = json.loads(line)
        if "base64" in row:
            yield str(row["id"]), base64.b64decode(row["base64"], validate=True)
        else:
            yield str(row["id"]), row["data"].encode()
