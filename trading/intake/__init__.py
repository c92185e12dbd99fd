"""① Order intake: orders placed and cancelled, one by one or in batches, many requests at a time.

Theory of operation. Placing an order costs a statement, a commit and an append to Redis, whoever
sends it, and so does a cancel. Those of different traders can share all three, and under load that
is most of the work. So one ASGI callable stands before Django (`app`). It takes these calls where
they arrive in their plain form (`plain`) and hands everything else, also the same calls with odd
headers, to Django, whose answers are the rule. What it takes it hands in at the desk (`desk`), and
so do sockets (`feeds.orders`). There it waits in a queue; one thread per process, the lane
(`lane`), takes all that wait as a group (`group`), runs the very services that the views run, and
answers each with its own result. While a group is at Postgres the next one gathers: nobody waits
for company, and the busier it gets the larger the groups. What else sockets ask for (`changes`)
takes a statement each, in a lane of its own.

An answer may wait until the engine has decided (`decisions`, `waiting`), on the loop: no thread
waits, and no query asks.

Most that keys signed the lane looks at itself: HMAC takes a few microseconds, and what is handed
from thread to thread more than that. Signatures of Ed25519, and keys that must be read first, pass
the door before: a thread of its own, which looks while the lane's group is at Postgres. Whether
they are replays the lane asks Redis, once for its group, and reads orders until it has answered.

A call is answered when what it asks for is committed and published, as by the views. A process that
dies loses nothing it acknowledged: what was committed and not published is sent again by
`trading.commands.resend`.

In a group orders go before cancels. That is never seen: an order is cancelled by its id, which its
trader knows once it is answered.

What can go wrong, and then:

- More than its trader may send: 429 (`trading.http.limits`), in one round trip for the group.
- A bad order, or a request that can't be read: its own answer, nobody else's.
- A wallet that stays locked: Postgres gives up after `LOCK_TIMEOUT_MS`, the orders are tried one by
  one, and only those of that wallet are refused.
- Postgres or Redis away: 503, or accepted and sent later, as by the views.
- The lane hangs: requests are answered 503 after `ANSWER_WITHIN_S`. Those it had not begun are
  never done; one it had may be: an order is asked for again with the same client order id, a cancel
  just again.
- The lane dies: the next request, or the watch within `WATCH_EVERY_S`, starts another.
- More waits than `WAITING_MAX`: 503 at once.
"""
