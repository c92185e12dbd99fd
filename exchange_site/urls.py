from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from exchange_site.health import HealthView
from exchange_site.schema_view import SchemaView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("health", HealthView.as_view(), name="health"),
    path("", include("accounts.urls")),
    path("", include("ledger.urls")),
    path("", include("trading.urls")),
    path("schema", SchemaView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]

handler400 = "exchange_site.api.bad_request"
handler403 = "exchange_site.api.permission_denied"
handler404 = "exchange_site.api.not_found"
handler500 = "exchange_site.api.server_error"
