"""Publishing terms of service, and accepting them."""

from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Max

from accounts.law.standing import standing
from accounts.models import TermsAcceptance, TermsVersion, User
from common.errors import DomainError, ErrorCode, invalid

NOW_LASTS = timedelta(minutes=2)  # said by the minute, and sent a moment later


def terms_in_force() -> TermsVersion | None:
    return (
        TermsVersion.objects.filter(in_force_at__lte=datetime.now(UTC)).order_by("version").last()
    )


def terms_to_come() -> TermsVersion | None:
    """The next that will be in force, which can be accepted by now."""
    rows = TermsVersion.objects.filter(in_force_at__gt=datetime.now(UTC))
    return rows.order_by("version").first()


@transaction.atomic
def publish_terms(terms: TermsVersion, by: User) -> None:
    """As the next version. Raises DomainError where it would be in force before an earlier one."""
    newest = TermsVersion.objects.select_for_update().order_by("version").last()
    if terms.in_force_at < datetime.now(UTC) - NOW_LASTS:
        raise invalid("in_force_at", "in_force_at must be ahead, or now.")
    if newest is not None and terms.in_force_at <= newest.in_force_at:
        message = (
            f"in_force_at must be after that of {newest}, {newest.in_force_at:%Y-%m-%d %H:%M}."
        )
        raise invalid("in_force_at", message)
    terms.version = (newest.version if newest else 0) + 1
    terms.published_by = by
    terms.save(force_insert=True)
    transaction.on_commit(standing.forget)


def accepted_version(user_id: int) -> int | None:
    """The newest that they accepted."""
    rows = TermsAcceptance.objects.filter(user_id=user_id)
    newest: int | None = rows.aggregate(newest=Max("terms__version"))["newest"]
    return newest


@transaction.atomic
def accept_terms(user_id: int, version: int, address: str | None) -> TermsAcceptance:
    """Those in force, or to come; again changes nothing. Raises DomainError."""
    in_force = terms_in_force()
    terms = TermsVersion.objects.filter(version=version).first()
    if terms is None or (in_force is not None and version < in_force.version):
        now = "none" if in_force is None else str(in_force.version)
        message = f"terms_version must be the one in force, which is {now}, or one to come."
        raise invalid("terms_version", message)
    row, _ = TermsAcceptance.objects.get_or_create(
        user_id=user_id, terms=terms, defaults={"address": address}
    )
    return row


def require_known(version: int | None) -> None:
    """Of somebody who signs up: those in force, once there are any. Raises DomainError."""
    in_force = terms_in_force()
    if in_force is not None and (version is None or version < in_force.version):
        message = (
            f"Read the terms of service, GET /terms, and accept them: terms_version must be "
            f"{in_force.version}."
        )
        raise DomainError(ErrorCode.TERMS_NOT_ACCEPTED, message, "terms_version")


def require_accepted(user_id: int) -> None:
    """For whatever opens something. Raises DomainError."""
    if standing.refused([user_id]):
        raise terms_not_accepted()


def terms_not_accepted() -> DomainError:
    message = (
        "New terms of service are in force: read them, GET /terms, and accept them, POST "
        "/user/terms. What closes positions and takes money out needs no acceptance."
    )
    return DomainError(ErrorCode.TERMS_NOT_ACCEPTED, message)
