"""Custody by hand: an operator moves the money elsewhere, and enters what became of it.

Nothing here speaks to anybody. What is handed over waits as `sending` until an operator has entered
the transfer's reference, and says later that it arrived or failed (`sending`). What came in is
credited with a reference, once, by two people (`crediting`). A balance isn't known.
"""
