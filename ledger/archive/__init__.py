"""Old postings in Parquet files instead of a partition, and read from there as if they were in it.

Theory of operation. A partition of postings that is closed and behind the newest seal is written
to a file (`persistence.archiving`), compared with it row by row, and only then detached and
dropped. Journal entries stay in Postgres: they are the smaller part, and their indexes say which
postings an order, a sequence or a time has, so that a file needs none of its own but one: what each
account has in which part of a file (`ArchivedAccount`).

* **Which files are read** is said by `ArchiveStep`: those whose last step was to be detached. It is
  taken in the transaction that detaches the partition or attaches it again, under a lock on
  `ledger_posting` that nobody gets who is reading it. So whoever locks the table first, if only to
  read (`shadow.hold_still`), sees each posting in the table or in a file, never in both or neither.
* **How they are read.** What may be asked for is loaded from the files into a temporary table, and
  a temporary view of the name `ledger_posting` puts it beside what is in Postgres (`shadow`): the
  statement that reads is the same, and so is its answer. Nobody pays for that who needs no file.
* **What keeps them true.** A file's SHA-256 is in its row, which is only ever added, and is asked
  by `verifyarchive` and before a file is read back. A reader, who can't hash gigabytes for a page,
  has the hash of what says where everything lies (the footer), and a checksum of each page, that
  Parquet verifies; a file that is away or was changed fails as Postgres does when it is away.

`models` is what Postgres knows of files, `parquet` the files and `rows` what is in them, `picking`
finds rows, `shadow` shows them.
"""
