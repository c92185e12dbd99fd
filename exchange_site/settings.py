"""Settings. Everything that differs between deployments comes from the environment, by the names
of `exchange_site.configuration`.

``runexchange`` writes the addresses of the servers it started to ``$EXCHANGE_DATA/services.env``,
so that commands run by hand beside it find the same ones; the environment wins over that file.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from django.templatetags.static import static
from redis.backoff import NoBackoff
from redis.retry import Retry

from common.logs import logging_config
from common.redis.addresses import AddressedPool
from exchange_site.configuration.environment import Environment
from exchange_site.configuration.outside import (
    countries,
    hosts,
    mail_from,
    mail_server,
    origins,
    passkey_origins,
    web_address,
)
from exchange_site.configuration.places import folder
from exchange_site.configuration.secrecy import (
    sealing_keys,
    shown_secret,
    shown_secrets,
    signing_key,
)
from exchange_site.configuration.servers import broker_of, database, one_server, redis_url
from exchange_site.configuration.services import go_by_services
from exchange_site.configuration.watching import log_level, traces_url
from terminal.bundle import folder as page_folder

BASE_DIR = Path(__file__).resolve().parent.parent

env = Environment()
ENVIRONMENT_READINGS = env.readings  # of which the reference is made
EXCHANGE_DATA = folder("EXCHANGE_DATA", env.text("EXCHANGE_DATA", default=str(BASE_DIR / "var")))
go_by_services(EXCHANGE_DATA)

# Demo mode is one machine for trying things out: demo markets, self-service funds, a shown sign-in.
DEMO = env.switch("DEMO", default=False)
# Reached over TLS, which a proxy in front of us ends; on one machine there may be none.
HTTPS = env.switch("HTTPS", default=not DEMO)
# How many proxies of the operator's own stand in front; what they say of the client is believed.
TRUSTED_PROXIES = env.number("TRUSTED_PROXIES", default=0, lowest=0)
DEBUG = False
SECRET_KEY = signing_key("DJANGO_SECRET_KEY", env.text("DJANGO_SECRET_KEY"))
# They seal the secrets of API keys in the database: the first seals, all of them open. Without one
# only keys of Ed25519 are taken, which have no secret here.
API_KEY_SECRETS = sealing_keys("API_KEY_SECRETS", env.listed("API_KEY_SECRETS"), signing=SECRET_KEY)
# What authenticator apps and passkeys show as whose they are.
FACTOR_ISSUER = env.text("FACTOR_ISSUER", default="Exchange")
# Passkeys are made for this name of ours and asked by these pages; without a name none are offered.
PASSKEY_RP_ID = env.text("PASSKEY_RP_ID", default="localhost" if DEMO else "")
PORT = env.number("PORT", default=8000, lowest=1, highest=65_535)
PASSKEY_ORIGINS = passkey_origins(
    PASSKEY_RP_ID, env.listed("PASSKEY_ORIGINS", default=[f"http://localhost:{PORT}"])
)
# How long a second factor that was shown opens what is dangerous.
FRESH_FACTOR_S = env.number("FRESH_FACTOR_S", default=300, lowest=1)
ALLOWED_HOSTS = hosts(
    "ALLOWED_HOSTS", env.listed("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
)
CSRF_TRUSTED_ORIGINS = origins("CSRF_TRUSTED_ORIGINS", env.listed("CSRF_TRUSTED_ORIGINS"))
ROOT_URLCONF = "exchange_site.urls"
WSGI_APPLICATION = "exchange_site.wsgi.application"
AUTH_USER_MODEL = "accounts.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = True  # the admin's habit; the API's paths are matched as they are

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # before the admin: its templates win
    "console.apps.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "exchange_site",
    "console",
    "gateway",
    "terminal",
    "persistence",
    "prices",
    "custody",
    "trading",
    "ledger",
    "markets",
    "accounts",
    "announcements",
    "approvals",
    "mails",
    "matching",
    "simulator",
    "common",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "common.http.refuse_nul.RefuseNul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "common.http.no_store.NoStore",
    "trading.http.strangers.CountStrangers",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "exchange_site.edge.old_reads.OldReads",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_AGE = 12 * 3600  # an operator's shift
SECURE_REDIRECT_EXEMPT = [r"^health$"]  # balancers ask without TLS
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # Swagger UI's icons
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    feature: []
    for feature in ("camera", "geolocation", "microphone", "payment", "usb", "display-capture")
}

UNFOLD = {
    "SITE_TITLE": "Exchange",
    "SITE_HEADER": "Exchange",
    "SITE_SYMBOL": "candlestick_chart",
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "SIDEBAR": {"show_search": True, "command_search": True},
    "ENVIRONMENT": "console.site.environment",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("common/icon.svg")}
    ],
    "STYLES": [lambda _: static("common/admin.css")],
    "SCRIPTS": [
        lambda _: static("console/console.js"),
        lambda _: static("common/figures.js"),
    ],
}

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / app / "templates" for app in ("exchange_site", "console", "common")],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# A pooler in transaction mode stands between: whatever a session would remember is not used.
POOLED = env.switch("POOLED", default=False)
DATABASES = {"default": database("DATABASE_URL", env.address("DATABASE_URL"), pooled=POOLED)}
# Reads that may be a moment old go there (`common.postgres.replica`); without one, to the primary.
REPLICA_URL = env.text("REPLICA_URL", default="")
if REPLICA_URL:
    DATABASES["replica"] = database("REPLICA_URL", REPLICA_URL, pooled=POOLED)
    DATABASE_ROUTERS = ["common.postgres.replica.ReplicaRouter"]
REDIS_URL = redis_url("REDIS_URL", env.text("REDIS_URL"))
# Servers of their own for tasks, for what is cached, and for what is counted.
BROKER_URL = one_server("BROKER_URL", env.text("BROKER_URL", default=""), REDIS_URL)
CACHE_URL = one_server("CACHE_URL", env.text("CACHE_URL", default=""), REDIS_URL)
LIMITS_URL = one_server("LIMITS_URL", env.text("LIMITS_URL", default=""), REDIS_URL)

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": [CACHE_URL],  # as text it would be cut at its commas
        "KEY_PREFIX": "cache",
        # A request waits for it; whoever uses it goes on without it.
        "OPTIONS": {
            "pool_class": AddressedPool,
            "socket_timeout": 1,
            "socket_connect_timeout": 1,
            "retry": Retry(NoBackoff(), 0),
        },
    }
}

LOGIN_REDIRECT_URL = "admin:index"  # instead of a next= that leads elsewhere
SESSION_ENGINE = "accounts.staff.sessions"
PASSWORD_HASHERS = ["accounts.passwords.OneLaneArgon2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.passwords.PlainPasswordRules"},
    {"NAME": "accounts.access.credentials.NewPasswordEndsSessions"},
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = EXCHANGE_DATA / "static"
WHITENOISE_USE_FINDERS = True
# The trading page, where it was built: its files are named by their content, and kept for good.
STATICFILES_DIRS = [("terminal", page_folder())] if page_folder().is_dir() else []
WHITENOISE_IMMUTABLE_FILE_TEST = r"^/static/terminal/assets/"
# Daily files, which workers write and the API serves: on several machines a folder they share.
DOWNLOADS_DIR = folder(
    "DOWNLOADS_DIR", env.text("DOWNLOADS_DIR", default=str(EXCHANGE_DATA / "downloads"))
)
# Old partitions of postings as files: whoever reads the journal reads them, too.
ARCHIVE_DIR = folder("ARCHIVE_DIR", env.text("ARCHIVE_DIR", default=str(EXCHANGE_DATA / "archive")))

# Largest body the API reads; more is answered 413 without reading it.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000

# What a monitor sends to see the parts in GET /health; without one only operators see them.
MONITOR_TOKEN = shown_secret("MONITOR_TOKEN", env.text("MONITOR_TOKEN", default=""))
# Where this process shows what it counts to a monitor with that token; 0 for nowhere.
METRICS_PORT = env.number("METRICS_PORT", default=0, lowest=0, highest=65_535)
METRICS_HOST = env.text("METRICS_HOST", default="127.0.0.1")
# Where traces of orders are sent (OTLP over HTTP), and of which share of them; "" for nowhere.
TRACES_URL = traces_url(env.text("TRACES_URL", default=""))
TRACES_SHARE = env.fraction("TRACES_SHARE", default=0.01, lowest=0, highest=1)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.keys.authentication.KeyAuthentication",
        "accounts.families.authentication.FamilyAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "accounts.keys.authentication.KeyScope",
        "accounts.families.authentication.OfAccounts",
    ],
    "DEFAULT_RENDERER_CLASSES": ["common.http.rendering.StructJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.http.bodies.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    # The format of an answer goes by Accept alone: ?format= is a parameter no call knows.
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "common.http.errors.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": ["trading.http.throttle.RequestThrottle"],
    # X-Forwarded-For is believed only as far as there are proxies of the operator's own.
    "NUM_PROXIES": TRUSTED_PROXIES,
    "UNAUTHENTICATED_USER": None,
}
# Traders' budgets of orders, cancels and reads; benchmarks lift them. Guesses always count.
LIMITS = env.switch("LIMITS", default=True)
# What clients of the gateway call the asset that margin and profit are in, and markets whose symbol
# there is another than base and asset, as in "BTC-PERP=XBTUSDT".
SETTLEMENT_ASSET = env.text("SETTLEMENT_ASSET", default="USDT")
GATEWAY_SYMBOLS = env.pairs("GATEWAY_SYMBOLS")
# Per address. The demo's simulator signs up all its traders from one.
SIGN_UP_LIMITED = not DEMO
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "USER_ID_CLAIM": "sub",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Perpetual futures exchange",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_PATCH": False,  # what PATCH takes has no required fields of its own accord
    "SERVERS": [{"url": "/v1"}, {"url": "/", "description": "The same, without its version."}],
    "POSTPROCESSING_HOOKS": ["common.http.schema.add_parts"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# Hosts beyond the public ones that a price source's address may name, and that a webhook's may.
PRICE_SOURCE_HOSTS = hosts("PRICE_SOURCE_HOSTS", env.listed("PRICE_SOURCE_HOSTS"))
WEBHOOK_HOSTS = hosts("WEBHOOK_HOSTS", env.listed("WEBHOOK_HOSTS"))

# Mails go to this server; without one they are kept, and the console shows them.
EMAIL_URL = env.text("EMAIL_URL", default="")
MAIL_IS_SENT = bool(EMAIL_URL)
if MAIL_IS_SENT:
    vars().update(mail_server(EMAIL_URL))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = mail_from("MAIL_FROM", env.text("MAIL_FROM", default="exchange@localhost"))
# Where traders' pages are, if there are any: links in mails to traders begin with it.
PUBLIC_URL = web_address("PUBLIC_URL", env.text("PUBLIC_URL", default=""))
# The header in which our own proxy says the country of whoever asks, and those not served (ISO
# 3166, as in "KP,IR").
COUNTRY_HEADER = env.text("COUNTRY_HEADER", default="")
BLOCKED_COUNTRIES = countries(
    env.listed("BLOCKED_COUNTRIES"), header=COUNTRY_HEADER, proxies=TRUSTED_PROXIES
)
# What a provider of identities signs its webhook with: any of them counts, so that one can be
# replaced. Without one there is no such webhook.
IDENTITY_SECRETS = shown_secrets("IDENTITY_SECRETS", env.listed("IDENTITY_SECRETS"))
# Where operators find the console, as links in what is sent have it.
CONSOLE_URL = web_address("CONSOLE_URL", env.text("CONSOLE_URL", default=""))

CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = broker_of(BROKER_URL)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Journal entries of a seal: what reconciliation reads each time is at most so many and what is new.
SEAL_ENTRIES = env.number("SEAL_ENTRIES", default=250_000, lowest=1_000)
# Rows of a partition, by their ids. An entry has some two and a half postings.
PARTITION_POSTINGS = env.number("PARTITION_POSTINGS", default=100_000_000, lowest=10_000)
PARTITION_ENTRIES = env.number("PARTITION_ENTRIES", default=40_000_000, lowest=10_000)
PARTITION_ORDERS = env.number("PARTITION_ORDERS", default=40_000_000, lowest=10_000)
PARTITION_FILLS = env.number("PARTITION_FILLS", default=40_000_000, lowest=10_000)
# In kB: reconciling a million open orders takes 3 GB, which a child of the worker would keep.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1_000_000
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# How many sockets of feeds a process takes; whoever comes later is told to try again.
FEEDS_CONNECTIONS_MAX = env.number("FEEDS_CONNECTIONS_MAX", default=3_000, lowest=1)
# How long a worker that fell silent keeps its share of the markets from the others.
WORKER_LEASE_S = env.fraction("WORKER_LEASE_S", default=3.0, lowest=0.5, highest=60)

# Traders may fund themselves (demo); otherwise /user/onramp makes a request for an operator.
SELF_ONRAMP = env.switch("SELF_ONRAMP", default=DEMO)

# Who keeps the money outside (`custody`). The demo's chain is a process of `make run`.
DEMO_CHAIN_URL = env.text("DEMO_CHAIN_URL", default="")
DEMO_CONFIRMATIONS = 3
_DEMO_CHAIN = ["demo"] if DEMO and DEMO_CHAIN_URL else []
CUSTODY_NETWORKS = env.listed("CUSTODY_NETWORKS", default=[*_DEMO_CHAIN, "manual"])
# What we show custody, and what custody signs its webhooks with: any of them, so that one can be
# replaced. Without one no webhook is taken.
CUSTODY_TOKEN = shown_secret("CUSTODY_TOKEN", env.text("CUSTODY_TOKEN", default=""))
CUSTODY_WEBHOOK_SECRETS = shown_secrets(
    "CUSTODY_WEBHOOK_SECRETS", env.listed("CUSTODY_WEBHOOK_SECRETS")
)
# Whether traders without a second factor may take money out; those who have one always show it.
WITHDRAWALS_NEED_FACTOR = env.switch("WITHDRAWALS_NEED_FACTOR", default=not DEMO)
# How long a new address of a trader's address book waits before anything is sent there.
WITHDRAWAL_COOLING_S = env.number(
    "WITHDRAWAL_COOLING_S", default=0 if DEMO else 24 * 3600, lowest=0
)

LOGGING_CONFIG = None
logging_config(level=log_level("LOG_LEVEL", env.text("LOG_LEVEL", default="INFO")))
