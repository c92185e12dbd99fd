"""Every name that Prometheus sees of us, and what it means.

Stages of an order's life have a histogram each. Ages compare two clocks, of the host that wrote
and of the one that reads: they are as good as the hosts' clocks agree.
"""

from dataclasses import dataclass

from prometheus_client import Counter, Gauge, Histogram

# From a group's quarter millisecond to the longest that anybody waits.
_STAGE_S = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_CALLS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

# --- ① the API

HTTP_ANSWERS = Counter("exchange_http_answers", "Answers, by status", ["status"])
HTTP_SECONDS = Histogram(
    "exchange_http_seconds", "From a request's head to its answer's", buckets=_STAGE_S
)
PLACES_TAKEN = Gauge(
    "exchange_places_taken",
    "Requests at or waiting for Django's threads, by kind",
    ["kind"],
    multiprocess_mode="livesum",
)
PLACES_MAX = Gauge("exchange_places_max", "So many may", ["kind"], multiprocess_mode="livesum")
INTAKE_WAITING = Gauge(
    "exchange_intake_waiting",
    "Orders and cancels that were taken and not answered",
    multiprocess_mode="livesum",
)
INTAKE_WAITING_MAX = Gauge(
    "exchange_intake_waiting_max", "So many may", multiprocess_mode="livesum"
)
LANE_SECONDS = Histogram(
    "exchange_lane_seconds",
    "A group, from its first step to its answers: queries, the commit, the input stream. The rate "
    "of its sum is the share of its time that a lane is busy",
    ["lane"],
    buckets=_STAGE_S,
)
LANE_CALLS = Histogram("exchange_lane_calls", "Calls of a group", ["lane"], buckets=_CALLS)
LANE_DEATHS = Counter("exchange_lane_deaths", "Lanes that had to be started again", ["lane"])

# --- ② to ④ the engine

COMMAND_AGE_SECONDS = Histogram(
    "exchange_command_age_seconds",
    "From the input stream to the engine: the oldest command of a turn, by Redis' clock",
    ["market"],
    buckets=_STAGE_S,
)
TURN_SECONDS = Histogram(
    "exchange_engine_turn_seconds",
    "A turn of a market: commands applied, their entries published",
    ["market"],
    buckets=_STAGE_S,
)
COMMANDS = Counter("exchange_engine_commands", "Commands applied", ["market"])
ENGINE_RUNNING = Gauge(
    "exchange_engine_running", "1 while this engine takes commands of the market", ["market"]
)

# --- ⑤ the ledger

BATCH_SECONDS = Histogram(
    "exchange_persist_seconds", "A batch: read, reckoned, committed", buckets=_STAGE_S
)
ENTRY_AGE_SECONDS = Histogram(
    "exchange_persist_age_seconds",
    "From a command's place in the input stream to the commit of its rows: the oldest of a batch",
    buckets=_STAGE_S,
)
ENTRIES = Counter("exchange_persist_entries", "Entries committed", ["market"])

# --- ⑥ feeds

FEED_CLIENTS = Gauge("exchange_feed_clients", "Sockets that are open", multiprocess_mode="livesum")
FEED_CLIENTS_MAX = Gauge("exchange_feed_clients_max", "So many may be", multiprocess_mode="livesum")
FEED_WAITING = Gauge(
    "exchange_feed_messages_waiting",
    "Messages that wait for the client that is furthest behind",
    multiprocess_mode="livemax",
)
FEED_AGE_SECONDS = Histogram(
    "exchange_feed_age_seconds",
    "From a command's place in the input stream to the queues of those who listen",
    buckets=_STAGE_S,
)

# --- prices, and what is periodic

INDEX_PRICES = Counter("exchange_index_prices", "Index prices sent", ["market"])
TASKS_SENT = Counter("exchange_tasks_sent", "Tasks that beat asked for", ["task"])
TASKS = Counter("exchange_tasks", "Tasks that ended, by how", ["task", "state"])
TASK_SECONDS = Histogram(
    "exchange_task_seconds",
    "How long a task took",
    ["task"],
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300),
)


@dataclass(frozen=True)
class Shown:
    """A gauge that is looked up as somebody asks, not kept."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()


# --- the exchange as a whole, as workers see it

FINDING = Shown(
    "exchange_finding",
    "What the status page says: 0 in order, 1 needs a look, 2 broken",
    ("market", "what"),
)
INPUT_LAG_ENTRIES = Shown(
    "exchange_input_lag_entries", "Commands that wait for the engine", ("market",)
)
INPUT_LAG_SECONDS = Shown("exchange_input_lag_seconds", "The oldest of them waits", ("market",))
OUTPUT_LAG_ENTRIES = Shown("exchange_output_lag_entries", "Entries not persisted", ("market",))
OUTPUT_LAG_SECONDS = Shown("exchange_output_lag_seconds", "The oldest of them waits", ("market",))
ENGINES_ALIVE = Shown("exchange_engines_alive", "Engines that beat for the market", ("market",))
