"""On a proposal of new rules: what it would do, as the stress ladder found."""

import msgspec
from django.urls import reverse
from django.utils.html import format_html

from approvals.models import Proposal
from common.admin.base import Cell, Table, table_of, words
from console.jobs.models import JobState
from console.stress.compare import rules_differences
from console.stress.models import StressRun
from console.stress.services import in_words
from trading.commands.proposals import RAISE_RISK

_TITLE = "Predicted effect"


@table_of(Proposal)
def predicted_effect(proposal: Proposal) -> Table | None:
    if proposal.kind != RAISE_RISK:
        return None
    run = StressRun.objects.filter(proposal=proposal).order_by("-pk").first()
    rows = _rows(run) if run is not None else []
    if run is None or not rows:
        return Table(_TITLE, Proposal, (), [], empty=_nothing_yet(proposal, run))
    url = reverse("admin:stress-run", args=[run.pk])
    way = format_html('<a href="{}">The whole run</a>: {}', url, in_words(run))
    columns = [label.lower() for label, _ in rows[0]]
    return Table(_TITLE, Proposal, columns, [[cell for _, cell in row] for row in rows], note=way)


def _nothing_yet(proposal: Proposal, run: StressRun | None) -> Cell:
    if run is not None and run.is_under_way:
        url = reverse("admin:stress-run", args=[run.pk])
        return format_html('<a href="{}">A run is {}.</a>', url, run.state)
    url = f"{reverse('admin:stress')}?proposal={proposal.pk}"
    way = format_html('<a href="{}">Run the stress ladder under these rules</a>', url)
    return words(run.why, way) if run is not None else way


def _rows(run: StressRun) -> list[list[tuple[str, Cell]]]:
    if run.state != JobState.DONE:
        return []
    try:
        return [row for one in rules_differences(run) for row in one.rows]
    except msgspec.ValidationError:
        return []
