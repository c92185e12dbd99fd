"""Commands that take two people: a market settled for good, and rules that let traders risk more.

The policy says which (`approvals.policy`). What one operator proposes holds the market's rules as
they were; where they have changed since, it isn't carried out.
"""

from collections.abc import Sequence
from decimal import Decimal

from django.contrib.auth.models import AbstractUser
from django.db import transaction

from accounts.models import User
from approvals import policy
from approvals.actions import Action, ApprovalOutcome, register
from approvals.models import Proposal
from approvals.services import Change, outdated, propose, waiting_proposal
from common import decimals
from common.errors import DomainError, ErrorCode
from common.reasons import reason_of
from markets.config import market_config
from markets.conversions import ticks_text, units_text
from markets.models import LeverageTier, Market
from matching.messages.commands import MarketConfig
from matching.messages.limits import PPM
from trading.commands.markets import check_settlement, configure_market, settle_market
from trading.commands.versions import Why, hash_of, rules_of, take_up, tiers_of
from trading.models import MarketVersion

SETTLE, RAISE_RISK = "settle_market", "raise_market_risk"


def settle_or_propose(market: Market, price: object, reason: str, by: User) -> int | Proposal:
    """The command's id where one operator may do it alone. Raises DomainError as both do."""
    if not policy.needs_second(SETTLE):
        return settle_market(market, price, by)
    text = ticks_text(check_settlement(market, price, by), market.tick_size)
    return propose(
        SETTLE,
        subject=market.pk,
        title=f"Settle {market.pk} for good at {text} {market.quote_asset}",
        changes=[Change("state", market.status.state, "SETTLED"), Change("price", "", text)],
        payload={"market": market.pk, "price": text},
        reason=reason,
        author=by,
    )


