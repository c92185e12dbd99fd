"""`python -m tests.compat`: exit status 1 where a client missed something."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from exchange_site.embedded.ports import free_port

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "compatibility.md"
ENVIRONMENTS = ROOT / "build" / "compat"
BEGIN, END = "<!-- what was run: made by `make compat` -->", "<!-- end of what was run -->"
PASSWORD = "correct horse battery"
UP_WITHIN_S = 600
SCRIPT_WITHIN_S = 600
SETTLED_WITHIN_S = 60


@dataclass(frozen=True)
class Client:
    """``needs``: what is installed beside it, where its own list can't be; ``python``: another than
    ours."""

    name: str
    version: str
    script: str
    needs: tuple[str, ...] = ()
    python: str = sys.executable

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"


# Of what hummingbot asks for, two kits for other venues exclude each other: this is what its
# connector loads.
_OF_HUMMINGBOT = (
    "aiohttp==3.14.5 async-timeout==4.0.3 bidict==0.24.1 cachetools==8.0.2 hexbytes==2.0.0"
    " numpy==2.2.6 pandas==3.1.1 prompt_toolkit==3.0.53 psutil==7.2.2 pydantic==2.14.4"
    " PyYAML==6.0.4 requests==2.34.2 ruamel.yaml==0.19.1 SQLAlchemy==2.1.9 ujson==6.1.0"
    " urllib3==1.26.20"
)

CLIENTS = (
    Client("binance-futures-connector", "4.2.0", "connector.py"),
    Client("unicorn-binance-websocket-api", "2.16.1", "unicorn.py"),
    Client("nautilus_trader", "1.221.0", "nautilus_bot.py"),
    Client("freqtrade", "2026.9", "freqtrade_bot.py"),
    Client(
        "hummingbot",
        "20260922",
        "hummingbot_bot.py",
        needs=tuple(_OF_HUMMINGBOT.split()),
        python="python3.12",
    ),
)


@dataclass(frozen=True)
class Outcome:
    """``seen`` and ``missed``: by the script's own words, with why."""

    client: Client
    seen: list[str]
    missed: list[str]

    def row(self, day: str) -> str:
        missed = "; ".join(self.missed).replace("|", "/").replace("\n", " ")[:300] or "nothing"
        named = f"{self.client.name} {self.client.version}"
        return f"| {named} | {day} | {'; '.join(self.seen)} | {missed} |"


class Trader:
    def __init__(self, base: str, name: str) -> None:
        self._api = httpx.Client(base_url=base, timeout=60)
        signed_up = self._post("/auth/signup", username=name, password=PASSWORD)
        self._api.headers["Authorization"] = f"Bearer {signed_up['token']}"
        self._post("/user/onramp", amount="10000")
        powers = ["read", "trade"]
        made = self._post("/user/keys", name="bot", password=PASSWORD, permissions=powers)
        self.key = {"key": made["key"]["key"], "secret": made["secret"]}

    def _post(self, path: str, **body: Any) -> Any:
        answer = self._api.post(path, json=body)
        answer.raise_for_status()
        return answer.json()

    def traded(self) -> dict[str, float]:
        """By our own API."""
        sizes = {"LONG": Decimal(0), "SHORT": Decimal(0)}
        cursor: str | None = None
        while True:
            asked = {"limit": "100"} | ({"cursor": cursor} if cursor else {})
            page = self._api.get("/user/fills", params=asked).raise_for_status().json()
            for fill in page["fills"]:
                sizes[fill["side"]] += Decimal(fill["qty"])
            if not (cursor := page.get("nextCursor")):
                break
        return {"bought": float(sizes["LONG"]), "sold": float(sizes["SHORT"])}


@contextmanager
def exchange(folder: Path) -> Iterator[str]:
    """With its simulator, as `make run` starts it."""
    port = free_port()
    ours = {
        "PORT": str(port),
        "FEEDS_PORT": str(free_port()),
        "EXCHANGE_DATA": str(folder / "data"),
        "SIMULATE": "1",
    }
    with (folder / "exchange.log").open("w") as log:
        running = subprocess.Popen(
            [sys.executable, "manage.py", "runexchange"],
            cwd=ROOT,
            env=os.environ | ours,
            stdout=log,
            stderr=log,
        )
    base = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _trades(base), UP_WITHIN_S, f"the exchange: see {folder}/exchange.log")
        yield base
    finally:
        running.terminate()
        running.wait(120)


