"""Fees by volume, and shares of fees for who brought a trader.

Theory of operation. Both are run for a day, by UTC, and a day's run is a row (`DailyRun`), so that
it is done once, however often the task comes; one that is missed is made up for.

`moving`: what a family traded in 30 days, of the sums that persistence keeps by day
(`trading.models.days`), decides its fee tier: the one with the highest `from_volume_units` that it
reached, or none. Only of families whom no operator has put into a tier by hand: that wins until it
is taken back. All accounts of a family are in one tier. Each move is a row (`TierMove`).

`paying`: a share of what a referred trader's family paid in fees on a day goes from the fees
account to the wallet of who brought them, once per trader and day by a constraint. A day of rebates
pays nothing, and takes nothing.

What the ledger is late to persist, by more than the time to the day's run, counts for no tier and
no share of that day; the volume counts the day after.
"""
