"""Telling a trader."""

from collections.abc import Collection

from accounts.models import Person
from accounts.notices.kinds import ALWAYS, NoticeKind
from accounts.notices.words import body_of, subject_of
from mails.services import queue_mail


def tell(user_id: int, kind: NoticeKind, key: str, **facts: str) -> None:
    """In the caller's transaction. ``key`` names the event, among those of its kind; ``facts`` are
    those of `words`. Nothing where there is no verified mail, or they don't want to know."""
    person = listener(user_id, kind)
    if person is not None:
        tell_person(person, kind, key, **facts)


def listener(user_id: int, kind: NoticeKind) -> Person | None:
    """Whoever would be told."""
    rows = Person.objects.filter(user_id=user_id, mail_verified_at__isnull=False)
    person = rows.select_related("user").first()
    return None if person is None or not wants(person, kind) else person


def listeners(user_ids: Collection[int], kind: NoticeKind) -> dict[int, Person]:
    """The same of many."""
    rows = Person.objects.filter(user_id__in=user_ids, mail_verified_at__isnull=False)
    people = rows.select_related("user").order_by("pk")
    return {person.pk: person for person in people if wants(person, kind)}


def wants(person: Person, kind: NoticeKind) -> bool:
    return kind in ALWAYS or kind not in person.muted


def tell_person(
    person: Person, kind: NoticeKind, key: str, secret: str | None = None, **facts: str
) -> None:
    """To the mail that the row has: an old one, where it is about to be replaced. ``secret``: as
    `queue_mail` takes it."""
    body = body_of(kind, person.user.username, facts)
    queue_mail(f"{kind}-{person.pk}-{key}", person.mail, subject_of(kind), body, secret)
