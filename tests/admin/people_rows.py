"""Rows of people and of what the law asks for: an admin page needs no sign-up."""

from datetime import timedelta

from accounts.models import (
    Closure,
    IdentityEvent,
    Person,
    TermsAcceptance,
    TermsVersion,
    User,
)
from tests.admin.money_rows import NOW

LATER = NOW + timedelta(days=36_500)  # nobody is kept from anything


def make_people(user: User, operator: User) -> None:
    """One who said who they are, accepted the terms, was verified, and left once."""
    Person.objects.create(
        user=user,
        mail="alice@example.com",
        mail_verified_at=NOW,
        name="Alice Example",
        country="CH",
        muted=["key_made"],
    )
    terms, _ = TermsVersion.objects.get_or_create(
        version=1, defaults={"text": "Be fair.", "in_force_at": LATER, "published_by": operator}
    )
    TermsAcceptance.objects.create(user=user, terms=terms, address="203.0.113.7")
    IdentityEvent.objects.create(
        event_id=f"evt_{user.pk}",
        user=user,
        level=2,
        occurred_at=NOW,
        is_applied=True,
        outcome="level 2",
    )
    Closure.objects.create(
        user=user, reopened_at=NOW, reopened_by=operator, reopen_reason="she wrote"
    )
