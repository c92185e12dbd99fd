"""The account channels: who listens to which account, live and from where it left off.

Theory of operation. A client that comes back names the last sequence it saw of a market. From then
on it is *behind* in that market: it hears nothing live of it while `replay` reads what it missed
from Redis, up to where the live feed stands. There it changes over, with no step in between. What
can't be shown is told: every way out of a replay that isn't the end of it is a ``gap``, and so is
every jump of the live feed. Client order ids are asked for before entries are told (`labels`), of
all accounts that listen by then.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from feeds import account, protocol
from feeds.connection import Connection
from feeds.labels import ClientOrderIds, Labels, OwnOrder
from feeds.output import OutputPosition, entries, newest_seq
from feeds.protocol import FeedError
from feeds.scale import Scale
from feeds.streams.subscribers import named
from matching.messages.codec import UndecodableMessage, decode_entry
from matching.messages.events import OutputEntry
from matching.messages.streams import ENTRY_FIELD, seq_of

log = structlog.get_logger(__name__)

REPLAY_ENTRIES_MAX = 20_000


class AccountFeed:
    """False while nobody listens. ``scales`` and ``positions`` are the hub's, which keeps them."""

    def __init__(
        self,
        redis: Redis,
        scales: Mapping[str, Scale],
        positions: Mapping[str, OutputPosition],
        client_order_ids: ClientOrderIds,
    ) -> None:
        self.redis = redis
        self.scales = scales
        self.positions = positions
        self.client_order_ids = client_order_ids
        self._listening: defaultdict[int, set[Connection]] = defaultdict(set)
        self._account_of: dict[Connection, int] = {}
        self._behind: dict[Connection, set[str]] = {}

    def __bool__(self) -> bool:
        return bool(self._account_of)

    def subscribe(
        self, connection: Connection, account_id: int, missed: Iterable[str]
    ) -> tuple[dict[str, int], dict[str, str]]:
        """Where the live feed stands, market by market, and in which epoch. Of the markets in
        ``missed`` nothing is heard until `replay` is through."""
        self._listening[account_id].add(connection)
        self._account_of[connection] = account_id
        self._behind[connection] = set(missed)
        seqs = {market_id: position.seq for market_id, position in self.positions.items()}
        return seqs, {market_id: position.name for market_id, position in self.positions.items()}

    def unsubscribe(self, connection: Connection) -> None:
        account_id = self._account_of.pop(connection, None)
        if account_id is None:
            return
        del self._behind[connection]
        self._listening[account_id].discard(connection)
        if not self._listening[account_id]:
            del self._listening[account_id]

    # --- what a client missed ---------------------------------------------------------------------

    async def replay(
        self, connection: Connection, last_seq: Mapping[str, int], epochs: Mapping[str, str]
    ) -> None:
        """Sends what came after the client's last sequences. Raises FeedError once it has told what
        of that can't be read."""
        account_id, unread = self._account_of[connection], []
        await self.client_order_ids.learn_live(account_id)
        for market_id, seq in last_seq.items():
            reader = _Replay(self, connection, account_id, market_id, seq)
            try:
                is_read = await reader.run(epochs.get(market_id))
            finally:
                self._behind.get(connection, set()).discard(market_id)
            if not is_read:
                unread.append(market_id)
        if unread:
            message = f"Missed events of {', '.join(unread)} can't be read now. Subscribe again."
            raise FeedError("REPLAY_UNAVAILABLE", message)

    async def labels_of(
        self, entries: Sequence[OutputEntry], accounts: Collection[int] | None = None
    ) -> Labels:
        """Of the orders these accounts are told of, or all that listen: asked for until those that
        came meanwhile are among them."""
        wanted = self._listening.keys() if accounts is None else accounts
        labels: Labels = {}
        asked: set[OwnOrder] = set()
        while told := set().union(*(account.orders_of(e, wanted) for e in entries)) - asked:
            asked |= told
            labels = {**labels, **await self.client_order_ids.of(told)}
        return labels

    def orders_of(self, entries: Iterable[OutputEntry]) -> set[int]:
        """Of whoever listens, as far as they are told of them."""
        listening = self._listening.keys()
        told = set().union(*(account.orders_of(entry, listening) for entry in entries))
        return {order_id for _, order_id in told}

    # --- what happens -----------------------------------------------------------------------------

    def on_entry(self, entry: OutputEntry, scale: Scale, epoch: str, labels: Labels) -> None:
        for account_id in account.accounts_of(entry) & self._listening.keys():
            if text := message_text(entry, account_id, scale, epoch, labels):
                self._offer(scale.market_id, self._listening[account_id], text)

    def on_gap(self, market_id: str, after_seq: int, next_seq: int) -> None:
        """Entries in between can't be shown to anybody."""
        text = gap_text(market_id, after_seq, next_seq, self.positions[market_id].name)
        self._offer(market_id, self._account_of, text)

    def _offer(self, market_id: str, connections: Iterable[Connection], text: str) -> None:
        for connection in list(connections):
            if market_id not in self._behind[connection]:
                id_text = connection.account_id_text
                connection.offer(named(text, id_text) if id_text else text)

    def listened_to(self) -> Collection[int]:
        return self._listening.keys()

    def tell(self, account_id: int, text: str) -> None:
        """What is of no market's output, as it comes."""
        for connection in list(self._listening.get(account_id, ())):
            connection.offer(named(text, connection.account_id_text))

    def is_listening(self, connection: Connection, account_id: int) -> bool:
        return self._account_of.get(connection) == account_id


