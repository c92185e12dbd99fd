from django.urls import re_path

from gateway.http.view import GatewayView

# One view for whatever is below: it knows its paths and says so in its own words.
urlpatterns = [re_path(r"^(fapi|futures/data|api/v3|sapi|dapi)(/.*)?$", GatewayView.as_view())]
