"""The stress ladder: what would happen if the price moved so far, now?

Theory of operation. The newest snapshot of a market is what its engine would start from. `ladder`
restores it once per step, moves the index price by the step, gives it to the real core as the
command it would get, and reads from the core's events who is liquidated, what the insurance fund
pays and who is deleveraged. Nothing is published and nothing is written: a run of the same snapshot
with the same steps gives the same bytes.

What a ladder can't know: traders would act. Makers would pull their orders, so that liquidations
would meet fewer bids than the snapshot has; others would add margin, or close in time.
"""
