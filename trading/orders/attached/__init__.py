"""① Take-profits and stop-losses that come with their entry.

Each is an order of its own, with a row, an id and a command. Their rows are inserted with the
entry's in one transaction, all or none, and their commands go before the entry's, so that it never
fills without them (`matching.core.orders.attached`).
"""
