"""What groups may, in words: those of the permissions themselves, each said where it is declared.

What can only be looked at is one sentence, since it is most of what there is.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission

_VIEW = "view_"
_USUAL = ("add", "change", "delete")


@dataclass(frozen=True)
class GroupJob:
    """``sees``: names of what its members may look at; ``may``: a sentence for each other thing."""

    name: str
    members: int
    sees: list[str]
    may: list[str]


def jobs(members: dict[int, int]) -> list[GroupJob]:
    """By group; ``members``: how many, by id of the group."""
    groups = Group.objects.prefetch_related("permissions__content_type").order_by("name")
    return [_job(group, members.get(group.pk, 0)) for group in groups]


def _job(group: Group, members: int) -> GroupJob:
    held = list(group.permissions.all())
    return GroupJob(group.name, members, seen(held), sentences(held))


def seen(held: Iterable[Permission]) -> list[str]:
    models = (p.content_type.model_class() for p in held if p.codename.startswith(_VIEW))
    return sorted({str(model._meta.verbose_name_plural) for model in models if model is not None})


def sentences(held: Iterable[Permission]) -> list[str]:
    """Of what is declared, as it says itself: Django's are "Can …". Of the usual ones of a model
    one for all."""
    said: set[str] = set()
    usual: dict[str, set[str]] = {}
    for permission in held:
        verb, _, name = permission.codename.partition("_")
        model = permission.content_type.model_class()
        if verb in _USUAL and model is not None and name == model._meta.model_name:
            usual.setdefault(str(model._meta.verbose_name_plural), set()).add(verb)
        elif verb != "view":
            said.add(_capital(permission.name.removeprefix("Can ")))
    for records, verbs in usual.items():
        said.add(_capital(f"{_listed([verb for verb in _USUAL if verb in verbs])} {records}"))
    return sorted(said)


def _listed(verbs: list[str]) -> str:
    *first, last = verbs
    return f"{', '.join(first)} and {last}" if first else last


def _capital(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}"
