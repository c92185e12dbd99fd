"""Mails the exchange writes: each a row that commits with what it tells of, sent once by a task.

Whoever has something to say calls `mails.services.queue_mail` in its own transaction. `EMAIL_URL`
names the server that takes them; without one they are not sent but kept, and the console shows them
(System → Mails). How rows are sent, tried again and given up is `common.outgoing.due_rows`.
"""
