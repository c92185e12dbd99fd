"""The outside world, as a process: a chain that is played, and a custody on it that holds a hot
wallet. It knows nothing of the exchange but an address for its webhooks.

Theory of operation. All it knows is one SQLite file; each call and each block is a transaction
that is on disk before anybody hears of it, so a killed process goes on where it was (`state`). A
payout's id is its primary key: asked twice, it is sent once. A block takes in what waits, counts
confirmations and, now and then, is taken back with what it held (`blocks`). Whatever changes is
news with the next number; news is told by webhook, late, doubled and out of order, or not at all
(`telling`), and can always be asked for (`server`). Where all of this is drawn at random it is
drawn from a seed; `Temper` says how often.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Temper:
    """How often what happens, from 0 to 1; ``late_s``: at most, of a webhook. A payout to an
    address that begins with ``dm1bad`` always fails."""

    waits: float = 0.2  # of what waits for a block, at each block
    reorganises: float = 0.05  # of a block
    drops: float = 0.2  # of deposits that are reorganised: gone for good
    fails: float = 0.0  # of payouts
    loses_answers: float = 0.0  # of payouts that were taken
    loses_webhooks: float = 0.1
    doubles_webhooks: float = 0.2
    late_s: float = 1.0


USUAL = Temper()
STORMY = Temper(
    waits=0.3, reorganises=0.2, drops=0.2, fails=0.1, loses_answers=0.25, loses_webhooks=0.3,
    doubles_webhooks=0.4, late_s=4.0,
)  # fmt: skip
CALM = Temper(
    waits=0, reorganises=0, drops=0, loses_webhooks=0, doubles_webhooks=0, late_s=0
)  # fmt: skip
FINAL = 3  # confirmations after which nothing is taken back
