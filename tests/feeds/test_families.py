"""The account channel of a sub-account: opened by who signs in for it, closed with its right."""

from collections.abc import Callable

from accounts.families.services import archive_account, open_account
from accounts.models import User
from accounts.services import suspend_user
from tests.feeds.conftest import Feeds
from tests.trading.client import token_of


def test_a_channel_is_of_the_account_that_was_named(
    feeds: Feeds, new_user: Callable[[str], User]
) -> None:
    anna, bert = new_user("anna"), new_user("bert")
    hedge, theirs = open_account(anna.pk, "hedge"), open_account(bert.pk, "theirs")
    token = token_of(anna.pk)
    for said, account_id in (("hedge", hedge.pk), (str(hedge.pk), hedge.pk), ("main", anna.pk)):
        ear = feeds.connect()
        ear.say(op="auth", token=token, account=said)
        assert ear.hear() == {"op": "authenticated", "userId": account_id}
    for said in (str(theirs.pk), "theirs", str(bert.pk), "nobody", "x" * 1_000):
        ear = feeds.connect()
        ear.say(op="auth", token=token, account=said)
        assert ear.hear()["code"] == "SUB_ACCOUNT_NOT_FOUND"
        ear.say(op="subscribe", channels=["account"])
        assert ear.hear()["code"] == "NOT_AUTHENTICATED"
    ear = feeds.connect()
    ear.say(op="auth", key="hm" + "0" * 32, timestamp=1, signature="0" * 64, account="hedge")
    assert ear.hear()["code"] == "INVALID_MESSAGE"


def test_it_closes_with_the_account_and_with_the_family(
    feeds: Feeds, new_user: Callable[[str], User]
) -> None:
    anna = new_user("anna")
    hedge, other = open_account(anna.pk, "hedge"), open_account(anna.pk, "other")
    ears = {}
    for account in (hedge, other):
        ear = ears[account.pk] = feeds.connect()
        ear.say(op="auth", token=token_of(anna.pk), account=str(account.pk))
        ear.hear()
        ear.say(op="subscribe", channels=["account"])
        assert ear.hear()["op"] == "subscribed"
    archive_account(anna.pk, hedge.pk)
    assert ears[hedge.pk].hear()["code"] == "ACCOUNT_ARCHIVED"
    suspend_user(anna)
    assert ears[other.pk].hear()["code"] == "ACCOUNT_SUSPENDED"
