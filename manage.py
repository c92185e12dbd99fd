#!/usr/bin/env python
import os
import sys

TABLELESS = {"runengine", "verifyreplay", "simulate"}  # they know Redis, or HTTP, and no rows


def main() -> None:
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    whole = "exchange_site.settings"
    fitting = "exchange_site.fewer_apps.tableless" if command in TABLELESS else whole
    if os.environ.setdefault("DJANGO_SETTINGS_MODULE", fitting) == whole:  # an operator's own stay
        os.environ["DJANGO_SETTINGS_MODULE"] = fitting
    if command == "runexchange":
        from django.core.exceptions import ImproperlyConfigured

        from exchange_site.embedded.bootstrap import prepared
        from exchange_site.embedded.errors import ServiceError

        try:
            prepared()  # decides where Postgres and Redis are, which the settings need
        except (ServiceError, ImproperlyConfigured, OSError) as error:
            sys.exit(f"error: {error}")
    from exchange_site.command_line import run

    run(sys.argv)


if __name__ == "__main__":
    main()
