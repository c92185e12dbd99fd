"""① GET /downloads, and the files."""

from datetime import date
from http import HTTPStatus
from typing import Any

from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from common.errors import DomainError, ErrorCode, invalid
from common.http.paging import keyset_page, query_text, query_words
from common.http.schema import ERRORS, PAGING, Error, documented, query
from common.http.views import PublicView
from persistence.downloads.files import checksum_text, name_of, path_of
from persistence.downloads.models import DailyFile, FileKind
from trading.http.answers.answer import Answer
from trading.http.queries import OF_MARKET, market_filter

FOR_GOOD = "public, max-age=31536000, immutable"
_KINDS = ", ".join(FileKind)
DAY_LENGTH = 10


class DownloadAnswer(Answer, frozen=True):
    """`path` is where the file is; with `.sha256` behind it, its checksum for `sha256sum`."""

    market_id: str
    kind: str
    day: str
    path: str
    rows: int
    bytes: int
    sha256: str


class DownloadsPage(Answer, frozen=True):
    downloads: list[DownloadAnswer]
    next_cursor: str | None


EXAMPLE = {
    "downloads": [
        {
            "marketId": "BTC-PERP",
            "kind": "trades",
            "day": "2026-01-05",
            "path": "/downloads/BTC-PERP/trades/BTC-PERP-trades-2026-01-05.csv.gz",
            "rows": 48211,
            "bytes": 712034,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        }
    ],
    "nextCursor": None,
}


class DownloadsView(PublicView):
    @documented(
        "Daily files",
        answer=DownloadsPage,
        example=EXAMPLE,
        parameters=[
            OF_MARKET,
            query("kind", f"{_KINDS}, or both with a comma."),
            query("day", "Of this UTC day, as 2026-01-05."),
            *PAGING,
        ],
        errors=(400, 404, 503),
        public=True,
    )
    def get(self, request: Request) -> Response:
        """The trades and one-minute candles of each market, a gzipped CSV for each UTC day that is
        over; those that were made last come first."""
        files = DailyFile.objects.exclude(sha256="")
        if market_id := market_filter(request):
            files = files.filter(market_id=market_id)
        if kinds := query_words(request, "kind", list(FileKind)):
            files = files.filter(kind__in=kinds)
        if (day := _day(request)) is not None:
            files = files.filter(day=day)
        page, next_cursor = keyset_page(request, files)
        downloads = [_answer(one) for one in page]
        return Response(DownloadsPage(downloads=downloads, next_cursor=next_cursor))


_A_FILE: dict[Any, OpenApiResponse] = {
    (HTTPStatus.OK, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY),
    **{code: OpenApiResponse(Error, description=ERRORS[code]) for code in (400, 404, 429, 503)},
}


class DownloadView(PublicView):
    @extend_schema(responses=_A_FILE)
    @documented(
        "A daily file",
        answer=DownloadAnswer,
        example={},
        errors=(404, 503),
        public=True,
        operation_id="downloads_file_retrieve",
    )
    def get(self, _request: Request, market_id: str, kind: str, name: str) -> HttpResponseBase:
        """As `path` of the list names it. It never changes, so keep it as long as you like. With
        `.sha256` behind its name: its checksum."""
        file = _named(market_id, kind, name.removesuffix(".sha256"))
        if name.endswith(".sha256"):
            text = checksum_text(file.sha256, name.removesuffix(".sha256"))
            return _for_good(HttpResponse(text, content_type="text/plain"), file)
        try:
            opened = path_of(market_id, kind, file.day).open("rb")
        except OSError as error:
            raise _not_there() from error
        response = FileResponse(opened, as_attachment=True, filename=name)
        response.headers["Content-Type"] = "application/octet-stream"
        return _for_good(response, file)


def _for_good(response: HttpResponseBase, file: DailyFile) -> HttpResponseBase:
    response.headers["Cache-Control"] = FOR_GOOD
    response.headers["ETag"] = f'"{file.sha256}"'
    return response


def _day(request: Request) -> date | None:
    text = query_text(request, "day", DAY_LENGTH)
    if text is None:
        return None
    day = _day_of(text)
    if day is None:
        raise invalid("day", "day must be a date, as 2026-01-05.")
    return day


def _day_of(text: str) -> date | None:
    """Written as we write it: Python reads other ways of ISO 8601, too."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.isoformat() == text else None


def _named(market_id: str, kind: str, name: str) -> DailyFile:
    """By the row, so that no name leads anywhere but to a file that was made."""
    day = _day_of(name.removesuffix(".csv.gz")[-DAY_LENGTH:])
    if day is None:
        raise _not_there()
    files = DailyFile.objects.filter(market_id=market_id, kind=kind, day=day).exclude(sha256="")
    file = files.first()
    if file is None or name != name_of(market_id, kind, day):
        raise _not_there()
    return file


def _not_there() -> DomainError:
    return DomainError(ErrorCode.NOT_FOUND, "There is no such file: see GET /downloads.")


def _answer(file: DailyFile) -> DownloadAnswer:
    name = name_of(file.market_id, file.kind, file.day)
    return DownloadAnswer(
        market_id=file.market_id,
        kind=file.kind,
        day=file.day.isoformat(),
        path=f"/downloads/{file.market_id}/{file.kind}/{name}",
        rows=file.row_count,
        bytes=file.size_bytes,
        sha256=file.sha256,
    )
