"""Operators of the groups, and two of a kind."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group

from accounts.models import User
from tests.admin.conftest import client_of, operator
from tests.admin.factories import make_user

__all__ = ["client_of", "operator"]

Operator = Callable[[str], User]


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice")


@pytest.fixture
def tess(operator: Operator) -> User:
    """Of the treasury."""
    return operator("treasury")


@pytest.fixture
def theo(tess: User) -> User:
    """Of the treasury, too."""
    theo = make_user("theo", is_staff=True)
    theo.groups.add(Group.objects.get(name="treasury"))
    return theo
