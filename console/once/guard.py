"""Around every view of the site; `console.once` has how it works."""

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from common.admin import when
from console.once.models import SentForm

TOKEN = "csrfmiddlewaretoken"  # noqa: S105  the name of a field
RENDERED = "rendered_form"  # of the form that a page in between asks about
MAKE_NOTHING = frozenset({"launch-check", "launch-preview"})  # and are asked by a script
WAIT = timedelta(seconds=10)
SHOWN_ONCE = "shown-once"
_LOOK_EVERY_S = 0.05
_REFUSED = (Http404, PermissionDenied, SuspiciousOperation)

Answer = TypeVar("Answer", bound=HttpResponseBase)
View = Callable[..., HttpResponseBase]


def sent_once(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = _key_of(request)
        if key is None:
            return view(request, *args, **kwargs)
        if (before := _claim(key)) is not None:
            return _as_before(request, before)
        try:
            response = view(request, *args, **kwargs)
        except _REFUSED:
            _forget(key)
            raise
        location = response.headers.get("Location") or getattr(response, "leads_to", "")
        if location:
            SentForm.objects.filter(pk=key).update(location=location, said=_said(request))
        else:
            _forget(key)
        return response

    guarded.is_sent_once = True  # type: ignore[attr-defined]  # for who looks whether all are
    return guarded


def shown_once(response: Answer, location: str) -> Answer:
    """For an answer with what was made and is shown this once; a second leads elsewhere."""
    response.leads_to = location  # type: ignore[attr-defined]
    return response


def rendered_form(request: HttpRequest) -> str:
    """Which one was sent, also through pages in between."""
    return request.POST.get(RENDERED) or request.POST.get(TOKEN, "")


def _key_of(request: HttpRequest) -> str | None:
    """None for what makes nothing, and for who writes posts by hand."""
    match = request.resolver_match
    token = rendered_form(request) if request.method == "POST" else ""
    if not token or (match is not None and match.url_name in MAKE_NOTHING):
        return None
    content = [item for item in request.POST.lists() if item[0] not in (TOKEN, RENDERED)]
    said = [request.user.pk, request.get_full_path(), token, content]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _claim(key: str) -> SentForm | None:
    """None for the first; else that of the first, once it has led somewhere, or didn't in time."""
    while True:
        with suppress(IntegrityError):  # one that was forgotten at that moment
            sent, is_first = SentForm.objects.get_or_create(pk=key)
            if is_first:
                return None
            if sent.location or timezone.now() - sent.sent_at > WAIT:
                return sent
        time.sleep(_LOOK_EVERY_S)


def _forget(key: str) -> None:
    SentForm.objects.filter(pk=key).delete()


def _as_before(request: HttpRequest, before: SentForm) -> HttpResponseRedirect:
    at = f"{when(before.sent_at)} UTC"
    if not before.location:
        messages.warning(
            request,
            f"This form was sent before, at {at}, and is not done yet, or broke off. Look what"
            " became of it, then open it anew.",
        )
        return HttpResponseRedirect(_opened_from(request))
    for level, text, is_safe in before.said:
        messages.add_message(request, level, mark_safe(text) if is_safe else text)  # noqa: S308  as it was said
    messages.info(
        request, f"This form was sent before, at {at}, and was done that once: this came of it."
    )
    return HttpResponseRedirect(before.location)


def _opened_from(request: HttpRequest) -> str:
    """Where the form was, as the browser says it."""
    said = urlsplit(request.headers.get("Referer", ""))
    is_ours = said.netloc == request.get_host() and said.path.startswith(reverse("admin:index"))
    return said._replace(scheme="", netloc="").geturl() if is_ours else reverse("admin:index")


def _said(request: HttpRequest) -> list[tuple[int, str, bool]]:
    """What the view tells the operator, but for what is shown once."""
    queued: list[Message] = getattr(request, "_messages")._queued_messages  # noqa: B009  Django's
    return [
        (message.level, str(message.message), isinstance(message.message, SafeString))
        for message in queued
        if message.extra_tags != SHOWN_ONCE
    ]
