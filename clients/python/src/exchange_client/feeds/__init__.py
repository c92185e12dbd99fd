"""What happens, as it happens: books, trades, tickers, and an account's own.

A feed is iterated over, in one loop, by one task or thread. It connects at the first turn, comes
back by itself when it is cut, and says so. Its `books` and its `account` are kept up with what it
has handed over: after each event they are as of that event.

- **Books** begin with a snapshot, go on with deltas, and begin again where one is missing; until
  then `is_synced` is false.
- **The account** begins with `GET /user/snapshot`, which names the entries it contains. From there
  on the feed resumes by `lastSeq`, so that a cut loses and doubles nothing. Where the exchange says
  that it can't tell what was missed (`Gap`), the account begins again with a snapshot.
"""
