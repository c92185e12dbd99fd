"""Telling a trader."""

from collections.abc import Collection

from accounts.models import Person, User
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
    return listeners([user_id], kind).get(user_id)


def listeners(user_ids: Collection[int], kind: NoticeKind) -> dict[int, Person]:
    """By account: of a sub-account, whose main one is."""
    accounts = User.objects.filter(pk__in=user_ids).values_list("pk", "parent_id")
    owners = {pk: pk if parent_id is None else parent_id for pk, parent_id in accounts}
    rows = Person.objects.filter(user_id__in=set(owners.values()), mail_verified_at__isnull=False)
    people = {person.pk: person for person in rows.select_related("user") if wants(person, kind)}
    return {pk: people[owner_id] for pk, owner_id in owners.items() if owner_id in people}


def wants(person: Person, kind: NoticeKind) -> bool:
    return kind in ALWAYS or kind not in person.muted


def tell_person(
    person: Person, kind: NoticeKind, key: str, secret: str | None = None, **facts: str
) -> None:
    """To the mail that the row has: an old one, where it is about to be replaced. ``secret``: as
    `queue_mail` takes it."""
    body = body_of(kind, person.user.username, facts)
    queue_mail(f"{kind}-{person.pk}-{key}", person.mail, subject_of(kind), body, secret)
