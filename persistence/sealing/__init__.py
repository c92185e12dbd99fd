"""Seals: stretches of the journal that were proven once, and what they add up to.

Theory of operation. A seal says: everything up to here was proven, these are the sums, and this is
a hash of every row. The next periodic reconciliation begins at the newest seal: it takes the sums
from there and reads only rows behind it, so it costs what is new, however long the history.

* **Where a seal ends** is an id of a journal entry, and for each market a sequence: all entries of
  a market up to that sequence have ids within the seal. Ids come from sequences, so a transaction
  may commit a lower id later than another a higher one; a seal ends where all who drew an id up to
  there have ended (`common.postgres.horizon`). What an engine caused is sealed only if it is whole:
  a sequence of which one entry lies behind the seal's last id is looked at anew, with its fills.
* **Why what is before need not be read.** When a seal is made, all checks hold in one snapshot of
  the database, for rows behind the seal before; and that one was made the same way. Rows of the
  journal and fills are never changed by the exchange. Orders are: those that had not ended when the
  seal was made are listed (`CarriedOrder`), and looked at by every run until they have.
* **What it can't see.** Who changes a sealed row behind Postgres' back is not found by a periodic
  run. The full proof finds it: it reads all rows as if there were no seal, and then holds each
  seal, its sums, its hashes of a hundred entries each and its place in the chain against them.

`models` are the rows, `scope` what a run reads, `stories` what happened to each position,
`contents` what a stretch adds up to, for whoever makes or proves it, and `due` since when the next
could have been made.
"""
