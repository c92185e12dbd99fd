"""The API without its counting: ``python -m benchmarks.uncounted api``. Of `benchmarks.metrics`."""

from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from exchange_site import serve


def _nothing(*_: Any, **__: Any) -> None:
    pass


for _kind, _ways in ((Counter, ["inc"]), (Gauge, ["inc", "dec", "set"]), (Histogram, ["observe"])):
    for _way in _ways:
        setattr(_kind, _way, _nothing)

if __name__ == "__main__":
    serve.APPLICATIONS["api"] = "benchmarks.uncounted:application"
    serve.main()
else:  # in a worker that uvicorn started
    from exchange_site.api_server import application  # noqa: F401  uvicorn looks for it