def _settle(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:
    market = Market.objects.select_related("status").get(pk=proposal.payload["market"])
    price = proposal.payload["price"]
    check_settlement(market, price, proposal.author)
    command_id = settle_market(market, price, User.objects.get(pk=by.pk))
    return ApprovalOutcome(f"asked to settle {market.pk} at {price}", command_id)


def lets_risk_more(before: Sequence[LeverageTier], after: Sequence[LeverageTier]) -> bool:
    """Whether a position of any value may have more leverage, or may keep less margin, than before.

    Both are steps over the value; they differ first at a step of one of them. ``before`` empty: a
    new market, whose tiers are nobody's yet.
    """
    if not before:
        return False
    floors = sorted({tier.floor_units for tier in (*before, *after)})
    pairs = [(_tier_at(before, floor), _tier_at(after, floor)) for floor in floors]
    return any(
        new.max_leverage > old.max_leverage or new.maintenance_ppm < old.maintenance_ppm
        for old, new in pairs
    )


def _tier_at(tiers: Sequence[LeverageTier], value_units: int) -> LeverageTier:
    return max(
        (tier for tier in tiers if tier.floor_units <= value_units),
        key=lambda tier: tier.floor_units,
    )


def takes_two(market: Market, tiers: Sequence[LeverageTier]) -> bool:
    """Whether these tiers, in place of the market's, are for a second operator to approve."""
    before = list(LeverageTier.objects.filter(market_id=market.pk))
    return lets_risk_more(before, tiers) and policy.needs_second(RAISE_RISK)


def waiting_rules(market: Market) -> Proposal | None:
    return waiting_proposal(RAISE_RISK, market.pk)


@transaction.atomic
def propose_rules(
    market: Market,
    tiers: Sequence[LeverageTier],
    changes: Sequence[Change],
    reason: str,
    by: User,
    restores: int | None = None,
) -> Proposal:
    """The edited market and its tiers as one proposal; ``changes`` are the market's, in words.
    ``restores``: the version whose rules they are. Raises DomainError."""
    current = Market.objects.get(pk=market.pk)
    before = list(LeverageTier.objects.filter(market=current))
    edited = {
        field.attname: getattr(market, field.attname)
        for field in Market._meta.concrete_fields
        if getattr(market, field.attname) != getattr(current, field.attname)
    }
    return propose(
        RAISE_RISK,
        subject=market.pk,
        title=f"Rules of {market.pk}: more leverage or less margin",
        changes=[*changes, *tier_changes(before, tiers)],
        payload={
            "market": market.pk,
            "version": current.config_version,
            "restores": restores,
            "fields": edited,
            "tiers": [
                [tier.floor_units, tier.max_leverage, tier.maintenance_ppm] for tier in tiers
            ],
        },
        reason=reason,
        author=by,
    )


def tier_changes(before: Sequence[LeverageTier], after: Sequence[LeverageTier]) -> list[Change]:
    """Tier by tier, in words."""
    old, new = (
        {tier.floor_units: _tier_words(tier) for tier in tiers} for tiers in (before, after)
    )
    return [
        Change(
            f"tier from {units_text(floor, 2)} USD", old.get(floor, "none"), new.get(floor, "none")
        )
        for floor in sorted({*old, *new})
        if old.get(floor) != new.get(floor)
    ]


def _tier_words(tier: LeverageTier) -> str:
    maintenance = decimals.text(Decimal(tier.maintenance_ppm) * 100 / PPM)
    return f"{tier.max_leverage}×, maintenance {maintenance} %"


@transaction.atomic
def restore_or_propose(
    kept: MarketVersion, changes: Sequence[Change], reason: str, by: User
) -> int | Proposal:
    """An earlier version's rules again, as a new version: the command's id, or the proposal where
    they let traders risk more than now. ``changes``: from the rules of now to these, in words.
    Raises DomainError, also where the rules are these already, and ValidationError."""
    reason = reason_of(reason)
    market = Market.objects.select_for_update().get(pk=kept.market_id)
    before = hash_of(rules_of(market, list(market.tiers.all())))
    tiers = tiers_of(kept.rules)
    take_up(market, kept.rules)
    if hash_of(rules_of(market, tiers)) == before:
        message = f"The rules of {market.pk} are those of version {kept.version} already."
        raise DomainError(ErrorCode.RULES_CHANGED, message)
    if takes_two(market, tiers):
        market.full_clean()
        return propose_rules(market, tiers, changes, reason, by, restores=kept.version)
    return configure_market(market, by, tiers, Why(reason, restores=kept.version))


def proposed_config(proposal: Proposal) -> MarketConfig:
    """The rules that a proposal to let traders risk more would make. Raises DomainError where it is
    no longer what it was about."""
    market = Market.objects.get(pk=proposal.payload["market"])
    tiers = _edit(market, proposal)
    market.config_version += 1
    return market_config(market, tiers)


def _edit(market: Market, proposal: Proposal) -> list[LeverageTier]:
    """Gives the market what was proposed, but for the tiers, which it answers."""
    said = proposal.payload
    if market.config_version != said["version"]:
        raise outdated()
    for name, value in said["fields"].items():
        setattr(market, name, value)
    return [
        LeverageTier(floor_units=floor, max_leverage=leverage, maintenance_ppm=ppm)
        for floor, leverage, ppm in said["tiers"]
    ]


def _configure(proposal: Proposal, by: AbstractUser) -> ApprovalOutcome:
    market = Market.objects.select_for_update().get(pk=proposal.payload["market"])
    tiers = _edit(market, proposal)
    why = Why(proposal.reason, proposal, proposal.payload.get("restores"))
    command_id = configure_market(market, User.objects.get(pk=by.pk), tiers, why)
    return ApprovalOutcome(f"version {market.config_version} of {market.pk} asked for", command_id)


register(Action(SETTLE, "Settle a market for good", "markets.settle_market", _settle))
register(Action(RAISE_RISK, "Let traders risk more", "markets.change_market", _configure))
