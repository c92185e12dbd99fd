"""People: who a user is, from the first mail to the last trace.

Theory of operation. A user is a number that the books refer to for ever, and a name to sign in
with. Who that is stands in one row, `Person`, beside it: nothing else has columns for it, so
forgetting somebody is one row less.

**Mail** (`profile`). A mail counts once its owner has sent back the token that went there; until
then it waits in columns of its own, and notices still go to the one before, which is told.

**A forgotten password** (`resets`). Whoever asks is answered the same after the same work, whatever
they typed: a row is written, and a task finds out whose it is, if anybody's. The token is in the
mail alone, works once, for half an hour, and only while the password is the one it was asked for.

**Closing** (`closing`). What must be gone before is said by the rooms that have it, in words; the
row of the user is locked meanwhile, and rooms lock theirs, so nothing comes in beside it.

**Export** (`kept`, `export`). What is kept of a user is found in the models themselves, by their
keys to users, so that a new table can't be forgotten: a key that is neither a user's nor an actor's
stops the start (`accounts.checks`).

**Erasure** (`erasing`). The person goes, the number stays: every entry of the books refers to it as
before.
"""
