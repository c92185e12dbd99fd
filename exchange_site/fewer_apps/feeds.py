"""Settings of the feeds' own process: nothing of the console is loaded."""

from exchange_site.settings import *  # noqa: F403
from exchange_site.settings import INSTALLED_APPS as _ALL

_OF_OPERATORS = {"unfold.apps.BasicAppConfig", "console.apps.ConsoleAdminConfig", "console"}

INSTALLED_APPS = [app for app in _ALL if app not in _OF_OPERATORS]
