"""Today: what the exchange did within a range of time, and what waits for an operator.

Nothing is summed up over fills or postings as the page is asked for: volumes are candles, money is
`ledger.models.AccountFlow`, traders are counted by day; all three are written with the rows they
sum up. So the page costs the same after a million fills, and its figures are the journal's.
"""
