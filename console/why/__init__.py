"""Why? An order, a fill, a forced closing, a funding payment, a settlement or a command explained.

Theory of operation. One command becomes one output entry, its sequence stands on the rows that the
entry changed and on their postings: that is the chain, and a page follows it from either end. Rows
in Postgres are kept for good: what was asked, what became of it, the rules as operators set them,
the money. Redis keeps the newest entries (`persistence.recovery.archive`), and with them which
events there were, the mark price of the moment and commands that no outbox has: orders are their
own, index prices and the clock have none.

So a page says what rows say, adds what Redis still has, and names what is not kept. A number is
worked out again by the engine's own rule where all that went into it is known, and else left out.

`refusals` and `endings` hold a sentence for each code the engine has, `happened` one for each
event, `causes` one for each command; tests walk the closed sets.
"""
