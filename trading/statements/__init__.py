"""Statements: what an account had, all that moved, what it has, and that the sum is right.

Theory of operation. A statement is read in one transaction that sees one moment of the database, in
pages by key, so it needs little memory however long it is. What the account had at the beginning is
the journal's sum until then (`ledger.balances`). What it has at the end is looked up elsewhere
where that can be: up to now it is the wallet and the margin of positions as they are kept, not as
they were posted. In between each posting is counted, account by account. If the three don't agree
the statement says so in its last line, and operators see it (`FaultyStatement`).

Rows come in the order they were posted. What the ledger was late to post stands with its own time
where it was posted; it counts by that time.

`reading` reads, `writing` makes CSV and JSON of it, piece by piece; `services` puts both together.
"""
