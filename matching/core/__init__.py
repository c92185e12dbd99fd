"""③ The engine: a pure function from a market's commands to its events.

Nothing here does I/O, reads a clock, draws a random number, logs, or uses a float; time is the
command's. The same commands give the same bytes on any machine, which is what recovery, the hot
standby and replay verification rest on.

Read in this order:

* `book` (price–time priority), `position` (what a fill does
to a position and its money), `state` (everything a market knows), * `matcher` (one order against
the book), `dry_run`, `orders` (placing and cancelling), `amend`, `triggers` and `conditional`
(orders that wait), * `prices` (the mark), `funding`, `liquidation`, `deleveraging`, `money`,
`market_rules`, * `engine` (commands in, events out), `invariants` (what must hold after each),
`snapshot`.
"""
