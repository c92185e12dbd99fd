from django.contrib import admin
from django.urls import include, path

import exchange_site.celery  # noqa: F401  the app to which pages hand tasks over
from console.health.answer import HealthView
from exchange_site.docs import DocsView, SchemaView

admin.autodiscover()

urlpatterns = [
    path("admin/", admin.site.urls),
    path("health", HealthView.as_view(), name="health"),
    path("", include("announcements.urls")),
    path("", include("accounts.urls")),
    path("", include("ledger.urls")),
    path("", include("custody.urls")),
    path("", include("trading.http.urls")),
    path("", include("trading.urls")),
    path("", include("gateway.urls")),
    path("", include("terminal.urls")),
    path("", include("persistence.urls")),
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs", DocsView.as_view(url_name="schema"), name="docs"),
]

handler400 = "common.http.errors.bad_request"
handler403 = "common.http.errors.permission_denied"
handler404 = "common.http.errors.not_found"
handler500 = "common.http.errors.server_error"
