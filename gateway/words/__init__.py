"""Our words and the venue's: names of markets, kinds and states of orders, refusals."""
