"""A certificate authority as a house has one: by openssl, with a root that signs what servers
show."""

import ssl
import subprocess
from pathlib import Path

DAYS = "2"


class Authority:
    """``root`` is what clients trust; ``certificate`` and ``key`` are of a server called ``name``.
    All readable by this user alone."""

    def __init__(self, folder: Path, name: str) -> None:
        self.root = folder / "root.pem"
        self.certificate = folder / "server.pem"
        self.key = folder / "server.key"
        root_key, request = folder / "root.key", folder / "server.csr"
        extensions = folder / "server.ext"
        extensions.write_text(f"subjectAltName=DNS:{name}\nextendedKeyUsage=serverAuth\n")
        new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
        _openssl(
            "req", "-x509", *new_key, "-subj", "/CN=an authority of ours", "-days", DAYS,
            "-keyout", str(root_key), "-out", str(self.root),
        )  # fmt: skip
        _openssl(
            "req", *new_key, "-subj", f"/CN={name}",
            "-keyout", str(self.key), "-out", str(request),
        )  # fmt: skip
        _openssl(
            "x509", "-req", "-in", str(request), "-CA", str(self.root), "-CAkey", str(root_key),
            "-CAcreateserial", "-days", DAYS, "-extfile", str(extensions),
            "-out", str(self.certificate),
        )  # fmt: skip

    @property
    def trusted(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.root))


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
