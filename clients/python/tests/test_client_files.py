"""Files: in their place once they are whole and right, and nothing of others."""

import asyncio
import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import httpx
import pytest
from exchange_client import AsyncClient, BrokenFile, Client, HmacKey, OutcomeUnknown, calls
from exchange_client.calls.money import FileCall
from exchange_client.errors import NotFound
from exchange_client.models.money import DailyFile
from exchange_double import QUICK, URL, Double, Reply, refusal

KEY = HmacKey("k", "s")
CSV = b"record,time\r\nopening,\r\nmovement,1\r\ncomplete,,1\r\n"
GZ = bytes(range(256)) * 40
DAY = DailyFile(
    market_id="BTC-PERP",
    kind="trades",
    day=date(2026, 1, 5),
    path="/downloads/BTC-PERP/trades/BTC-PERP-trades-2026-01-05.csv.gz",
    rows=3,
    bytes=len(GZ),
    sha256=hashlib.sha256(GZ).hexdigest(),
)

Save = Callable[[Double, FileCall, Path], Path]


def save_sync(double: Double, asked: FileCall, path: Path) -> Path:
    http = httpx.Client(transport=httpx.MockTransport(double))
    return Client(URL, KEY, retries=QUICK, http=http).save(asked, path)


def save_async(double: Double, asked: FileCall, path: Path) -> Path:
    async def save() -> Path:
        http = httpx.AsyncClient(transport=httpx.MockTransport(double))
        return await AsyncClient(URL, KEY, retries=QUICK, http=http).save(asked, path)

    return asyncio.run(save())


both = pytest.mark.parametrize("save", [save_sync, save_async])


def body(content: bytes) -> httpx.Response:
    return httpx.Response(200, content=content)


@both
def test_a_whole_file_is_in_its_place(save: Save, tmp_path: Path) -> None:
    double = Double(httpx.ReadError("cut"), body(CSV))
    path = save(double, calls.money.statement(), tmp_path / "mine.csv")
    assert path.read_bytes() == CSV
    assert [file.name for file in tmp_path.iterdir()] == ["mine.csv"]
    assert double.paths == ["/user/statement"] * 2
    assert double.asked[0].url.params["format"] == "csv"
    path = save(Double(body(GZ)), calls.money.daily_file(DAY), tmp_path / "day.csv.gz")
    assert path.read_bytes() == GZ


@both
@pytest.mark.parametrize(
    ("asked", "came", "words"),
    [
        (calls.money.daily_file(DAY), GZ[:-1], "checksum"),
        (calls.money.statement(), CSV.replace(b"complete,,1", b'error,,,"cut short"'), "cut short"),
        (calls.money.statement(), CSV[:30], "ends with"),
    ],
)
def test_what_is_not_right_is_not_kept(
    save: Save, tmp_path: Path, asked: FileCall, came: bytes, words: str
) -> None:
    before = tmp_path / "file"
    before.write_bytes(b"from yesterday")
    with pytest.raises(BrokenFile, match=words):
        save(Double(body(came)), asked, before)
    assert before.read_bytes() == b"from yesterday"
    assert list(tmp_path.iterdir()) == [before]


@both
@pytest.mark.parametrize(
    ("replies", "error"),
    [
        ([refusal(404, "DOWNLOAD_NOT_FOUND")], NotFound),
        ([httpx.ReadError("cut")] * 4, OutcomeUnknown),
    ],
)
def test_a_refusal_leaves_nothing(
    save: Save, tmp_path: Path, replies: list[Reply], error: type[Exception]
) -> None:
    with pytest.raises(error):
        save(Double(*replies), calls.money.daily_file(DAY), tmp_path / "day.csv.gz")
    assert not list(tmp_path.iterdir())
