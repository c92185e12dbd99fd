from django.urls import path

from trading.http import batches, history, markets, orders, positions

urlpatterns = [
    path("order", orders.OrderPlacingView.as_view()),
    path("order/<int:order_id>", orders.OrderView.as_view()),
    path("orders", orders.OrdersCancellingView.as_view()),
    path("orders/batch", batches.OrdersBatchView.as_view()),
    path("orders/countdown", batches.CountdownView.as_view()),
    path("user/orders", orders.OrdersView.as_view()),
    path("user/equity", positions.EquityView.as_view()),
    path("user/positions", positions.PositionsView.as_view()),
    path("user/positions/history", positions.ClosedPositionsView.as_view()),
    path("user/positions/<str:market_id>/margin", positions.PositionMarginView.as_view()),
    path("user/leverage/<str:market_id>", positions.LeverageView.as_view()),
    path("user/fills", history.FillsView.as_view()),
    path("user/funding", history.FundingPaymentsView.as_view()),
    path("markets", markets.MarketsView.as_view()),
    path("markets/<str:market_id>", markets.MarketView.as_view()),
    path("markets/<str:market_id>/depth", markets.DepthView.as_view()),
    path("markets/<str:market_id>/trades", markets.TradesView.as_view()),
    path("markets/<str:market_id>/candles", markets.CandlesView.as_view()),
    path("markets/<str:market_id>/ticker", markets.TickerView.as_view()),
    path("markets/<str:market_id>/funding", markets.FundingView.as_view()),
    path("markets/<str:market_id>/liquidations", markets.LiquidationsView.as_view()),
]
