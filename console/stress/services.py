"""A run of the ladder is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest

from accounts.models import User
from approvals.models import Proposal
from common.admin.acts import Verb
from common.errors import invalid
from console.jobs import services as jobs
from console.stress.ladder import DEFAULT_MOVES_PPM
from console.stress.models import StressKind, StressRun
from markets.display import percent
from markets.models import Market
from matching.messages.limits import PPM

MOVES_MAX = 40
RULES_MOVES_PPM = (0, *DEFAULT_MOVES_PPM)
HIGHEST_MOVE_PPM = 5 * PPM


@dataclass(frozen=True)
class NewStressRun:
    """As `StressRun` has it."""

    kind: StressKind
    market: Market | None
    moves_ppm: Sequence[int]
    reason: str


def start_run(request: HttpRequest, asked: NewStressRun) -> StressRun:
    """Raises DomainError: with `BUSY` while another is under way."""
    _check(asked)
    run = StressRun(
        kind=asked.kind,
        market=asked.market,
        moves_ppm=list(asked.moves_ppm),
        reason=asked.reason,
    )
    return jobs.start(request, run, Verb.STRESSED, f"asked for a {in_words(run)}")


def predict(who: HttpRequest | User, proposal: Proposal) -> StressRun:
    """What its market would come to under the rules of a proposal. Raises DomainError: with `BUSY`
    while another run is under way."""
    market = Market.objects.get(pk=proposal.payload["market"])
    run = StressRun(
        kind=StressKind.RULES,
        market=market,
        proposal=proposal,
        moves_ppm=list(RULES_MOVES_PPM),
        reason=f"what proposal {proposal.pk} would do",
    )
    return jobs.start(who, run, Verb.STRESSED, f"asked for a {in_words(run)}")


def in_words(run: StressRun) -> str:
    """As in "ladder of BTC-PERP: -10 %, +10 %"."""
    moves = ", ".join(map(move_words, run.moves_ppm))
    if run.kind == StressKind.RULES:
        return f"ladder of {run.market_id} under the rules of proposal {run.proposal_id}"
    if run.kind == StressKind.OUTAGE:
        return f"ladder of all markets, the price of {run.market_id} away: {moves}"
    return f"{run.kind} of {run.market_id or 'all markets'}: {moves}"


def move_words(move_ppm: int) -> str:
    if not move_ppm:
        return "no move"
    return f"{'+' if move_ppm > 0 else ''}{percent(move_ppm)}"


def _check(asked: NewStressRun) -> None:
    if not asked.moves_ppm or len(asked.moves_ppm) > MOVES_MAX:
        raise invalid("moves", f"Give between 1 and {MOVES_MAX} moves.")
    for move_ppm in asked.moves_ppm:
        if not -PPM < move_ppm <= HIGHEST_MOVE_PPM or not move_ppm:
            message = "A move is above −100 % and at most +500 %, and not 0."
            raise invalid("moves", message)
    if asked.kind is not StressKind.PATH and len(set(asked.moves_ppm)) < len(asked.moves_ppm):
        raise invalid("moves", "The same move twice: in a path alone that makes a difference.")
    if asked.kind is StressKind.OUTAGE and asked.market is None:
        raise invalid("market", "Name the market whose price is away.")