@dataclass
class _Replay:
    """Of one market to one client, from after a sequence up to the live feed, wherever that is by
    then. Ends in the step in which it finds that there is nothing more."""

    feed: AccountFeed
    connection: Connection
    account_id: int
    market_id: str
    after_seq: int
    is_readable: bool = True

    async def run(self, epoch_name: str | None) -> bool:
        """False if the missed events could not be read."""
        position = self.feed.positions.get(self.market_id)
        if position is None:  # a gap follows when it is known
            return False
        if not await self._is_place_of(position, epoch_name):
            await self._skip(position)
        while self.feed.is_listening(self.connection, self.account_id):
            now = self.feed.positions[self.market_id]
            if now is not position:
                position = now
                await self._skip(now)
            elif self.after_seq >= now.seq:
                break
            elif not self.is_readable or now.seq - self.after_seq > REPLAY_ENTRIES_MAX:
                await self._skip(now)
            else:
                await self._read(now)
        return self.is_readable

    async def _is_place_of(self, position: OutputPosition, epoch_name: str | None) -> bool:
        """Whether the market has been where the client says it is."""
        if not position.holds(self.after_seq, epoch_name):
            return False
        if self.after_seq <= position.seq:
            return True
        try:  # another process may be ahead of this one
            newest = await newest_seq(self.feed.redis, self.market_id)
        except (RedisError, OSError, TimeoutError) as error:
            self._on_fault(error)
            return False
        return self.after_seq <= newest

    async def _read(self, position: OutputPosition) -> None:
        first, last = self.after_seq + 1, position.seq
        try:
            rows = await entries(self.feed.redis, self.market_id, position.epoch, first, last)
        except (RedisError, OSError, TimeoutError) as error:
            self._on_fault(error)
            return
        if not rows:
            await self._skip(position)
            return
        told = [decoded(self.market_id, entry_id, fields) for entry_id, fields in rows]
        known = [entry for entry in told if entry is not None]
        labels = await self.feed.labels_of(known, {self.account_id})
        for (entry_id, _), entry in zip(rows, told, strict=True):
            seq = seq_of(entry_id)
            if seq != self.after_seq + 1:
                await self._put_gap(seq, position)
            if entry is None:
                await self._put_gap(seq + 1, position)
            else:
                scale = self.feed.scales[self.market_id]
                text = message_text(entry, self.account_id, scale, position.name, labels)
                if text:
                    await self._put(text)
            self.after_seq = seq

    async def _skip(self, position: OutputPosition) -> None:
        """Tells that what the client lacks up to this position can't be shown."""
        next_seq = position.seq + 1
        await self._put_gap(next_seq, position)
        self.after_seq = next_seq - 1

    async def _put_gap(self, next_seq: int, position: OutputPosition) -> None:
        text = gap_text(self.market_id, self.after_seq, next_seq, position.name)
        await self._put(text)

    async def _put(self, text: str) -> None:
        await self.connection.put(named(text, self.connection.account_id_text))

    def _on_fault(self, error: Exception) -> None:
        log.error("feeds_fault", what="replay", market=self.market_id, error=repr(error))
        self.is_readable = False


def decoded(market_id: str, entry_id: bytes, fields: Mapping[bytes, bytes]) -> OutputEntry | None:
    try:
        return decode_entry(fields.get(ENTRY_FIELD, b""))
    except UndecodableMessage as error:
        log.error("feeds_undecodable", market=market_id, id=entry_id.decode(), error=str(error))
        return None


def message_text(
    entry: OutputEntry, account_id: int, scale: Scale, epoch: str, labels: Labels
) -> str | None:
    message = account.account_message(entry, account_id, scale, labels)
    return protocol.encode(message | {"epoch": epoch}) if message else None


def gap_text(market_id: str, after_seq: int, next_seq: int, epoch: str) -> str:
    """Entries between these two can't be shown; the client asks the HTTP API how it stands. Where
    the next is not above the other the market was set back."""
    return protocol.encode(
        {
            "channel": protocol.ACCOUNT_CHANNEL,
            "type": "gap",
            "marketId": market_id,
            "afterSeq": after_seq,
            "nextSeq": next_seq,
            "epoch": epoch,
        }
    )
