"""Actions of operators: each asks first, calls one service per row, says how every row went, and
leaves a line in the operator log.
"""

from collections import defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils.text import capfirst

from common.admin.base import BaseAdmin
from common.admin.record_urls import url_of
from common.admin.widgets import dress
from common.errors import DomainError

ROWS_MAX = 500


def ask_then_run(
    model_admin: BaseAdmin,
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    action: str,
    question: str,
    consequence: str,
    service: Callable[[Any], object],
    done: str,
    together: bool = True,
) -> TemplateResponse | None:
    """First the page that asks; once the operator has said yes, the service for every row.

    ``service``   what it answers may be the id of the command it became, or have a ``command_id``;
                  what has ``said`` did something else than ``done``, such as propose it
    ``done``      what the service did to a row: "approved"
    ``together``  with its lines in the logs in one transaction; False for a service whose refusal
                  must leave what it wrote

    None returns to the list.
    """
    chosen = list(rows[: ROWS_MAX + 1])
    if len(chosen) > ROWS_MAX:
        messages.error(request, f"Select at most {ROWS_MAX} at a time. Nothing was done.")
        return None
    if "confirmed" in request.POST:
        _run(model_admin, request, chosen, service, _Done(action, done, together))
        return None
    return _ask(model_admin, request, chosen, action, question, consequence)


def ask_form_then_run(
    model_admin: BaseAdmin,
    request: HttpRequest,
    rows: QuerySet[Any],
    *,
    action: str,
    question: str,
    consequence: str,
    form_of: Callable[[Any, Any], forms.Form],
    service: Callable[[Any, Any], object],
    done: Callable[[Any], str],
) -> TemplateResponse | None:
    """For what needs more than a yes: one row, and a form that is asked again until it is valid.

    ``form_of``  what was posted or None, and the row, make the form
    ``service``  takes the row and what the form says; a DomainError is shown on the form
    ``done``     what the service did, from what the form says
    """
    chosen = list(rows[:2])
    if len(chosen) != 1:
        messages.error(request, "Select exactly one. Nothing was done.")
        return None
    (row,) = chosen
    form = form_of(request.POST if "confirmed" in request.POST else None, row)
    if form.is_valid():
        words = done(form.cleaned_data)
        try:
            with transaction.atomic():
                answer = service(row, form.cleaned_data)
                words = getattr(answer, "done_words", words)
                model_admin.log_action(
                    request,
                    row,
                    action,
                    words,
                    reason=form.cleaned_data.get("reason", ""),
                    command_id=_command_id(answer),
                )
        except DomainError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, f"{row}: {words}.")
            return None
    return _ask(model_admin, request, chosen, action, question, consequence, form)


def _ask(
    model_admin: BaseAdmin,
    request: HttpRequest,
    rows: list[Any],
    action: str,
    question: str,
    consequence: str,
    form: forms.Form | None = None,
) -> TemplateResponse:
    if form is not None:
        dress(form.fields.values())
    context = {
        **model_admin.admin_site.each_context(request),
        "title": question,
        "consequence": consequence,
        "rows": [(row, url_of(type(row), row.pk), model_admin.described(row)) for row in rows],
        "action": action,
        "form": form,
        "checkbox": ACTION_CHECKBOX_NAME,
        "opts": model_admin.opts,
        "media": model_admin.media,
    }
    return TemplateResponse(request, "admin/confirm_action.html", context)


@dataclass(frozen=True)
class _Done:
    action: str
    words: str
    together: bool


def _run(
    model_admin: BaseAdmin,
    request: HttpRequest,
    rows: list[Model],
    service: Callable[[Any], object],
    done: _Done,
) -> None:
    succeeded: defaultdict[str, list[Model]] = defaultdict(list)
    for row in rows:
        try:
            with transaction.atomic() if done.together else nullcontext():
                answer = service(row)
                words = getattr(answer, "done_words", done.words)
                with transaction.atomic():
                    model_admin.log_action(
                        request, row, done.action, words, command_id=_command_id(answer)
                    )
        except DomainError as error:
            messages.error(request, f"{row}: {error.message}")
            continue
        succeeded[words].append(row)
    for words, some in succeeded.items():
        names = ", ".join(map(str, some[:5])) + (", …" if len(some) > 5 else "")
        messages.success(request, f"{capfirst(words)}: {names} ({len(some)} in all).")


def _command_id(answer: object) -> int | None:
    if isinstance(answer, int):
        return answer
    found = getattr(answer, "command_id", None)
    return found if isinstance(found, int) else None
