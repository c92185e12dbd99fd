from django.contrib.admin import AdminSite


class ExchangeAdminSite(AdminSite):
    site_header = "Exchange"
    site_title = "Exchange"
    index_title = "Operations"
