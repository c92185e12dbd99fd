"""manage.py rebuildengine"""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from matching.messages.streams import epoch_key, snapshots_key
from tests.recovery.exchange import MARKET, Exchange, wait_until


def rebuild(**options: object) -> str:
    out = StringIO()
    call_command("rebuildengine", stdout=out, **options)
    return out.getvalue()


def test_it_makes_what_is_missing(exchange: Exchange) -> None:
    exchange.engine()
    exchange.wait_for_word("no starting point")
    said = rebuild(market=MARKET)
    assert (
        said == f"{MARKET}: starting point made at sequence 0 (Redis knows nothing of the market)\n"
    )
    wait_until(lambda: (b := exchange.heartbeat()) and b.halted == "", "a running engine")


def test_it_leaves_a_running_engine_alone_unless_forced(exchange: Exchange) -> None:
    exchange.start()
    exchange.trade(2)
    exchange.settle()
    epoch = exchange.client.get(epoch_key(MARKET))
    with pytest.raises(CommandError, match=f"{MARKET} is in the hands of engine.* --force"):
        rebuild(market=MARKET)
    assert exchange.client.get(epoch_key(MARKET)) == epoch
    seq = exchange.cursor().seq
    assert f"made at sequence {seq} (an operator asked for it)" in rebuild(
        market=MARKET, force=True
    )
    assert exchange.client.get(epoch_key(MARKET)) != epoch
    assert exchange.client.hkeys(snapshots_key(MARKET)) == [str(seq).encode()]
    exchange.trade(1)
    exchange.settle()
    exchange.assert_sound()


def test_an_unknown_market_is_named_with_the_known(exchange: Exchange) -> None:
    with pytest.raises(CommandError, match=f"no market NO-PERP; there are: {MARKET}"):
        rebuild(market="NO-PERP")
