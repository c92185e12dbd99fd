"""The stress ladder: what would happen if the price moved so far, now?

Theory of operation. The newest snapshot of a market is what its engine would start from. `ladder`
restores it, moves the index price, gives it to the real core as the command it would get, and
`findings` reads from the core's events who is liquidated, what the insurance fund pays and who is
deleveraged. Nothing is published and nothing is written but the run's own row: a run of the same
snapshots with the same moves gives the same bytes.

A run is asked for on the page (`services`), and done by `climb` as a job (`console.jobs`).

What a ladder can't know: traders would act. Makers would pull their orders, so that liquidations
would meet fewer bids than the snapshot has; others would add margin, or close in time.
"""
