"""Settings of the feeds' own process: nothing of the admin is loaded."""

from exchange_site.settings import *  # noqa: F403
from exchange_site.settings import INSTALLED_APPS as _ALL

INSTALLED_APPS = [app for app in _ALL if app != "console.apps.ConsoleAdminConfig"]
