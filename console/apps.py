from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class ConsoleConfig(AppConfig):
    name = "console"
    verbose_name = "Console"
    default = True

    def ready(self) -> None:
        from console.audit import admin, listeners  # noqa: F401  registers them
        from console.launch import views as launch  # noqa: F401
        from console.money import explained  # noqa: F401
        from console.records import predicted, tables  # noqa: F401
        from console.stress import listeners as stress  # noqa: F401
        from console.versions import views as versions  # noqa: F401


class ConsoleAdminConfig(admin_apps.AdminConfig):
    """Django's admin on the console's site."""

    default = False
    default_site = "console.site.ExchangeAdminSite"
