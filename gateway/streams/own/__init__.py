"""What accounts are told: their orders, what they are worth, how long their streams last."""
