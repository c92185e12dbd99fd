"""How often each key is used, when last and from where.

Counted in memory and written together every `FLUSH_S`, also when the process ends; one that is
killed loses what it counted since. While Postgres is away counts wait, of `KEYS_MAX` keys at most.
"""

import multiprocessing.util
import threading
import time
from dataclasses import dataclass

import structlog
from django.db import DatabaseError, InterfaceError, connection, transaction

from common.http.addresses import Address

FLUSH_S = 5.0
KEYS_MAX = 20_000

log = structlog.get_logger(__name__)

# Locked in order, so that processes that write the same keys don't wait for each other in a circle;
# and first, so that what is added to is what the other wrote.
_LOCK = "SELECT id FROM accounts_apikey WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE"
_WRITE = """
UPDATE accounts_apikey k
SET use_count = k.use_count + used.count,
    last_address = CASE WHEN to_timestamp(used.last_s) >= coalesce(k.last_used_at, '-infinity')
                        THEN used.address ELSE k.last_address END,
    last_used_at = greatest(k.last_used_at, to_timestamp(used.last_s))
FROM unnest(%s::bigint[], %s::bigint[], %s::float8[], %s::inet[])
     AS used (id, count, last_s, address)
WHERE k.id = used.id
"""


@dataclass(slots=True)
class _Use:
    count: int
    last_s: float  # Unix time
    address: Address | None


class Uses:
    """Of this process."""

    def __init__(self) -> None:
        self._uses: dict[int, _Use] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()  # a process that ends waits for what is being written
        self._writer: threading.Thread | None = None

    def count(self, key_id: int, address: Address | None) -> None:
        now_s = time.time()
        with self._lock:
            use = self._uses.get(key_id)
            if use is not None:
                use.count += 1
                use.last_s, use.address = now_s, address
            elif len(self._uses) < KEYS_MAX:
                self._uses[key_id] = _Use(1, now_s, address)
        if self._writer is None:
            self.start()

    def flush(self) -> None:
        """Never raises for a Postgres that is away: what was counted is kept for the next."""
        with self._lock:
            uses, self._uses = self._uses, {}
        if not uses:
            return
        ids = sorted(uses)
        used = [uses[one] for one in ids]
        columns = (
            [one.count for one in used],
            [one.last_s for one in used],
            [None if one.address is None else str(one.address) for one in used],
        )
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(_LOCK, [ids])
                cursor.execute(_WRITE, [ids, *columns])
        except (DatabaseError, InterfaceError) as error:
            log.warning("uses_of_keys_unwritten", keys=len(ids), error=str(error))
            self._put_back(uses)

    def _put_back(self, uses: dict[int, _Use]) -> None:
        with self._lock:
            for key_id, use in uses.items():
                newer = self._uses.get(key_id)
                if newer is not None:
                    newer.count += use.count
                elif len(self._uses) < KEYS_MAX:
                    self._uses[key_id] = use

    def start(self) -> None:
        """The thread that writes, with the first use of a process."""
        with self._lock:
            if self._writer is not None:
                return
            self._writer = threading.Thread(target=self._write_on, name="uses", daemon=True)
            self._writer.start()
        # At the end of a child of multiprocessing, too, where atexit does nothing.
        multiprocessing.util.Finalize(None, self.write_now, exitpriority=10)

    def _write_on(self) -> None:
        while True:
            time.sleep(FLUSH_S)
            self.write_now()

    def write_now(self) -> None:
        """Without keeping a connection for it."""
        with self._writing:
            try:
                self.flush()
            finally:
                connection.close()


uses = Uses()
