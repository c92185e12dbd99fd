"""Numbers of people in messages of engines and proofs, as the names that operators know."""

import pytest
from django.utils.safestring import SafeString, mark_safe

from accounts.models import User
from accounts.people.names import with_names
from tests.admin.factories import make_user

pytestmark = pytest.mark.django_db


def test_names_stand_for_numbers(django_assert_num_queries) -> None:
    alice, bob = make_user("alice"), make_user("bob")
    texts = [
        f"held of user {alice.pk}",
        f"taker (account {bob.pk}, fee 1), maker (account {alice.pk}, fee 2)",
        "",
        f"order {alice.pk} of the market",
    ]
    with django_assert_num_queries(1):
        found = with_names(texts)
    assert found == [
        "held of user alice",
        "taker (account bob, fee 1), maker (account alice, fee 2)",
        "",
        f"order {alice.pk} of the market",
    ]


def test_without_any_nothing_is_asked(django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        assert with_names(["flat", "user 0", f"user {'9' * 40}"]) == [
            "flat",
            "user 0",
            f"user {'9' * 40}",
        ]


def test_somebody_unknown_keeps_the_number() -> None:
    assert with_names(["user 987654"]) == ["user 987654"]


def test_what_is_safe_stays_safe() -> None:
    mallory = make_user("mallory")
    User.objects.filter(pk=mallory.pk).update(username="<b>")
    (safe,) = with_names([mark_safe(f"<i>user {mallory.pk}</i>")])
    assert (safe, isinstance(safe, SafeString)) == ("<i>user &lt;b&gt;</i>", True)
    (plain,) = with_names([f"user {mallory.pk}"])
    assert (plain, isinstance(plain, SafeString)) == ("user <b>", False)
