"""A market's rules as they were at a sequence, and what somebody was judged by them with."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
from django.core.exceptions import ValidationError

from common.admin.base import Cell, link, words
from markets.config import market_config
from markets.models import Market
from matching.messages.commands import AmendOrder, Command, MarketConfig
from matching.messages.tiers import TierTable
from matching.messages.vocabulary import OrderType, Side
from trading.models import MARKET_COMMANDS, Order, OutboxCommand


@dataclass(frozen=True)
class Rules:
    """``said``: when they were so, and by which command. No config: none is known."""

    config: MarketConfig | None
    said: Cell

    @property
    def tiers(self) -> TierTable:
        return TierTable(self.config)


def rules_at(market: Market, seq: int | None) -> Rules:
    """As the newest configuration before the sequence had them; else as they are now."""
    command = None if seq is None else _newest_before(market, "ConfigureMarket", seq)
    if command is not None:
        try:
            config = msgspec.convert(command.payload["config"], MarketConfig)
        except (msgspec.ValidationError, KeyError, TypeError):
            pass
        else:
            version = f"as they were then, version {config.config_version}, by"
            return Rules(config, words(version, link(OutboxCommand, command.pk, command)))
    try:
        return Rules(market_config(market), f"as they are now, version {market.config_version}")
    except ValidationError:
        return Rules(None, "not known: the market has none that an engine would take")


def state_before(market: Market, seq: int | None) -> str:
    """What an operator had set before, in words."""
    command = None if seq is None else _newest_before(market, "SetMarketState", seq)
    if command is None:
        return "which state that was is not kept"
    state = said_by(command).get("state")
    return f"an operator had set {state}; halts by the engine and a stale index are not kept"


def said_by(command: OutboxCommand) -> dict[str, Any]:
    """What its row says; nothing where nobody of ours wrote it."""
    return command.payload if isinstance(command.payload, dict) else {}


def _newest_before(market: Market, kind: str, seq: int) -> OutboxCommand | None:
    sent = OutboxCommand.objects.filter(
        market=market, command_type__in=MARKET_COMMANDS, applied_seq__lt=seq
    )
    return sent.filter(command_type=kind).order_by("-pk").first()


@dataclass(frozen=True, kw_only=True)
class AskedTerms:
    """What an order asks. ``hold_units``: what it brings, None where that is not kept."""

    side: Side
    order_type: OrderType
    price_ticks: int
    size_lots: int
    margin_units: int
    leverage: int
    hold_units: int | None
    taker_fee_ppm: int
    reduce_only: bool
    is_of_whole_position: bool

    @classmethod
    def of(cls, order: Order) -> "AskedTerms":
        return cls(
            side=Side(order.side),
            order_type=OrderType(order.order_type),
            price_ticks=order.shown_price_ticks,
            size_lots=order.size_lots,
            margin_units=order.margin_units,
            leverage=order.leverage,
            hold_units=order.hold_units,
            taker_fee_ppm=order.taker_fee_ppm,
            reduce_only=order.reduce_only,
            is_of_whole_position=order.is_of_whole_position,
        )

    def amended(self, command: AmendOrder) -> "AskedTerms":
        return replace(
            self, price_ticks=command.price_ticks, size_lots=command.size_lots, hold_units=None
        )

    @property
    def named_per_lot_units(self) -> int:
        return self.margin_units // self.size_lots


@dataclass(frozen=True, kw_only=True)
class JudgedMoment:
    """What is known of the moment something was refused or ended. Zero and None: not kept.

    state        what is known of the market's state then, in words
    free_units   of the trader's wallet, as the journal has it for that time
    event        the engine's answer, where its entry is kept
    """

    market: Market
    rules: Rules
    order: Order | None = None
    terms: AskedTerms | None = None
    command: Command | None = None
    event: Any = None
    mark_ticks: int = 0
    free_units: int | None = None
    state: str = ""


@dataclass(frozen=True)
class Rule:
    """What a code stands for.

    name    of the rule, as the market's page or the order's terms call it
    plain   what it means, in words that are always true
    value   what the rule asked for; empty where it has no number
    breach  the numbers that broke it; empty where they are not all known
    """

    name: str
    plain: str
    value: Callable[[JudgedMoment, MarketConfig], str] | None = None
    breach: Callable[[JudgedMoment, MarketConfig, AskedTerms], str] | None = None

    def sentence(self, judged: JudgedMoment) -> str:
        numbers = self.numbers(judged)
        return f"{self.plain}: {numbers}" if numbers else self.plain

    def numbers(self, judged: JudgedMoment) -> str:
        config, terms = judged.rules.config, judged.terms
        if self.breach is None or config is None or terms is None:
            return ""
        return self.breach(judged, config, terms)

    def value_of(self, judged: JudgedMoment) -> str:
        config = judged.rules.config
        return self.value(judged, config) if self.value and config else ""

    def misses_numbers(self, judged: JudgedMoment) -> bool:
        return self.breach is not None and not self.numbers(judged)
