"""Money → Export a month: the books or the fills of a month as one file.

Theory of operation. A run is a job (`console.jobs`): it reads rows page by page by their key
(`sources`), writes them as CSV, packs them, and keeps the file in parts as rows of Postgres
(`writing`), so that whichever worker writes it, every server can hand it out. Rows belong to a
month by the time of their event, which is the engine's; keys rise in the order rows were persisted.
So keys are looked for three days on either side, and each row's own time decides.

A file is worth what can be proven of it: at its end what was written is held against sums that were
kept as the rows were persisted (`ledger.AccountFlow`, `trading.TierDay`). A run whose rows don't
add up to them fails.

Parts are dropped after a week; the run stays, with the length of the file and its SHA-256. Who
asked for it and who fetched it is in the audit.
"""
