from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class ExchangeSiteConfig(AppConfig):
    name = "exchange_site"
    verbose_name = "Exchange"
    default = True


class ExchangeAdminConfig(admin_apps.AdminConfig):
    default = False
    default_site = "exchange_site.admin_site.ExchangeAdminSite"