def _trades(base: str) -> bool:
    """Whether its markets have books by now."""
    try:
        answer = httpx.get(f"{base}/markets/BTC-PERP/depth", timeout=10)
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and bool(answer.json()["bids"] and answer.json()["asks"])


def until(look: Any, within_s: float, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not look():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain for {what}")
        time.sleep(0.5)


def python_of(client: Client) -> Path:
    """Of the client's own environment, made where there is none of this version."""
    home = ENVIRONMENTS / f"{client.name}-{client.version}"
    python = home / "bin" / "python"
    if not (home / "installed").exists():
        print(f"installing {client.requirement}", flush=True)
        shutil.rmtree(home, ignore_errors=True)
        if shutil.which(client.python) is None:
            sys.exit(f"{client.name} takes {client.python}, which isn't here")
        subprocess.run([client.python, "-m", "venv", str(home)], check=True)
        install = [str(python), "-m", "pip", "install", "-q"]
        if client.needs:
            subprocess.run([*install, *client.needs], check=True)
        alone = ["--no-deps"] if client.needs else []
        subprocess.run([*install, *alone, client.requirement], check=True)
        (home / "installed").touch()
    return python


def run(client: Client, base: str, minutes: float) -> Outcome:
    python = python_of(client)
    trader = Trader(base, re.sub(r"\W", "-", client.name))
    script = Path(__file__).parent / "bots" / client.script
    command = [str(python), str(script), base, json.dumps(trader.key), str(minutes)]
    try:
        ran = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=SCRIPT_WITHIN_S + 60 * minutes,
        )
        said, complained = ran.stdout, ran.stderr
    except subprocess.TimeoutExpired as error:
        said, complained = str(error.stdout or ""), "it did not end"
    print(said, flush=True)
    seen = re.findall(r"^seen: (.*)$", said, re.MULTILINE)
    missed = re.findall(r"^MISSED: (.*)$", said, re.MULTILINE)
    traded = re.search(r"^traded: (.*)$", said, re.MULTILINE)
    if traded is None:
        missed.append(f"the end ({complained.strip()[-300:]})")
    else:
        believed = json.loads(traded[1])
        what = f"the same fills as our own API's (it believes {believed})"
        (seen if _are_fills(trader, believed) else missed).append(what)
    return Outcome(client, seen, missed)


def _are_fills(trader: Trader, believed: dict[str, float]) -> bool:
    """The last of them may still be on their way into the books."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while trader.traded() != believed:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


def write(outcomes: list[Outcome]) -> None:
    """Rows of clients that weren't run now stay as they are."""
    before = DOCUMENT.read_text()
    head, _, rest = before.partition(BEGIN)
    table, found, tail = rest.partition(END)
    if not found:
        sys.exit(f"{DOCUMENT} has no place for the table")
    day = datetime.now(UTC).date().isoformat()
    rows = {outcome.client.name: outcome.row(day) for outcome in outcomes}
    kept = {line.split()[1]: line for line in table.splitlines() if line.startswith("| ")}
    lines = [
        "| client | run on | what it did | what it missed |",
        "| --- | --- | --- | --- |",
        *(rows.get(one.name) or kept[one.name] for one in CLIENTS if one.name in rows | kept),
    ]
    DOCUMENT.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{tail}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[client.name for client in CLIENTS])
    parser.add_argument("--minutes", type=float, default=10, help="for which freqtrade trades")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="exchange-compat-"))
    outcomes = []
    with exchange(folder) as base:
        for client in CLIENTS:
            if asked.only in (None, client.name):
                print(f"--- {client.requirement}", flush=True)
                outcomes.append(run(client, base, asked.minutes))
    write(outcomes)
    shutil.rmtree(folder)
    sys.exit(any(outcome.missed for outcome in outcomes))


if __name__ == "__main__":
    main()
