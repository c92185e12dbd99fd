"""Structured logs: one JSON line per fact on stderr, with the fields it was logged with."""

import logging
import logging.config
from typing import Any

import structlog

from common.log_faults import TracebackOnce

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# One list for good: loggers keep the one they were first used with, whoever configures again.
_PROCESSORS = [*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter]


def logging_config(level: str) -> None:
    """Send standard-library and structlog records through one formatter."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": [*_SHARED, structlog.stdlib.ExtraAdder()],
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        structlog.processors.format_exc_info,
                        structlog.processors.JSONRenderer(),
                    ],
                }
            },
            "filters": {"traceback_once": {"()": TracebackOnce}},
            "handlers": {
                "stderr": {
                    "class": "logging.StreamHandler",
                    "formatter": "line",
                    "filters": ["traceback_once"],
                }
            },
            "root": {"handlers": ["stderr"], "level": level},
            # Django warns of every 4xx it answers. Those are the senders' mistakes, told to them;
            # here they would bury what is ours. Errors, 503 among them, stay.
            # So it does of hosts that aren't ours and forms without their token, as errors, with as
            # much text as the sender likes. httpx tells of each request it sends.
            "loggers": {
                "django.request": {"level": level if level == "DEBUG" else "ERROR"},
                "django.security": {"level": level if level == "DEBUG" else "CRITICAL"},
                "httpx": {"level": level if level == "DEBUG" else "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=_PROCESSORS,
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
