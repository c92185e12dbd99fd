"""Back to an earlier version of a market's rules."""

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from accounts.staff.operators import operator_of
from approvals.models import Proposal
from common.admin.acts import Act, Verb, tell
from common.errors import DomainError, ErrorCode
from markets.models import Market
from trading import services
from trading.admin.catalogue.rules import all_changes, rule_changes
from trading.models import MarketVersion


@transaction.atomic
def roll_back(
    request: HttpRequest, kept: MarketVersion, seen: int | None, reason: str
) -> int | Proposal:
    """As a new version, or as a proposal of one. ``seen``: the newest version as the operator saw
    it. Raises DomainError, in words for the operator."""
    market = Market.objects.select_for_update().get(pk=kept.market_id)
    if seen != market.config_version:
        raise services.rules_changed(market)
    now = services.rules_of(market, list(market.tiers.all()))
    try:
        done = services.restore_or_propose(
            kept, rule_changes(market, now, kept.rules), reason, operator_of(request)
        )
    except ValidationError as error:  # what has changed around the rules, as its price sources
        raise DomainError(ErrorCode.INVALID_FIELD, " ".join(error.messages)) from error
    words = "\n".join(
        f"{what} {before} → {after}" for what, before, after in all_changes(market, now, kept.rules)
    )
    proposed = isinstance(done, Proposal)
    tell(
        Act(
            verb=Verb.PROPOSED if proposed else Verb.ROLLED_BACK,
            request=request,
            obj=market,
            words=f"{'proposed: ' if proposed else ''}back to version {kept.version}\n{words}",
            reason=reason.strip(),
            command_id=None if isinstance(done, Proposal) else done,
        )
    )
    return done
