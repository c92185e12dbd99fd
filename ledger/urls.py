from django.urls import path

from ledger import api
from ledger.transfers.api import TransfersView
from ledger.withdrawals.api import WithdrawalsView, WithdrawalView

urlpatterns = [
    path("user/onramp", api.OnrampView.as_view()),
    path("user/ledger", api.LedgerView.as_view()),
    path("user/transfers", TransfersView.as_view()),
    path("user/withdrawals", WithdrawalsView.as_view()),
    path("user/withdrawals/<int:withdrawal_id>", WithdrawalView.as_view()),
]
