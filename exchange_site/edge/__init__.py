"""What stands between sockets and the rest: a thread never waits for a client.

Theory of operation. All sockets of a process are on one event loop, where a socket that says
nothing costs some memory and no more. Six things bound that, each in a module of its own:

- `connections` knows every connection and what it waits for. A head that isn't there in time, an
  answer that isn't read in time: closed. An address, or all of them, with too many: the one of its
  connections that has waited longest for its own client makes room for the new one. So whoever
  opens many slow ones loses slow ones, also beside a trader at the same address.
- `protocols` tells it, from inside uvicorn's protocols, and bounds heads and WebSocket messages
  while they arrive, a slice at a time.
- `bodies` reads a request's body, whole, in time and up to a size, before anything else sees it.
- `haste` lets refusals take a moment.
- `long_answers` keeps what is streamed in a file meanwhile.
- `places` hands what is Django's to threads. Each kind of work (`places.KINDS`) has threads of its
  own, with a queue that ends; the answers of most are computed `apart`, in other processes. An
  answer is whole before the first byte goes out, so its thread is free whoever reads it. What an
  address asks in a rush takes no thread, nor does whoever was `told` to wait and doesn't.

Whom none of them lets in is answered in the words of `refusals`.

Behind a proxy all connections are the proxy's, which then has to count its clients' (`addresses`).
"""
