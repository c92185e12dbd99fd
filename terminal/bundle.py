"""The page as browsers get it: which build belongs to the sources, and what its files are called.

Theory of operation. ``python -m terminal.building`` (`make page`, and with it `make run`) makes
the scripts and styles of the sources and keeps them in ``build/terminal/<key>/``, where the key is
a hash of every source that goes into them. Each file is named by its content, so browsers may keep
it for good. Whoever starts works the key out anew and serves that folder, if there is one: a build
can't outlive its sources. A folder gets its name only when it is complete.

Settings import this, so it knows nothing of Django.
"""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "terminal" / "web"
CLIENT = ROOT / "clients" / "typescript" / "src"
BUILDS = ROOT / "build" / "terminal"
MANIFEST = "manifest.json"
ENTRY = "src/main.tsx"

_CONFIGURATION = ("package-lock.json", "package.json", "tsconfig.json", "vite.config.ts")


@dataclass(frozen=True)
class PageFiles:
    """What the first view needs, as paths within the folder."""

    folder: Path
    script: str
    imports: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)


def sources() -> list[Path]:
    """All that a build is made of. Types made of the schema leave no trace in it."""
    read = [*(WEB / "src").rglob("*"), *CLIENT.glob("*.ts")]
    files = [path for path in read if path.is_file() and path.name != "schema.ts"]
    return sorted([*files, *(WEB / name for name in _CONFIGURATION)])


def build_key() -> str:
    """Names the one build that belongs to the sources as they are now."""
    digest = hashlib.sha256()
    for path in sources():
        digest.update(f"{path.relative_to(ROOT).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:20]


def folder() -> Path:
    """Of the build that belongs to the sources, whether or not it was made."""
    return BUILDS / build_key()


@cache
def bundle() -> PageFiles | None:
    """As this process serves it; None where it was not built."""
    here = folder()
    if not here.is_dir():
        return None
    chunks = json.loads((here / MANIFEST).read_text())
    entry = chunks[ENTRY]
    first = [chunks[name] for name in entry.get("imports", [])]
    styles = [style for chunk in (entry, *first) for style in chunk.get("css", [])]
    return PageFiles(here, entry["file"], [chunk["file"] for chunk in first], styles)
