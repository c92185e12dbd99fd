"""Terms of service, countries that are not served, and levels that a provider of identities sets.

**Terms** (`terms`). A version is published with the time from which it is in force. From then on a
trader who hasn't accepted it opens nothing: no sign-up, deposit, key, or order that isn't
reduce-only. What closes and takes out stays possible.

Orders must not ask Postgres for it. So each process knows which version is in force, asked every
few seconds, and who has accepted that (`standing`): an acceptance is never taken back, so who was
seen once is never asked for again; the others are, together, in one query of a group of orders.

**Countries** (`countries`). Which one a request comes from, a proxy of ours says in a header;
without such a proxy nobody is believed and nobody is blocked. The same things stay possible.

**Identity** (`identity`). A provider tells by a signed webhook which level it has verified a user
for; each event counts once.
"""
