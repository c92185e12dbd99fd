"""Backups of Postgres, which alone can bring the exchange back.

A folder holds them all:

    base/<name>/   in data/ a copy of the whole cluster, as pg_basebackup makes it while everything
                   runs, checked by its checksums as soon as it is there; `backup.json` says when
    wal/           what was written since, file by file, as Postgres archives it

`taking` adds a base and drops what is too old; `restoring` lays out a data folder that Postgres,
once started, brings to a moment: the newest base before it, and the WAL up to it. Redis is in no
backup: it would know of trades that the rows have forgotten, so it starts empty.
"""
