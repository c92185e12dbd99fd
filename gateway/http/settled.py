"""What a client was told it also reads.

An engine decides before the ledger has written it down, tens of milliseconds before. A client that
was told of a fill and asks for its position expects to see it there. So a signed read waits for
what its own trader has just asked for, and no longer than `WITHIN_S`: what is older than that waits
for an engine or a worker that is down, and nobody waits with it.
"""

import time

from common.postgres.prepared import read_all
from matching.messages.vocabulary import OrderStatus

WITHIN_S = 0.5
LOOK_EVERY_S = 0.01

_UNSETTLED = f"""
SELECT EXISTS (SELECT FROM trading_order
                WHERE user_id = %s AND status = '{OrderStatus.PENDING}'
                  AND status IN ('{OrderStatus.PENDING}', '{OrderStatus.ASLEEP}',
                                 '{OrderStatus.WAITING}', '{OrderStatus.OPEN}')
                  AND created_at > now() - interval '1 second')
    OR EXISTS (SELECT FROM trading_outboxcommand
                WHERE applied_seq IS NULL AND created_by_id = %s
                  AND created_at > now() - interval '1 second')
"""  # noqa: S608  of constants; the second condition is the index's


def wait_until_settled(user_id: int) -> bool:
    """Whether all is written down that this trader asked for within the last second."""
    until_s = time.monotonic() + WITHIN_S
    while True:
        ((is_waiting,),) = read_all(_UNSETTLED, (user_id, user_id))
        if not is_waiting:
            return True
        if time.monotonic() >= until_s:
            return False
        time.sleep(LOOK_EVERY_S)
