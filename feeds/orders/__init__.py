"""① Order entry over a socket: the same orders, by the same rules, as over HTTP.

Theory of operation. A message that asks for something is handed to order intake's desk as a call,
beside those of HTTP: it is judged, limited, committed and published in the same groups. Its answer
is an ``ack`` or an ``error`` with the ``id`` it named; with `"wait": "result"` a ``result`` follows
once engines have decided. The socket is signed in, so a call names its account and nothing is
looked up for it but, where a key signed in, what the key may by now.

What a socket sends takes effect in the order in which it was sent. The desk does orders before
cancels where they arrive together, and changes in a lane of their own; so a call waits while one of
another kind is on its way. Calls of one kind go out as they come.

What was received is carried out, once, whatever becomes of its socket meanwhile: whoever comes back
finds an order by its client order id.
"""
