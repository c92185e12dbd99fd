from django.urls import path

from trading import api, history_api, market_api, trader_api

urlpatterns = [
    path("order", api.OrderPlacingView.as_view()),
    path("order/<int:order_id>", api.OrderView.as_view()),
    path("orders", api.OrdersCancellingView.as_view()),
    path("orders/batch", trader_api.OrdersBatchView.as_view()),
    path("orders/countdown", trader_api.CountdownView.as_view()),
    path("user/orders", api.OrdersView.as_view()),
    path("user/positions", api.PositionsView.as_view()),
    path("user/positions/history", history_api.ClosedPositionsView.as_view()),
    path("user/positions/<str:market_id>/margin", trader_api.PositionMarginView.as_view()),
    path("user/leverage/<str:market_id>", trader_api.LeverageView.as_view()),
    path("user/fills", api.FillsView.as_view()),
    path("user/funding", history_api.FundingPaymentsView.as_view()),
    path("markets", market_api.MarketsView.as_view()),
    path("markets/<str:market_id>", market_api.MarketView.as_view()),
    path("markets/<str:market_id>/depth", market_api.DepthView.as_view()),
    path("markets/<str:market_id>/trades", market_api.TradesView.as_view()),
    path("markets/<str:market_id>/candles", market_api.CandlesView.as_view()),
    path("markets/<str:market_id>/ticker", market_api.TickerView.as_view()),
    path("markets/<str:market_id>/funding", market_api.FundingView.as_view()),
    path("markets/<str:market_id>/liquidations", market_api.LiquidationsView.as_view()),
]
