"""Columns of the admin's lists that show figures of markets."""

from common.admin.base import Show, link, shown
from markets.display import gain_or_loss, money, percent, price, size
from markets.models import Market


def market_column() -> Show:
    return shown("market", lambda row: link(Market, row.market_id))


def price_column(attribute: str, name: str) -> Show:
    return shown(name, lambda row: price(getattr(row, attribute), row.market))


def size_column(attribute: str, name: str) -> Show:
    return shown(name, lambda row: size(getattr(row, attribute), row.market))


def money_column(attribute: str, name: str) -> Show:
    return shown(name, lambda row: money(getattr(row, attribute)))


def gain_column(attribute: str, name: str) -> Show:
    return shown(name, lambda row: gain_or_loss(getattr(row, attribute)))


def rate_column(attribute: str, name: str) -> Show:
    return shown(name, lambda row: percent(getattr(row, attribute)))
