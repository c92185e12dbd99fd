"""③ The engine: a pure function from a market's commands to its events.

Nothing here does I/O, reads a clock, draws a random number, logs, or uses a float; time is the
command's. The same commands give the same bytes on any machine, which is what recovery, the hot
standby and replay verification rest on.

Its wings, each leaning only on those before it, in the order to read them:

* `book`: what waits. `book` (price–time priority), `triggers` (conditional orders)
* `market`: what a market is. `position` (what a fill does to a position and its money), `state`
  (everything a market knows), `prices` (the mark), `funding`, `rules`, `recent`, `invariants` (what
  must hold after each command), `snapshot`
* `orders`: an order's way. `matcher` (one order against the book), `dry_run`, `place` (placing and
  cancelling), `amend`, `conditional` (those that fire, and those whose time has come)
* `risk`: what a position must have, and what happens to one that has it no more. `margin`,
  `position_index`, `liquidation`, `ranking`, `deleveraging`, `settlement`

`engine` joins them: commands in, events out. From outside are used `engine.Engine`,
`market.invariants` and `market.snapshot`.
"""
