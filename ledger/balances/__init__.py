"""What an account had at a moment: sums of postings that don't begin at the journal's beginning.

Theory of operation. Postings have ids in the order they were inserted, and their entry the time of
what caused them; a posting is inserted after that, by the time the ledger lags behind the engines,
so neither order is the other's. Every hour the newest id is kept with the time (`JournalMoment`):
all ids up to it were there by then, so what they record had happened. What happened before a
moment is then

* everything up to the id of the newest hour before it, and
* of what was inserted since, up to `LAG_MAX` later, what happened before it.

Of the first, sums are kept every `MARK_ROWS` postings (`BalanceMark`), made by whoever first needs
them, up to hours that are over long enough for every transaction of then to have ended. So no
statement sums up more than so many, but for those of the hours around the moment. Without hours the
whole history is summed up each time, which is slow and right.

What all accounts of a kind had together (`kinds`) is kept by day, hour and minute. Traders'
postings come from many transactions at once, which would wait for one another at one row; so one
worker adds what is new every few seconds (`KindFlow`), up to an entry before which none can come
any more.
"""
