"""Every name that is set from outside, what it means, and which of them are secrets."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """``usual``: what it is if not given, in words, where that depends on others."""

    name: str
    meaning: str
    is_secret: bool = False
    usual: str = ""


GROUPS: dict[str, tuple[Variable, ...]] = {
    "Servers and secrets": (
        Variable(
            "DATABASE_URL",
            "PostgreSQL, as in `postgres://user:password@host/name`. In passwords of all addresses "
            "what is neither letter nor digit is written as in `%23`",
            is_secret=True,
        ),
        Variable(
            "POOLED",
            "`1` where `DATABASE_URL` leads to [a pooler in transaction mode]"
            "(operating.md#behind-a-pooler)",
        ),
        Variable(
            "REPLICA_URL",
            "A streaming replica of it, for [reads that may be a moment old]"
            "(operating.md#a-replica)",
            is_secret=True,
        ),
        Variable(
            "REDIS_URL",
            "Redis with append-only persistence, as in `redis://host/0`, or"
            " `redis+sentinel://host:port,host:port/name/0` ([sentinels](operating.md#sentinels)),"
            " or `redis+cluster://host,host` ([cluster](operating.md#on-a-redis-cluster))",
            is_secret=True,
        ),
        Variable(
            "BROKER_URL",
            "the Redis of the workers' tasks, where it is [one of its own](operating.md#redis)",
            is_secret=True,
            usual="as `REDIS_URL`",
        ),
        Variable(
            "CACHE_URL",
            "the Redis of what is cached",
            is_secret=True,
            usual="as `REDIS_URL`",
        ),
        Variable(
            "LIMITS_URL",
            "the Redis of budgets, and of which signed requests were served",
            is_secret=True,
            usual="as `REDIS_URL`",
        ),
        Variable(
            "DJANGO_SECRET_KEY",
            "signs tokens and sessions: 32 random characters or more, the same everywhere",
            is_secret=True,
        ),
        Variable(
            "API_KEY_SECRETS",
            "seal the secrets of API keys and authenticator apps: each of 32 random characters or "
            "more, the same everywhere, never kept with the database. Put a new one first, "
            "restart, run `manage.py resealkeys`, take the old one away. Without any only "
            "Ed25519 keys can be made, and no authenticator apps set up",
            is_secret=True,
        ),
    ),
    "The outside": (
        Variable(
            "ALLOWED_HOSTS",
            "host names the API answers to",
        ),
        Variable(
            "CSRF_TRUSTED_ORIGINS",
            "origins the admin is served from, as in `https://exchange.example`",
        ),
        Variable(
            "HTTPS",
            "cookies for HTTPS alone, HSTS, and plain requests are sent to it. `0` where "
            "nothing ends TLS",
            usual="on unless `DEMO`",
        ),
        Variable(
            "TRUSTED_PROXIES",
            "how many proxies of yours set `X-Forwarded-For` and `X-Forwarded-Proto`; limits "
            "count by address",
        ),
        Variable(
            "COUNTRY_HEADER",
            "the header in which a proxy of yours says the country of whoever asks, as in "
            "`CF-IPCountry`; believed only with `TRUSTED_PROXIES`. The proxy must set it on "
            "every request",
        ),
        Variable(
            "BLOCKED_COUNTRIES",
            "ISO 3166: no sign-up, deposit or order that isn't reduce-only from there (451)",
        ),
        Variable(
            "PUBLIC_URL",
            "where traders open the trading page, as in `https://exchange.example`: links in "
            "mails are `PUBLIC_URL/verify-mail#token=…` and `/reset-password#token=…`, which it "
            "answers; without it a mail has the bare token",
        ),
        Variable(
            "CONSOLE_URL",
            "the origin of the console, as in `https://exchange.example`: links in mails and "
            "webhooks begin with it",
        ),
        Variable(
            "PRICE_SOURCE_HOSTS",
            "hosts a price source may name although they are not public",
        ),
        Variable(
            "WEBHOOK_HOSTS",
            "hosts a webhook may go to although they are not public, and without TLS",
        ),
    ),
    "Watching": (
        Variable(
            "MONITOR_TOKEN",
            "what a monitor sends as `Authorization: Bearer …` to see the parts in `GET "
            "/health`; others learn up or down",
            is_secret=True,
        ),
        Variable(
            "METRICS_PORT",
            "where this process shows [what it counts](operating.md#watching) to a monitor "
            "with `MONITOR_TOKEN`. Each process of a host has its own",
            usual="nowhere",
        ),
        Variable(
            "METRICS_HOST",
            "the address it does so at",
        ),
        Variable(
            "TRACES_URL",
            "a collector of OpenTelemetry that takes [traces of orders](operating.md#traces), "
            "as in `http://127.0.0.1:4318/v1/traces`. The same for all parts",
            usual="nowhere",
        ),
        Variable(
            "TRACES_SHARE",
            "of which share of the orders, 0 to 1. The same for all parts",
        ),
        Variable(
            "LOG_LEVEL",
            "How much is logged. Logs are JSON, one line per event",
        ),
    ),
    "People": (
        Variable(
            "PASSKEY_RP_ID",
            "the domain that passkeys are made for, as in `exchange.example`; it can't be "
            "changed later without losing them. Without one none are offered",
            usual="none",
        ),
        Variable(
            "PASSKEY_ORIGINS",
            "pages that may ask for them, as in `https://exchange.example`",
            usual="http://localhost:PORT",
        ),
        Variable(
            "FACTOR_ISSUER",
            "whose they say they are, in an app and on a device",
        ),
        Variable(
            "FRESH_FACTOR_S",
            "how long a second factor that was shown opens what is dangerous",
        ),
        Variable(
            "EMAIL_URL",
            "the server that takes mails, as in `smtp+tls://user:password@mail.example:587`; "
            "without it they are kept, and the console shows them",
            is_secret=True,
        ),
        Variable(
            "MAIL_FROM",
            "whom mails are from",
        ),
        Variable(
            "IDENTITY_SECRETS",
            "what a provider of identities signs `POST /webhooks/identity` with: any counts, "
            "so that one can be replaced; without any there is no such call",
            is_secret=True,
        ),
    ),
    "Money": (
        Variable(
            "CUSTODY_NETWORKS",
            "by which ways money comes and goes ([custody](withdrawals.md#custody))",
            usual="manual",
        ),
        Variable(
            "CUSTODY_TOKEN",
            "what we show custody",
            is_secret=True,
        ),
        Variable(
            "CUSTODY_WEBHOOK_SECRETS",
            "what custody signs its webhooks with: any of them counts. Without one no webhook"
            " is taken",
            is_secret=True,
        ),
        Variable(
            "WITHDRAWALS_NEED_FACTOR",
            "a trader without a second factor can't withdraw, or transfer to others, in a session",
            usual="on unless `DEMO`",
        ),
        Variable(
            "WITHDRAWAL_COOLING_S",
            "how long a new address of a trader waits, in seconds",
            usual="86400",
        ),
        Variable(
            "FEEDS_CONNECTIONS_MAX",
            "how many sockets a process of feeds takes ([what they cost](performance.md#feeds)). "
            "Above 4,000 the server's own limit counts",
        ),
        Variable(
            "WORKER_LEASE_S",
            "how long a worker that fell silent keeps its share of the markets, in seconds. "
            "Shorter than a second, a busy machine has markets change hands for nothing",
        ),
        Variable(
            "SEAL_ENTRIES",
            "how many journal entries are [sealed](operating.md#seals) at a time, at least 1,000",
        ),
        Variable(
            "PARTITION_POSTINGS",
            "how many postings, by their ids, are in a [partition](operating.md#partitions) of "
            "their table, at least 10,000; those that are there stay as they are",
        ),
        Variable(
            "PARTITION_ENTRIES",
            "the same of journal entries",
        ),
        Variable(
            "PARTITION_FILLS",
            "the same of fills",
        ),
        Variable(
            "PARTITION_ORDERS",
            "the same of orders",
        ),
        Variable(
            "SELF_ONRAMP",
            "`1` lets traders fund themselves; otherwise operators approve deposits",
            usual="off unless `DEMO`",
        ),
    ),
    "Trading": (
        Variable(
            "LIMITS",
            "`0` lifts the budgets of orders, cancels and reads, as benchmarks do; leave it out",
        ),
        Variable(
            "SETTLEMENT_ASSET",
            "what [clients of the gateway](bots.md) call the asset of margin and profit",
        ),
        Variable(
            "GATEWAY_SYMBOLS",
            "markets whose symbol there is another than base and asset, as in `BTC-"
            "PERP=XBTUSDT`; with two markets of one base, name one",
        ),
    ),
    "Files": (
        Variable(
            "EXCHANGE_DATA",
            "where static files are; `services.env` in it is read for what is not set",
            usual="var",
        ),
        Variable(
            "DOWNLOADS_DIR",
            "where daily files are: workers write them, the API serves them, so on several "
            "machines a folder that they share; `downloads` in `EXCHANGE_DATA` if not given",
            usual="downloads in EXCHANGE_DATA",
        ),
        Variable(
            "ARCHIVE_DIR",
            "where [old partitions](operating.md#old-postings-and-fills-as-files) of postings "
            "and fills are: the API, workers and commands read them, so on several machines a "
            "folder that they share; `archive` in `EXCHANGE_DATA` if not given",
            usual="archive in EXCHANGE_DATA",
        ),
    ),
    "One machine alone": (
        Variable(
            "DEMO",
            "leave it out: it opens self-service funds and lifts the limit of sign-ups",
        ),
        Variable(
            "DEMO_CHAIN_URL",
            "where the chain of `make run` is, which sets it itself",
        ),
        Variable(
            "PORT",
            "of the API of `make run`: passkeys of the demo are made for it",
        ),
    ),
}

BY_NAME = {variable.name: variable for group in GROUPS.values() for variable in group}
# Another variable names a file that has its value, as orchestrators hand secrets over.
IN_A_FILE = "_FILE"
