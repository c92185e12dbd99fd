"""Acts, as they are told, become rows."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models import Model
from django.dispatch import receiver
from django.http import HttpRequest

from accounts.models import User
from accounts.staff.sessions import kept_key
from common.admin.acts import Act, Verb, operator_acted
from common.limits.askers import address_of
from console.audit import chain
from console.audit.models import AuditRow

_NAME_MAX = 150
_WORDS_MAX = 200


@receiver(operator_acted)
def keep(act: Act, **_: Any) -> None:
    operator = _operator_of(act)
    obj = act.obj
    chain.append(
        AuditRow(
            acted_at=datetime.now(UTC),
            operator=operator,
            operator_name=operator.get_username()[:_NAME_MAX] if operator else "",
            address=_address(act.request),
            session=_session(act.request),
            object_kind=obj._meta.label if obj is not None else "",
            object_key=str(obj.pk) if obj is not None else "",
            object_words=_storable(str(obj))[:_WORDS_MAX] if obj is not None else "",
            verb=act.verb,
            words=_storable(act.words),
            reason=_storable(act.reason),
            market=act.market_id or _market_of(obj),
            sequence=getattr(obj, "seq", None),
            command_id=act.command_id,
        )
    )


@receiver(user_logged_in)
def keep_sign_in(request: HttpRequest, user: User, **_: Any) -> None:
    keep(Act(verb=Verb.SIGNED_IN, request=request, operator=user, obj=user))


@receiver(user_logged_out)
def keep_sign_out(request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        keep(Act(verb=Verb.SIGNED_OUT, request=request, operator=user, obj=user))


def _operator_of(act: Act) -> User | None:
    user = act.operator or getattr(act.request, "user", None)
    return user if isinstance(user, User) else None


def _address(request: HttpRequest | None) -> str | None:
    return address_of(request) if request is not None else None


def _session(request: HttpRequest | None) -> str:
    session = getattr(request, "session", None)
    return kept_key(session.session_key) or "" if session is not None else ""


def _market_of(obj: Model | None) -> str:
    if obj is None:
        return ""
    if obj._meta.label == "markets.Market":
        return str(obj.pk)
    return str(getattr(obj, "market_id", "") or "")


def _storable(text: str) -> str:
    return text.replace("\0", "")
