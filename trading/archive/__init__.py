"""Old fills in Parquet files instead of a partition, and read from there as if they were in it.

Theory of operation. The files, the steps by which a partition becomes one, and the temporary view
that shows rows of files beside the table are those of postings (`ledger.archive`). What is told
apart is how fills are asked for, and what is kept in Postgres so that a file answers that:

* **By trader**: `ArchivedTrader` says in which groups of a file he has fills, and up to when.
* **By order**: an order is its trader's, so his groups; of those, the ones with such an order.
* **By market and trade**: `ArchivedMarket` says between which trades, and up to which sequence and
  time. Trades of a market are numbered as their fills' ids rise, so the table has all behind them.
* **By what reconciliation adds up**: `ArchivedOrder`, of orders that had not ended.

Who reads fills that are young asks the table first, and only then whether a file may have more:
both orders of what can happen in between are right, as what is told of a file stays true whether
its partition is there or not. Where files may have some, it is read anew under a lock.

A quiet trader's rows lie each in another group, so a page reads so many (`ledger.archive.reach`)
and ends short, at a place in its list before which all is found.

`rows` is what a file has, `groups` a part of it, `models` what Postgres knows; `traders` finds what
is a trader's, `picking` what is a market's or has ids; `shown` shows them.
"""
