"""The page: the answer, the rules it was by, and the chain from the command to the postings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from common.admin.record_urls import url_of
from console.why.causes import Cause, cause_of, cause_of_row
from console.why.chain import (
    Explanation,
    events_shown,
    hold_of,
    lines_of,
    moments_table,
    postings_table,
    rows_table,
)
from console.why.commands import explain_command
from console.why.fills import explain_fill
from console.why.orders import explain_order
from console.why.positions import explain_liquidation, explain_payment, explain_settlement
from console.why.stream import Moment, Streams
from ledger.models import JournalEntry
from trading.archive.picking import of_keys
from trading.archive.shown import fills_shown
from trading.models import (
    Fill,
    FundingPayment,
    Liquidation,
    Order,
    OutboxCommand,
    Settlement,
)

MAX_KEY = 2**63 - 1


@dataclass(frozen=True)
class ExplainedKind:
    """What can be asked about. ``joined``: relations that the explanation reads."""

    model: type[Model]
    explain: Callable[[Any, Streams], Explanation]
    joined: tuple[str, ...]


KINDS: Mapping[str, ExplainedKind] = {
    "order": ExplainedKind(Order, explain_order, ("user", "market")),
    "fill": ExplainedKind(Fill, explain_fill, ("user", "market", "order__user")),
    "liquidation": ExplainedKind(Liquidation, explain_liquidation, ("user", "market")),
    "funding": ExplainedKind(FundingPayment, explain_payment, ("user", "settlement__market")),
    "settlement": ExplainedKind(Settlement, explain_settlement, ("user", "market")),
    "command": ExplainedKind(OutboxCommand, explain_command, ("created_by", "market")),
}


def why_view(site: Any, request: HttpRequest, kind: str, key: int) -> HttpResponse:
    asked = KINDS.get(kind)
    if asked is None:
        raise Http404
    registered = site._registry[asked.model]
    if not registered.has_view_permission(request):
        raise PermissionDenied
    rows = asked.model._default_manager.select_related(*asked.joined)
    row: Any = rows.filter(pk=key).first() if key <= MAX_KEY else None
    if row is None and asked.model is Fill and key <= MAX_KEY:
        with fills_shown(of_keys([key])):
            row = rows.filter(pk=key).first()
    if row is None:
        raise Http404

    def may_view(model: type[Model]) -> bool:
        found = site._registry.get(model)
        return found is not None and bool(found.has_view_permission(request))

    market = row.settlement.market if isinstance(row, FundingPayment) else row.market
    streams = Streams(market)
    explained = asked.explain(row, streams)
    url = reverse("admin:why", args=[kind, key])
    context = {
        **site.each_context(request),
        "title": f"Why? {row}",
        "record": row,
        "record_url": url_of(asked.model, row.pk),
        "answer": explained.sentences[0],
        "story": explained.sentences[1:],
        "rules": explained.rules,
        **_chain(request, url, row, explained, streams, may_view),
    }
    if streams.is_away:
        explained.unknown.append("what Redis keeps: it does not answer now, try again")
    context["unknown"] = explained.unknown
    return TemplateResponse(request, "console/why/page.html", context)


def _chain(
    request: HttpRequest,
    url: str,
    row: Any,
    explained: Explanation,
    streams: Streams,
    may_view: Callable[[type[Model]], bool],
) -> dict[str, Any]:
    """Of the moment asked for with ``?seq=``, else of the last one."""
    moment = _chosen(request.GET.get("seq", ""), explained)
    held = hold_of(row) if isinstance(row, Order) and may_view(JournalEntry) else None
    tables = [held] if held and held.rows else []
    if moment is None:
        cause = cause_of_row(row) if isinstance(row, OutboxCommand) else None
        return {"cause": cause, "moment": None, "tables": tables}
    market = explained.market
    entry = streams.entries([moment]).get(moment.seq)
    placed = explained.placed if moment == explained.moments[-1] else None
    cause = cause_of(streams, market, moment, entry, placed)
    if not may_view(_model_of(cause)):
        cause = Cause("of a kind you may not view")
    if entry is None and not streams.is_away:
        explained.unknown.append(
            f"the events of sequence {moment.seq}: Redis keeps the newest entries only"
        )
    lines = lines_of(market, moment, explained.subject)
    tables.append(rows_table(market, moment, entry, lines, explained.subject, may_view))
    if may_view(JournalEntry):
        tables.append(postings_table(market, moment, lines))
    events = events_shown(market, entry, may_view, explained.subject) if entry else []
    is_one_of_many = len(explained.moments) > 1
    return {
        "cause": cause,
        "moment": moment,
        "is_kept": entry is not None,
        "left_out": len(entry.events) - len(events) if entry else 0,
        "events": events,
        "moments": moments_table(explained, url, moment) if is_one_of_many else None,
        "tables": tables,
    }


def _chosen(asked: str, explained: Explanation) -> Moment | None:
    for moment in explained.moments:
        if asked == str(moment.seq):
            return moment
    return explained.moments[-1] if explained.moments else None


def _model_of(cause: Cause) -> type[Model]:
    return Order if cause.row is None else type(cause.row)
