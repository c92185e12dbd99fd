"""The second factor: what somebody shows besides the password, and what takes showing it afresh.

Theory of operation. A factor is a row: an authenticator app (`totp`), whose secret we keep sealed,
or a passkey (`passkeys`), of which we keep the public key. With the first come ten recovery codes
(`recovery`), of which we keep hashes. So a copy of the database can show none of them. A `Proof` is
one of the three, shown now; `proofs` is the one place that looks at it. Each proof works once: of
an app's codes the period of the newest that was taken is kept, a passkey signs a challenge of ours
that is deleted as it comes back, a recovery code is marked; each by one statement that names the
state it changes, so that of two requests at once one is served. Codes are counted against guessing
(`accounts.access.guesses`), per user and from wherever; passkeys can't be guessed.

Signing in takes a factor where there is one: the right password is answered with a signed challenge
(`challenges`) that is good for nothing but the second step. A session remembers when a factor was
shown in it last; what is dangerous demands one of the last minutes (`fresh`). Whoever has none is
asked for the password, where that is enough. Operators' sessions remember in their own data; which
of their acts ask is a table of the console's.

Losing all of it takes two operators to mend (`resets`), ends all sessions, and locks withdrawals
for a day (`locks`).
"""
