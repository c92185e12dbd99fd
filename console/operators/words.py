"""What groups may, in words: those of the permissions themselves, each said where it is declared.

What can only be looked at is one sentence, since it is most of what there is.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission

_VIEW = "view_"


@dataclass(frozen=True)
class Job:
    """``sees``: names of what its members may look at; ``may``: a sentence for each other thing."""

    name: str
    members: int
    sees: list[str]
    may: list[str]


def jobs(members: dict[int, int]) -> list[Job]:
    """By group; ``members``: how many, by id of the group."""
    groups = Group.objects.prefetch_related("permissions__content_type").order_by("name")
    return [_job(group, members.get(group.pk, 0)) for group in groups]


def _job(group: Group, members: int) -> Job:
    held = list(group.permissions.all())
    return Job(group.name, members, seen(held), sentences(held))


def seen(held: Iterable[Permission]) -> list[str]:
    models = (p.content_type.model_class() for p in held if p.codename.startswith(_VIEW))
    return sorted({str(model._meta.verbose_name_plural) for model in models if model is not None})


def sentences(held: Iterable[Permission]) -> list[str]:
    """Django's are "Can …"."""
    acts = (p for p in held if not p.codename.startswith(_VIEW))
    return sorted(
        {
            f"{p.name.removeprefix('Can ')[:1].upper()}{p.name.removeprefix('Can ')[1:]}"
            for p in acts
        }
    )
