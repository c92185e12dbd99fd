"""The API as it is started for real, but that what takes seconds to be heard in each of its
processes is heard sooner: as `tests.feeds.server` has it of the feeds."""

from typing import Any

from exchange_site import serve


def __getattr__(name: str) -> Any:
    """In a process that answers; the one that starts those loads no Django."""
    if name != "application":
        raise AttributeError(name)
    from exchange_site.api_server import application

    # isort: split
    from accounts.access import refusals
    from accounts.keys import known

    refusals.POSTGRES_REFRESH_S = known.REFRESH_S = 1.0
    return application


def main() -> None:
    serve.APPLICATIONS["api"] = f"{__spec__.name}:application"
    serve.main()


if __name__ == "__main__":
    main()
