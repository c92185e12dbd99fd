"""A trader's family on one page, and its statements as files."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.families.services import main_id_of
from accounts.models import User
from common.admin.acts import Act, Verb, tell
from common.admin.base import Table
from common.admin.widgets import dress
from common.postgres.windows import Window
from common.reasons import REASON_MAX
from console.families import tables
from trading.fees.selectors import fees_of
from trading.statements.services import statement_of, written
from trading.statements.writing import CsvWriter

SEE = ("accounts.view_user", "ledger.view_wallet", "trading.view_position", "ledger.view_transfer")
EXPORT = "trading.export_statement"


class StatementForm(forms.Form):
    account = forms.ChoiceField(label="Account")
    first_day = forms.DateField(label="From, by UTC", required=False)
    last_day = forms.DateField(label="To, that day included", required=False)
    reason = forms.CharField(label="Reason", max_length=REASON_MAX)

    def __init__(self, data: Any, accounts: list[User]) -> None:
        super().__init__(data)
        names = [(str(one.pk), one.account_name or one.username) for one in accounts]
        self.fields["account"].choices = names  # type: ignore[attr-defined]
        dress(self.fields.values())

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        first, last = said.get("first_day"), said.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", "The last day must not be before the first.")
        return said

    def window(self) -> Window:
        said = self.cleaned_data
        first, last = said["first_day"], said["last_day"]
        start = datetime.combine(first, time(), UTC) if first else None
        end = datetime.combine(last, time(), UTC) + timedelta(days=1) if last else None
        return Window(start, end)


def family_view(request: HttpRequest, site: Any, user_id: int) -> HttpResponse:
    """Of any of its accounts; the page is the main one's."""
    if not request.user.has_perms(SEE):
        raise PermissionDenied
    main = _main(user_id)
    accounts = tables.family_of(main.pk)
    fees = fees_of(main.pk)
    shown: list[Table] = [
        tables.members_table(accounts),
        tables.positions_table(accounts),
        tables.transfers_table(main),
        tables.moves_table(fees.moves),
    ]
    context = {
        **site.each_context(request),
        "title": f"Accounts of {main}",
        "trader": main,
        "figures": tables.figures(accounts, fees),
        "tables": shown,
        "form": StatementForm(None, accounts) if request.user.has_perm(EXPORT) else None,
    }
    return TemplateResponse(request, "console/families/family.html", context)


def statement_view(request: HttpRequest, user_id: int) -> HttpResponseBase:
    """A statement as the trader gets it, as a file."""
    if not request.user.has_perms((*SEE, EXPORT)):
        raise PermissionDenied
    main = _main(user_id)
    accounts = tables.family_of(main.pk)
    form = StatementForm(request.POST, accounts)
    if not form.is_valid():
        for errors in form.errors.values():
            messages.error(request, " ".join(map(str, errors)))
        return HttpResponseRedirect(reverse("admin:family", args=[main.pk]))
    said = form.cleaned_data
    account = next(one for one in accounts if str(one.pk) == said["account"])
    words = f"statement from {said['first_day'] or 'the beginning'} to {said['last_day'] or 'now'}"
    tell(Act(verb=Verb.EXPORTED, request=request, obj=account, words=words, reason=said["reason"]))
    statement = statement_of(account.pk, form.window())
    parts = (piece.encode() for piece in written(statement, CsvWriter()))
    response = StreamingHttpResponse(parts, content_type=CsvWriter.content_type)
    response["Content-Disposition"] = f'attachment; filename="statement-{account.pk}.csv"'
    return response


def _main(user_id: int) -> User:
    user = User.objects.filter(pk=user_id).first() if user_id < 2**63 else None
    if user is None:
        raise Http404
    return User.objects.get(pk=main_id_of(user.pk))
