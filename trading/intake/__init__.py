"""① Order intake: POST /order and POST /orders/batch, many requests at a time.

Theory of operation. Placing an order costs a statement, a commit and an append to Redis, whoever
sends it. Orders of different traders can share all three, and under load that is most of the work.
So one ASGI callable stands before Django (`app`). It takes these two calls where they arrive in
their plain form and hands everything else, also the same calls with odd headers, to Django, whose
answers are the rule. What it takes waits in a queue; one thread per process, the lane (`lane`),
takes all that wait, runs the very services that the views run, and answers each with its own
result. While a group is at Postgres the next one gathers: nobody waits for company, and the busier
it gets the larger the groups.

An order is answered when it is committed and published, as by the views. A process that dies loses
nothing it acknowledged: what was committed and not published is sent again by
`trading.services.resending`.

What can go wrong, and then:

- A bad order, or a request that can't be read: its own answer, nobody else's.
- A wallet that stays locked: Postgres gives up after `LOCK_TIMEOUT_MS`, the orders are tried one by
  one, and only those of that wallet are refused.
- Postgres or Redis away: 503, or accepted and sent later, as by the views.
- The lane hangs: requests are answered 503 after `ANSWER_WITHIN_S`. Those it had not begun are
  never placed; one it had may be, and its trader asks again with the same client order id.
- The lane dies: the next request, or the watch within `WATCH_EVERY_S`, starts another.
- More waits than `WAITING_MAX`: 503 at once.
"""
