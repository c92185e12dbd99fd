from django.urls import path

from ledger import api

urlpatterns = [
    path("user/onramp", api.OnrampView.as_view()),
    path("user/ledger", api.LedgerView.as_view()),
]
