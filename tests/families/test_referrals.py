"""Codes, who signed up with them, and the shares of fees they bring."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from time_machine import TimeMachineFixture

from accounts.models import User
from accounts.referrals import services
from accounts.referrals.models import Referral, ReferralCode
from common.errors import DomainError
from ledger.models import Account, AccountKind, EntryKind, JournalEntry, Posting, Wallet
from matching.messages.limits import MAX_MONEY_UNITS
from persistence.reconciliation.money_checks import CONSERVATION, FEES, REFERRALS, WALLETS
from persistence.sealing.scope import EVERYTHING
from tests.admin.factories import make_user as make_operator
from tests.families.family import acting, available, open_account
from tests.families.test_fees import NOON, TODAY, trade
from tests.ledger.world import in_threads
from tests.trading.client import PASSWORD, Answer, Api, Trader, make_trader
from trading.fees import paying
from trading.fees.models import DailyRun, ReferralPayment
from trading.fees.paying import pay_day, pay_if_due, set_share
from trading.models import TraderDay

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.time_machine(NOON)]

YESTERDAY = TODAY - timedelta(days=1)
USD = 1_000_000


@pytest.fixture
def anna(market: object) -> Trader:
    return make_trader(0)


@pytest.fixture
def code(anna: Trader) -> str:
    answer = anna.api.send("POST", "/user/referrals")
    assert answer.status == 201, answer
    return str(answer.body["code"])


@pytest.fixture
def share(db: None) -> None:
    set_share(200_000, "as agreed", make_operator("boss", is_staff=True))


def sign_up(name: str, code: Any) -> Answer:
    body = {"username": name, "password": PASSWORD, "referralCode": code}
    return Api().post("/auth/signup", body)


def brought(name: str, code: str) -> User:
    answer = sign_up(name, code)
    assert answer.status == 201, answer
    return User.objects.get(username=name)


def wrong(*checks: Any) -> list[Any]:
    found = []
    with connection.cursor() as cursor:
        for check in checks:
            asked = f"{EVERYTHING.prelude} SELECT * FROM ({check.sql}) AS found"
            cursor.execute(asked, {**EVERYTHING.values, "market": None})
            found += cursor.fetchall()
    return found


def test_who_signs_up_with_a_code_was_brought(anna: Trader, code: str) -> None:
    bert = brought("bert", f" {code.lower()} ")
    assert Referral.objects.get(user=bert).referrer == anna.user
    (listed,) = anna.api.get("/user/referrals").body["codes"]
    assert listed | {"madeMs": 0} == {"code": code, "madeMs": 0, "referred": 1, "paid": "0"}


@pytest.mark.parametrize("said", ["", "x", "A" * 10, "A" * 100_000, 7, [], {}, "É" * 10])
def test_a_code_that_isnt_there_signs_nobody_up(anna: Trader, said: Any) -> None:
    answer = sign_up("bert", said)
    assert answer.status == 400
    assert answer.body["field"] == "referralCode"
    assert not User.objects.filter(username="bert").exists()


def test_none_is_as_if_it_werent_asked(anna: Trader) -> None:
    assert sign_up("bert", None).status == 201
    assert Referral.objects.count() == 0


def test_ten_codes_of_a_main_account(anna: Trader, code: str) -> None:
    open_account(anna, "hedge")
    assert acting(anna, "hedge").api.send("POST", "/user/referrals").code == "MAIN_ACCOUNT_ONLY"
    for _ in range(services.CODES_MAX - 1):
        assert anna.api.send("POST", "/user/referrals").status == 201
    assert anna.api.send("POST", "/user/referrals").code == "TOO_MANY_CODES"
    assert len({row.code for row in ReferralCode.objects.all()}) == services.CODES_MAX


def test_nobody_refers_themselves(anna: Trader, code: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Referral.objects.create(
            user=anna.user, referrer=anna.user, code=ReferralCode.objects.get(code=code)
        )


def test_a_share_of_the_familys_fees_of_a_day_is_paid_once(
    anna: Trader, code: str, share: None
) -> None:
    bert = brought("bert", code)
    carl = brought("carl", code)
    other = make_trader(0)
    hedge = User.objects.create(username=f"{bert.pk}/hedge", parent=bert, password="!")
    for user, usd in ((bert, 1_000), (hedge, 500), (carl, 7), (other.user, 9_000)):
        trade(user, usd)
    assert set(in_threads(5, lambda: pay_day(YESTERDAY))) <= {0, 2}
    # 1.5 USD of fees of bert's family, 0.007 of carl's; a fifth of each.
    assert available(anna.user) == 300_000 + 1_400
    pay_day(YESTERDAY)
    assert ReferralPayment.objects.count() == 2
    entries = JournalEntry.objects.filter(kind=EntryKind.REFERRAL)
    fees = Account.objects.get(kind=AccountKind.FEES)
    assert sorted(
        Posting.objects.filter(entry__in=entries, account=fees).values_list(
            "amount_units", flat=True
        )
    ) == [-300_000, -1_400]
    assert wrong(WALLETS, REFERRALS, CONSERVATION) == []
    (listed,) = anna.api.get("/user/referrals").body["codes"]
    assert listed["paid"] == "0.3014"
    (line, _) = anna.api.get("/user/ledger?kind=referral").body["ledger"]
    assert line["cause"] == "referral"


def test_a_day_of_rebates_pays_nothing(anna: Trader, code: str, share: None) -> None:
    bert = brought("bert", code)
    trade(bert, 1_000)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE trading_traderday SET fee_units = -5")
    assert pay_day(YESTERDAY) == 0
    assert available(anna.user) == 0
    assert TraderDay.objects.count() == 1


def test_without_a_share_nothing_is_paid_and_the_day_is_over(anna: Trader, code: str) -> None:
    trade(brought("bert", code), 1_000)
    pay_if_due(lambda _day: True)
    set_share(200_000, "from now on", make_operator("boss", is_staff=True))
    assert pay_day(YESTERDAY) == 0
    assert available(anna.user) == 0


@pytest.mark.parametrize(("hour", "minute", "paid"), [(0, 0, 0), (0, 59, 0), (1, 0, 1)])
def test_a_day_is_paid_an_hour_after_it_ended(
    anna: Trader,
    code: str,
    share: None,
    time_machine: TimeMachineFixture,
    hour: int,
    minute: int,
    paid: int,
) -> None:
    trade(brought("bert", code), 1_000)
    time_machine.move_to(NOON.replace(hour=hour, minute=minute))
    assert pay_if_due(lambda _day: True) == paid
    assert available(anna.user) == paid * 200_000


def test_days_that_were_missed_are_made_up_for(anna: Trader, code: str, share: None) -> None:
    bert = brought("bert", code)
    pay_day(TODAY - timedelta(days=5))
    for days_ago in (5, 4, 3, 2):
        trade(bert, 1_000, days_ago)
    pay_if_due(lambda _day: True)
    days = set(ReferralPayment.objects.values_list("day", flat=True))
    assert days == {TODAY - timedelta(days=n) for n in (4, 3, 2)}
    before = available(anna.user)
    pay_if_due(lambda _day: True)
    assert available(anna.user) == before == 3 * 200_000


def test_a_day_that_is_not_known_yet_is_waited_for(anna: Trader, code: str, share: None) -> None:
    bert = brought("bert", code)
    pay_day(TODAY - timedelta(days=5))
    for days_ago in (4, 3, 2):
        trade(bert, 1_000, days_ago)
    unknown = {TODAY - timedelta(days=3)}
    assert pay_if_due(lambda day: day not in unknown) == 1
    trade(bert, 500, 3)  # persisted late
    assert pay_if_due(lambda day: day not in unknown) == 0
    unknown.clear()
    pay_if_due(lambda day: day not in unknown)
    assert available(anna.user) == 200_000 + 300_000 + 200_000


def test_one_that_was_cut_short_goes_on(
    anna: Trader, code: str, share: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paying, "AT_ONCE", 1)
    for name in ("bert", "carl", "dora"):
        trade(brought(name, code), 1_000)
    pay, calls = paying._pay, []

    def failing(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise RuntimeError("killed")
        pay(*args)

    monkeypatch.setattr(paying, "_pay", failing)
    with pytest.raises(RuntimeError):
        pay_day(YESTERDAY)
    assert ReferralPayment.objects.count() == 1
    assert DailyRun.objects.get().ended_at is None
    assert pay_day(YESTERDAY) == 3
    assert available(anna.user) == 3 * 200_000
    assert wrong(WALLETS, REFERRALS) == []


def test_what_is_wrong_is_found(anna: Trader, code: str, share: None) -> None:
    trade(brought("bert", code), 1_000)
    pay_day(YESTERDAY)
    # No fill paid the fee that the day says, in this world without fills.
    assert wrong(FEES) == []
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE trading_referralpayment SET amount_units = amount_units - 1")
        cursor.execute("SET session_replication_role = DEFAULT")
    assert len(wrong(REFERRALS)) == 1
    assert len(wrong(FEES)) == 1


def test_a_full_wallet_takes_what_it_can(anna: Trader, code: str, share: None) -> None:
    trade(brought("bert", code), 1_000)
    Wallet.objects.filter(user=anna.user).update(available_units=MAX_MONEY_UNITS - 5)
    pay_day(YESTERDAY)
    assert ReferralPayment.objects.get().amount_units == 5


def test_the_share_is_another_operators_to_set(anna: Trader, code: str) -> None:
    operator = make_operator("boss", is_staff=True)
    for ppm, reason in ((-1, "x"), (1_000_001, "x"), (0, "x"), (5, " ")):
        with pytest.raises(DomainError):
            set_share(ppm, reason, operator)
    with pytest.raises(DomainError, match="another operator"):
        set_share(5, "mine", anna.user)
    set_share(5, "ours", operator)
    assert paying.share_ppm() == 5


def test_rows_stay_as_they_were_made(anna: Trader, code: str, share: None) -> None:
    trade(brought("bert", code), 1_000)
    pay_day(YESTERDAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        ReferralPayment.objects.all().delete()
    payment = ReferralPayment.objects.get()
    payment.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        payment.save(force_insert=True)
