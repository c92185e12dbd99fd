"""Settings of what knows no table, the engine among it: no app that has any is loaded."""

from exchange_site.settings import *  # noqa: F403

INSTALLED_APPS = ["exchange_site", "matching", "simulator", "common"]
