"""How well the exchange knows a trader: a level from 0 to 3.

A level is set by an operator, with a reason, never for oneself; each setting is a row that stays,
and the newest counts. Who has none is at level 0. What a level lets a trader do is said where it is
asked: how much may be withdrawn, by `ledger.models.WithdrawalLimit`.
"""
