"""Families: a trader's main account and up to 20 sub-accounts.

Theory of operation. A sub-account is a user like any other to ledger, engine and feeds: a row with
a `parent`, a wallet, positions and keys of its own. Nobody signs in to it: it has no password, and
its username, `<id of the main account>/<name>`, is one that nobody can sign up with and nothing of
a person is in. As usernames are unique ignoring case, so is a name within its family.

Who acts for one is decided at the edge, once per request. A main account's token acts for a
sub-account that the header X-Account names, by id or name (`authentication`); feeds take the same
as `account` when they sign in; a key is made for one account and acts for no other. From there on
the sub-account's id is all that anybody sees. An account of another family is answered as one that
isn't there.

Families are kept in memory (`known`), so that a request asks Postgres nothing. What belongs to the
person and not to an account takes no X-Account: passwords, sessions, keys, transfers, withdrawals.
Whoever suspends or freezes the main account does so to the family (`accounts.access.refusals`).

An account is archived once it is flat and empty. Rooms above say so for what is theirs
(`accounts.access.obstacles`).
"""
