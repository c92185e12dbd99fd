"""Calls that read across rooms of trading; what places and cancels is in `trading.http.urls`."""

from django.urls import path

from trading.algos.api import AlgoPausingView, AlgoResumingView, AlgosView, AlgoView
from trading.fees.api import FeesView
from trading.statements.api import StatementView

urlpatterns = [
    path("algos", AlgosView.as_view()),
    path("algos/<int:algo_id>", AlgoView.as_view()),
    path("algos/<int:algo_id>/pause", AlgoPausingView.as_view()),
    path("algos/<int:algo_id>/resume", AlgoResumingView.as_view()),
    path("user/statement", StatementView.as_view()),
    path("user/fees", FeesView.as_view()),
]
