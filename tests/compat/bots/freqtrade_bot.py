"""freqtrade, live: enters, keeps a stop on the exchange, exits, for some minutes."""

import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ccxt
from telling import given, seen, traded

PAIRS = ["BTC/USDT:USDT", "ETH/USDT:USDT"]
STRATEGY = '''
from freqtrade.strategy import IStrategy


class InAndOut(IStrategy):
    """Buys whenever it holds nothing, and sells half a minute later."""

    timeframe = "1m"
    minimal_roi = {"0": 10}
    stoploss = -0.2
    startup_candle_count = 2
    process_only_new_candles = False
    order_types = {
        "entry": "limit",
        "exit": "market",
        "emergency_exit": "market",
        "stoploss": "market",
        "stoploss_on_exchange": True,
        "stoploss_on_exchange_interval": 10,
    }

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe.loc[:, "enter_long"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def leverage(self, *args, **kwargs):
        return 5.0

    def custom_exit(self, pair, trade, current_time, *args, **kwargs):
        held = (current_time - trade.date_last_filled_utc).total_seconds()
        return "half a minute" if held > 30 else None
'''


def configuration(base: str, key: dict[str, str]) -> dict[str, object]:
    addresses = {
        name: f"{base}/not-here"
        for name, one in ccxt.binanceusdm().urls["api"].items()
        if isinstance(one, str)
    }
    for version in ("", "V2", "V3"):
        path = f"{base}/fapi/{version.lower() or 'v1'}"
        addresses |= {f"fapiPublic{version}": path, f"fapiPrivate{version}": path}
    addresses |= {"fapiData": f"{base}/futures/data", "sapi": f"{base}/sapi/v1"}
    prices = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
    return {
        "max_open_trades": 2,
        "stake_currency": "USDT",
        "stake_amount": 500,
        "dry_run": False,
        "initial_state": "running",
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "entry_pricing": prices,
        "exit_pricing": prices,
        "pairlists": [{"method": "StaticPairList"}],
        "internals": {"process_throttle_secs": 5},
        "unfilledtimeout": {"entry": 1, "exit": 1},
        "exchange": {
            "name": "binanceusdm",
            "key": key["key"],
            "secret": key["secret"],
            "only_from_ccxt": True,
            "enable_ws": False,
            "ccxt_config": {"urls": {"api": addresses}, "options": {"fetchCurrencies": False}},
            "pair_whitelist": PAIRS,
        },
    }


def main() -> None:
    base, key, minutes = given()
    home = Path(tempfile.mkdtemp(prefix="freqtrade-"))
    (home / "strategies").mkdir()
    (home / "strategies" / "in_and_out.py").write_text(STRATEGY)
    (home / "config.json").write_text(json.dumps(configuration(base, key)))
    kept, log = home / "trades.sqlite", home / "log"
    command = [sys.executable, "-m", "freqtrade", "trade", "--strategy", "InAndOut"]
    command += ["--config", str(home / "config.json"), "--userdir", str(home)]
    command += ["--db-url", f"sqlite:///{kept}"]
    with log.open("w") as output:
        bot = subprocess.Popen(command, stdout=output, stderr=output, cwd=home)
        time.sleep(60 * minutes)
        bot.send_signal(signal.SIGINT)
        bot.wait(120)
    read = sqlite3.connect(kept).execute
    closed = dict(read("SELECT pair, count(*) FROM trades WHERE NOT is_open GROUP BY pair"))
    for pair in PAIRS:
        seen(f"{pair} entered and left", closed.get(pair, 0), log.read_text()[-2_000:])
    stops = read("SELECT count(*) FROM orders WHERE ft_order_side = 'stoploss'").fetchone()[0]
    trades = read("SELECT count(*) FROM trades").fetchone()[0]
    seen("a stop on the exchange for each", trades and stops >= trades - 1, (stops, trades))
    seen("no rejected order", not read("SELECT 1 FROM orders WHERE status = 'rejected'").fetchall())
    said = log.read_text()
    faults = [
        line
        for line in said.splitlines()
        # A stop goes with its position here, before the bot takes it back.
        if " - ERROR - " in line and "Could not cancel stoploss order" not in line
    ]
    seen("nothing wrong in its log", not faults, faults[:3])
    filled = dict(read("SELECT ft_order_side, sum(filled) FROM orders GROUP BY ft_order_side"))
    traded(filled.get("buy", 0), filled.get("sell", 0) + (filled.get("stoploss") or 0))


if __name__ == "__main__":
    main()
