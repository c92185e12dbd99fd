"""Transfers: money from one account's available to another's, at once and free.

Theory of operation. A trader moves money between the accounts of the family, and, where the
operators allow it (`models.TransferRule`), to another trader by username. One transaction locks the
main account's row (so that nobody is suspended meanwhile, and a key counts once), then both
wallets in the order of their users, and then one statement moves the money with its journal entry
and the row that says so. What is held or in margin can't be moved.

A key, which every transfer has, makes a retry safe: the same key is the same transfer, and with
other contents a conflict.
"""
