"""Calls that read across rooms of trading; what places and cancels is in `trading.http.urls`."""

from django.urls import path

from trading.fees.api import FeesView
from trading.statements.api import StatementView

urlpatterns = [
    path("user/statement", StatementView.as_view()),
    path("user/fees", FeesView.as_view()),
]
