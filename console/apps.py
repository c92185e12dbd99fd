from typing import Any

from django.apps import AppConfig
from django.contrib import admin
from django.contrib.admin import apps as admin_apps
from django.contrib.admin.checks import check_admin_app, check_dependencies
from django.core import checks
from django.db.models.signals import post_migrate


class ConsoleConfig(AppConfig):
    name = "console"
    verbose_name = "Console"
    default = True

    def ready(self) -> None:
        from console.alerts.defaults import install_rules
        from console.audit import listeners  # noqa: F401  connects the receivers
        from console.stress import listeners as stress  # noqa: F401

        post_migrate.connect(install_rules, sender=self)


class ConsoleAdminConfig(admin_apps.SimpleAdminConfig):
    """Django's admin on the console's site. Pages are found where they are served, by the URLs:
    most processes have none, and to load them all would be a third of their start."""

    default = False
    default_site = "console.site.ExchangeAdminSite"

    def ready(self) -> None:
        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(_check_pages, checks.Tags.admin)


def _check_pages(**options: Any) -> list[checks.CheckMessage]:
    admin.autodiscover()
    return check_admin_app(**options)
