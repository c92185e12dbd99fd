from django.urls import path

from ledger import api
from ledger.transfers.api import TransfersView

urlpatterns = [
    path("user/onramp", api.OnrampView.as_view()),
    path("user/ledger", api.LedgerView.as_view()),
    path("user/transfers", TransfersView.as_view()),
]
