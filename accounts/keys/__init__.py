"""API keys: how a program acts for a trader without their password.

Theory of operation. A key is a row. Its owner's program signs each request over all that matters of
it (`signing`), with a secret that we keep sealed (`sealing`) or, better, with a private key that we
never see. A request is checked in the order of what it costs and tells (`verifying`): the form of
its headers (`headers`), its time, its signature, then whether the key still counts and may be used
from there. A key that isn't there is answered after the same work as a wrong signature, and in the
same words.

Nothing of this asks Postgres per request. Each process keeps the keys it has met (`known`), reads
each again every few seconds, and counts uses in memory until they are written together (`uses`).
That is how soon a change counts in every process: `known.REFRESH_S`; in the one that made it, at
once. Suspended owners are refused as with tokens (`accounts.access.refusals`).

A request that changes something is served once (`replays`): Redis remembers it for as long as its
signature would count.
"""
