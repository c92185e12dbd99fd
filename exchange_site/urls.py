from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from exchange_site.health import HealthView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("health", HealthView.as_view(), name="health"),
    path("", include("accounts.urls")),
    path("", include("ledger.urls")),
    path("", include("trading.urls")),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]

handler400 = "exchange_site.api.bad_request"
handler403 = "exchange_site.api.permission_denied"
handler404 = "exchange_site.api.not_found"
handler500 = "exchange_site.api.server_error"
