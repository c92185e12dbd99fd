"""Is the money right? What was last compared, what every kind of account holds at a moment, and
where revenue, insurance and deposits stand.

At a million postings nobody adds up the journal for a page. The figures of now are sums that are
kept as rows are written, and every kind from rows of its own, so that their adding up to zero
proves something:

    available, held                 wallets
    margin, clearing                positions: their margin, and minus their entry cost
    insurance, fees, deposits,      `ledger.AccountFlow`: sums of postings by hour and by minute
    withdrawals, adjustments

For a past moment the exchange's own accounts are the flows that ended by then. The others go
backwards from now by what the journal says since, which is bounded: further back the page shows the
exchange's own accounts alone, and claims nothing of the others. A moment is a whole minute, for
flows are kept by the minute; what was posted in the minute that begins with it is not in it.

An entry's time is when its event happened, and it may be persisted later. So what a moment held can
still grow while persistence is behind, as it should.
"""
