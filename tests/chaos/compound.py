"""Orders that come with others: icebergs, pairs, entries with exits, algos; and what must be true
of them in the end.

Each is made of the body of a plain limit order. Those that come with it have client order ids of
their own, so that one that nobody asked for, or that came twice, is seen.
"""

import random
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from tests.chaos.checks import Books
from tests.chaos.load import MARKETS, Caller, Request

Body = dict[str, Any]


def iceberg(body: Body, rng: random.Random) -> Body:
    """Of a GTC order: it shows a part."""
    lot = MARKETS[body["marketId"]].lot
    lots = round(float(body["qty"]) / lot)
    shown = max(1, lots // rng.randint(2, 8))
    return _plain(body) | {"visibleQty": f"{shown * lot:.3f}"}


def with_exits(body: Body, rng: random.Random) -> Body:
    """One of both now and then; near enough that swings of the price fire them."""
    away = rng.uniform(0.001, 0.01) * (1 if body["side"] == "LONG" else -1)
    exits = {
        "takeProfit": {"price": _price(body, away), "clientOrderId": f"{body['clientOrderId']}-tp"},
        "stopLoss": {"price": _price(body, -away), "clientOrderId": f"{body['clientOrderId']}-sl"},
    }
    if rng.random() < 0.3:
        exits.pop(rng.choice(list(exits)))
    return _plain(body) | exits


def with_other(body: Body, rng: random.Random) -> Body:
    """One cancels the other: a limit order, and a stop of either side."""
    side = rng.choice(("LONG", "SHORT"))
    away = rng.uniform(0.004, 0.012) * (1 if side == "LONG" else -1)
    other = {
        "side": side,
        "orderType": "market",
        "qty": body["qty"],
        "leverage": 2,
        "trigger": {"type": "STOP", "by": "MARK", "price": _price(body, away)},
        "clientOrderId": f"{body['clientOrderId']}-other",
    }
    return _plain(body) | {"other": other}


def _plain(body: Body) -> Body:
    return {name: one for name, one in body.items() if name not in ("postOnly", "expiresAt")}


def _price(body: Body, away: float) -> str:
    return f"{float(body['price']) * (1 + away):.{MARKETS[body['marketId']].decimals}f}"


class Algos:
    """One trader's."""

    def __init__(self, caller: Caller, rng: random.Random) -> None:
        self._caller, self._rng = caller, rng

    def start(self, body: Body | None, key: str) -> None:
        """``body``: of a limit order, whose market, side and price it has."""
        if body is None:
            return
        market, side = body["marketId"], body["side"]
        lot = MARKETS[market].lot
        sent: Body = {"marketId": market, "side": side, "leverage": 5, "clientAlgoId": key}
        if self._rng.random() < 0.4:
            away = -0.004 if side == "LONG" else 0.004
            count = self._rng.randint(2, 6)
            sent |= {"kind": "SCALED", "qty": f"{count * 8 * lot:.3f}", "count": count}
            sent |= {"fromPrice": body["price"], "toPrice": _price(body, away)}
        else:
            sent |= {"kind": "TWAP", "qty": f"{12 * 8 * lot:.3f}", "durationS": 60, "intervalS": 5}
        self._caller.send("POST", "/algos", Request(self._caller.name, "algo", key, sent))

    def change(self) -> None:
        """Pauses, resumes or ends one."""
        page = self._caller.read("/algos?state=running,paused&limit=20")
        if not page or not page["algos"]:
            return
        algo = self._rng.choice(page["algos"])
        method, path = self._rng.choice(
            (("POST", "/pause"), ("POST", "/resume"), ("POST", "/resume"), ("DELETE", ""))
        )
        request = Request(self._caller.name, "algo change", str(algo["id"]), {})
        self._caller.send(method, f"/algos/{algo['id']}{path}", request)


def end_algos(url: str, names: list[str]) -> list[Request]:
    """They would go on sending orders; the run is over."""
    sent: list[Request] = []
    for name in names:
        caller = Caller(url, name, threading.Event(), random.Random(name))
        try:
            page = caller.read("/algos?state=running,paused&limit=100", tries=60)
            for algo in page["algos"] if page else ():
                request = Request(name, "algo change", str(algo["id"]), {})
                caller.send("DELETE", f"/algos/{algo['id']}", request)
        finally:
            caller.close()
        sent += caller.requests
    return sent


# --- what must be true ----------------------------------------------------------------------------


def wrong_pairs(books: Books) -> list[str]:
    """Whichever fills or fires first cancels the other in the same sequence, so both have never
    filled; and of two that know each other none lives on without the other unless it is the one
    that did."""
    wrong = []
    for order in books.orders.values():
        other = books.orders.get(order["other_id"] or 0)
        if other is None or other["id"] < order["id"]:
            continue
        if other["other_id"] != order["id"]:
            wrong.append(f"order {order['id']}: its other {other['id']} has {other['other_id']}")
        if order["filled_lots"] and other["filled_lots"]:
            wrong.append(f"pair {order['id']}, {other['id']}: both have filled")
        for one, its in ((order, other), (other, order)):
            has_decided = bool(one["filled_lots"] or one["triggered_at"])
            if one["status"] in _LIVE and has_decided is (its["status"] in _LIVE):
                wrong.append(f"order {one['id']} is {one['status']}, {its['id']} {its['status']}")
    return wrong


_LIVE = ("pending", "asleep", "waiting", "open")


def wrong_exits(books: Books) -> list[str]:
    """Placed with their entry or not at all; they never close more than it filled, and nothing
    sleeps for an entry that ended unfilled."""
    wrong = []
    closed: Counter[int] = Counter()
    for order in books.orders.values():
        entry = books.orders.get(order["parent_id"] or 0)
        if entry is None:
            continue
        closed[entry["id"]] += order["filled_lots"]
        is_over = entry["status"] not in _LIVE and not entry["filled_lots"]
        if is_over and order["status"] in _LIVE:
            wrong.append(f"order {order['id']} is {order['status']}, its entry {entry['status']}")
    wrong += [
        f"entry {entry_id}: filled {books.orders[entry_id]['filled_lots']}, its exits {lots}"
        for entry_id, lots in closed.items()
        if lots > books.orders[entry_id]["filled_lots"]
    ]
    for request in books.of("order"):
        if request.acknowledged:
            missing = [key for key in request.keys if key not in books.by_client_id]
            wrong += [f"order {request.key}: acknowledged without {key}" for key in missing]
    return wrong


def wrong_algos(books: Books) -> list[str]:
    """Each that was acknowledged is there once; its slices are numbered without a gap, each is one
    order of its own or a refusal, and told once."""
    wrong = []
    by_name: dict[str, list[Any]] = defaultdict(list)
    for algo in books.algos.values():
        by_name[algo["client_algo_id"]].append(algo)
    asked = {request.key: request for request in books.of("algo")}
    for key, request in asked.items():
        told = {a.body["id"] for a in request.attempts if 200 <= a.status < 300}
        if len(told) > 1 or (told and [a["id"] for a in by_name[key]] != list(told)):
            wrong.append(f"algo {key}: told {told}, rows {by_name[key]}")
    wrong += [
        f"algo {key}: nobody asked for it" for key in set(by_name) - set(asked) if by_name[key]
    ]
    for algo in books.algos.values():
        wrong += [f"algo {algo['id']}: {words}" for words in _faults_of(algo, books)]
    of_slices = {one["order_id"] for slices in books.slices.values() for one in slices}
    return wrong + [
        f"order {order['id']} under {order['client_order_id']}: no slice of an algo"
        for order in books.orders.values()
        if (order["client_order_id"] or "").startswith("algo-") and order["id"] not in of_slices
    ]


def _faults_of(algo: Any, books: Books) -> Iterator[str]:
    slices = books.slices[algo["id"]]
    numbers = [one["number"] for one in slices]
    if numbers != sorted(set(numbers)) or (numbers and numbers[-1] != algo["slices_sent"]):
        yield f"sent {algo['slices_sent']}, slices {numbers}"
    if algo["next_at"] is not None or not all(one["is_over"] for one in slices):
        yield f"{algo['state']}, and not over"
    filled_lots = 0
    for one in slices:
        if one["order_id"] is None:
            continue
        name = f"algo-{algo['id']}-{one['number']}"
        rows = books.by_client_id.get(name, [])
        if [row["id"] for row in rows] != [one["order_id"]]:
            yield f"slice {one['number']} is order {one['order_id']}, under its name are {rows}"
        filled_lots += sum(row["filled_lots"] for row in rows)
    if filled_lots != algo["filled_lots"]:
        yield f"filled {algo['filled_lots']}, its orders {filled_lots}"
    told = books.algo_events[algo["id"]]
    if [event["number"] for event in told] != list(range(1, algo["events_told"] + 1)):
        yield f"told {algo['events_told']}, events {[event['number'] for event in told]}"
    sent = [event["slice_number"] for event in told if event["slice_number"] is not None]
    if sorted(sent) != numbers:
        yield f"slices {numbers}, told {sent}"


def happened(books: Books) -> dict[str, int]:
    """What a long run must have seen."""
    orders = books.orders.values()
    reasons = Counter(order["reason"] for order in orders)
    return {
        "icebergs filled": sum(bool(o["visible_lots"] and o["filled_lots"]) for o in orders),
        "pairs decided": reasons["OTHER_FILLED"],
        "exits fired": sum(bool(o["parent_id"] and o["triggered_at"]) for o in orders),
        "slices filled": sum(
            books.orders[one["order_id"]]["filled_lots"] > 0
            for slices in books.slices.values()
            for one in slices
            if one["order_id"] is not None
        ),
    }


COMPOUND_CHECKS: dict[str, Callable[[Books], list[str]]] = {
    "pairs": wrong_pairs,
    "exits": wrong_exits,
    "algos": wrong_algos,
}
