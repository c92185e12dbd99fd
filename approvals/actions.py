"""The actions there are, described by the rooms that do them."""

from collections.abc import Callable, KeysView
from dataclasses import dataclass
from typing import NamedTuple

from django.contrib.auth.models import AbstractUser

from approvals.models import Proposal


class ApprovalOutcome(NamedTuple):
    """What came of an approved proposal: in words, and the command it became, if it became one."""

    words: str
    command_id: int | None = None


@dataclass(frozen=True)
class Action:
    """What may need a second person.

    kind        its word, in rows and in the log
    title       in words: "Settle a market for good"
    permission  who may decide it, as `app.codename`
    proposed_by  any of these lets somebody propose it; none: who may decide it may
    carry_out   does it, in the transaction that approves the proposal. Raises DomainError where the
                proposal is no longer what it was about
    usual       whether it needs two people where the owner's policy says nothing
    by_amount   whether the policy may let small amounts pass
    is_fixed    always takes two people, whatever the policy
    """

    kind: str
    title: str
    permission: str
    carry_out: Callable[[Proposal, AbstractUser], ApprovalOutcome]
    usual: bool = True
    by_amount: bool = False
    is_fixed: bool = False
    proposed_by: tuple[str, ...] = ()

    def may_be_proposed_by(self, author: AbstractUser) -> bool:
        return may_still(author, *(self.proposed_by or (self.permission,)))


def may_still(operator: AbstractUser, *permissions: str) -> bool:
    """Whether what they did counts when it is done: they are an operator and have any of these by
    then; a suspended one has none."""
    return operator.is_staff and any(map(operator.has_perm, permissions))


_actions: dict[str, Action] = {}


def register(action: Action) -> None:
    """Once, when its room's app is ready."""
    if action.kind in _actions:
        raise ValueError(f"{action.kind} is registered already")
    _actions[action.kind] = action


def action_of(kind: str) -> Action:
    return _actions[kind]


def kinds() -> KeysView[str]:
    """Of all rooms, also of those that come to be later than whoever asks."""
    return _actions.keys()


def all_actions() -> list[Action]:
    return sorted(_actions.values(), key=lambda action: action.title)
