"""``services.env``: what `runexchange` started and made, so that a command run beside it finds the
same. Lines of ``NAME=value``, as they are; the environment wins."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from exchange_site.configuration.variables import IN_A_FILE

SERVICES_FILE = "services.env"


def read_services(data: Path) -> dict[str, str]:
    """{} where nothing was written. Raises ImproperlyConfigured."""
    path = data / SERVICES_FILE
    try:
        lines = path.read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ImproperlyConfigured(
            f"{path} can't be read: {error.strerror}. Set EXCHANGE_DATA to the exchange's folder, "
            "and run as the user that the exchange runs as."
        ) from error
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return {name: value for name, _, value in pairs}


def go_by_services(data: Path) -> None:
    """What is not set from now on is as it says there. Raises ImproperlyConfigured."""
    for name, value in read_services(data).items():
        if f"{name}{IN_A_FILE}" not in os.environ:
            os.environ.setdefault(name, value)
