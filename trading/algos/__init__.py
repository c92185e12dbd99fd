"""Algos: orders that the exchange sends piece by piece for a trader who needn't be there.

Theory of operation. An algo is a row (`models`); each of its slices is an ordinary order of its
trader under the client order id `algo-<id>-<number>`, by the same rules, fees and limits of the
market. A SCALED algo spreads its size over a range of prices and sends all at once. A TWAP sends a
part every so many seconds (`plan` says how much).

`runner` takes steps: once a second a worker looks for the algos that are due and takes each in a
transaction of its own, with its row locked. A step books what became of earlier slices, places what
is due, and writes when it is due next. The orders, their holds and the algo's own rows commit
together, so a step happens whole or not at all, whoever dies and when; an order that was committed
and not published is sent again like any other. The name of a slice stands behind that: there is
never a second order under it.

`terms` reads what is asked, `services` starts, pauses and ends, `selectors` adds up, `api` is the
door. Whoever may not trade any more has no algos either: a step asks.
"""
