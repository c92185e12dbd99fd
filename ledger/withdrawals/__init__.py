"""Money on its way out, from a trader's request to its end.

Theory of operation. A request holds its money in the statement that inserts its row (`asking`), so
a wallet can't be spent twice, whatever else asks of it at once. What it is judged by is read under
the wallet's lock (`checks`): the address book, the limits of the trader's verification level, what
was asked within 24 hours, and whether sending is stopped (`stops`). Small ones are approved there
and then; others wait for one operator or two (`deciding`).

From there on the row goes along one table (`ledger.models.withdrawal_states`), each step under the
row's lock, with the journal entry it makes and a row that says who did it (`steps`). An approval
commits with a `Payout`, which the room above hands to custody (`handing`): under an id that never
changes, after a commit that says so, holding no lock. So whatever dies, custody is asked again,
and sends once. What custody then says is believed only as far as the table lets it.
"""
