#!/usr/bin/env python
import os
import sys

TABLELESS = {"runengine", "verifyreplay", "simulate"}  # they know Redis, or HTTP, and no rows


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "exchange_site.settings")
    if not TABLELESS.isdisjoint(sys.argv[1:2]):
        os.environ["DJANGO_SETTINGS_MODULE"] = "exchange_site.fewer_apps.tableless"
    if sys.argv[1:2] == ["runexchange"]:
        from exchange_site.embedded.bootstrap import prepared
        from exchange_site.embedded.errors import ServiceError

        try:
            prepared()  # decides where Postgres and Redis are, which the settings need
        except (ServiceError, OSError) as error:
            sys.exit(f"error: {error}")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
