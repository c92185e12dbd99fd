from django.apps import AppConfig


class ExchangeSiteConfig(AppConfig):
    name = "exchange_site"
    verbose_name = "Exchange"
