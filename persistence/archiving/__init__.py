"""Old partitions of postings and fills go to files, come back, and are verified.

Theory of operation. A partition goes in four steps, each of which may be the last before the
machine stops; the next run takes up what it finds.

1. Written beside its name (`….part`), on the disk before anything else happens. A part that was
   left behind is written over.
2. Read back and compared with the partition, row by row, and only then given its name.
3. Told to Postgres: `ArchiveFile`, what accounts, traders and markets have in it, and what it had
   of orders that have not ended. From here on the file is known, and the partition still what is
   read.
4. In one transaction, under a lock that excludes every reader: the partition is detached and
   dropped, and `ArchiveStep` says that the file stands for it.

A file that has its name already is compared in the same way and taken as it is, or left alone and
said to be in the way: none is ever written over or deleted. Back again a file is loaded beside the
table and attached under the same lock, so that those who read see either.

`kinds` is what is particular to a table, and `postings` and `fills` are those there are. `due` says
which partitions may go, `going` and `coming` do it, `verifying` holds files against what is known
of them.
"""
