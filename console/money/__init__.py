"""Is the money right? What was last compared, what every kind of account holds at a moment, and
where revenue, insurance and deposits stand.

At a million postings nobody adds up the journal for a page. The figures of now are sums that are
kept as rows are written, and every kind from rows of its own, so that their adding up to zero
proves something:

    available, held                 wallets
    margin, clearing                positions: their margin, and minus their entry cost
    insurance, fees, deposits,      `ledger.AccountFlow`: sums of postings by hour and by minute
    withdrawals, adjustments

For a past moment all of it is sums of postings: the same flows, and those of the other kinds by
day, hour and minute (`ledger.balances`), which a worker adds up a little later. What is not in them
yet, and the part of a minute that a moment is in, the journal is asked for, which is bounded: where
a worker is far behind, the page shows the exchange's own accounts alone, and claims nothing of
others.

An entry's time is when its event happened, and it may be persisted later. So what a moment held can
still grow while persistence is behind, as it should.
"""
