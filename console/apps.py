from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.db.models.signals import post_migrate


class ConsoleConfig(AppConfig):
    name = "console"
    verbose_name = "Console"
    default = True

    def ready(self) -> None:
        from console.alerts import admin as alerts_admin  # noqa: F401  registers them
        from console.alerts.defaults import install_rules
        from console.audit import admin, listeners  # noqa: F401
        from console.launch import views as launch  # noqa: F401
        from console.money import explained  # noqa: F401
        from console.people import views as people  # noqa: F401
        from console.records import predicted, tables  # noqa: F401
        from console.stress import listeners as stress  # noqa: F401
        from console.versions import views as versions  # noqa: F401

        post_migrate.connect(install_rules, sender=self)


class ConsoleAdminConfig(admin_apps.AdminConfig):
    """Django's admin on the console's site."""

    default = False
    default_site = "console.site.ExchangeAdminSite"
