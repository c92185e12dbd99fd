from django.urls import path

from trading.http import batches, history, orders, positions, previews
from trading.http.markets import history as market_history
from trading.http.markets import listing, prices

urlpatterns = [
    path("order", orders.OrderPlacingView.as_view()),
    path("order/preview", previews.OrderPreviewView.as_view()),
    path("order/<int:order_id>", orders.OrderView.as_view()),
    path("orders", orders.OrdersCancellingView.as_view()),
    path("orders/batch", batches.OrdersBatchView.as_view()),
    path("orders/countdown", batches.CountdownView.as_view()),
    path("user/orders", orders.OrdersView.as_view()),
    path("user/equity", positions.EquityView.as_view()),
    path("user/positions", positions.PositionsView.as_view()),
    path("user/positions/history", positions.ClosedPositionsView.as_view()),
    path("user/positions/<str:market_id>/margin", positions.PositionMarginView.as_view()),
    path("user/positions/<str:market_id>/close", positions.PositionClosingView.as_view()),
    path("user/leverage/<str:market_id>", positions.LeverageView.as_view()),
    path("user/fills", history.FillsView.as_view()),
    path("user/funding", history.FundingPaymentsView.as_view()),
    path("time", listing.TimeView.as_view()),
    path("exchange", listing.ExchangeView.as_view()),
    path("tickers", prices.TickersView.as_view()),
    path("markets", listing.MarketsView.as_view()),
    path("markets/<str:market_id>", listing.MarketView.as_view()),
    path("markets/<str:market_id>/depth", prices.DepthView.as_view()),
    path("markets/<str:market_id>/ticker", prices.TickerView.as_view()),
    path("markets/<str:market_id>/trades", market_history.TradesView.as_view()),
    path("markets/<str:market_id>/candles", market_history.CandlesView.as_view()),
    path("markets/<str:market_id>/prices", market_history.PricesView.as_view()),
    path("markets/<str:market_id>/standings", market_history.StandingsView.as_view()),
    path("markets/<str:market_id>/funding", market_history.FundingView.as_view()),
    path("markets/<str:market_id>/liquidations", market_history.LiquidationsView.as_view()),
]
