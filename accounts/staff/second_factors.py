"""Whether operators sign in with more than a password."""

from collections.abc import Collection, Mapping
from enum import StrEnum


class SecondFactor(StrEnum):
    NOT_SET_UP = "not set up"


def second_factors_of(user_ids: Collection[int]) -> Mapping[int, SecondFactor]:
    """By user. Nobody has one yet: there is none to set up."""
    return dict.fromkeys(user_ids, SecondFactor.NOT_SET_UP)
