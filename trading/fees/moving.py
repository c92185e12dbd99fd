"""Families move between fee tiers by what they traded in 30 days."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.families.services import members
from accounts.models import User
from trading.fees.days import DaySums, IsKnown, end_run, is_done, locked_run, sums_by_family
from trading.fees.models import RunKind, TierMove
from trading.models import FeeTier, UserFeeTier

DAYS = 30


def move_if_due(is_known: IsKnown) -> int:
    """Today's moves, where nobody made them yet and the day before is known; how many families
    moved. A day that was missed needs none of its own: today's volume says where a family
    belongs."""
    today = datetime.now(UTC).date()
    if is_done(RunKind.TIERS, today) or not is_known(today - timedelta(days=1)):
        return 0
    return move_tiers(today)


@transaction.atomic
def move_tiers(day: date) -> int:
    """By the volume of the 30 days before the day. All of it or nothing, and once."""
    run = locked_run(RunKind.TIERS, day)
    if run is None:
        return 0
    tiers = list(FeeTier.objects.exclude(from_volume_units=None).order_by("from_volume_units"))
    volumes = sums_by_family(day - timedelta(days=DAYS), day - timedelta(days=1))
    due = sorted(_may_move(tiers, volumes))
    count = sum(_move(main_id, tiers, volumes.get(main_id), day) for main_id in due)
    end_run(run, count)
    return count


def _may_move(tiers: Sequence[FeeTier], volumes: Mapping[int, DaySums]) -> Iterator[int]:
    """Families that are elsewhere than their volume says. Most stay where they are: so these alone
    are locked, and looked at again. Who is in a tier by volume and traded nothing since leaves it,
    too."""
    placed = {
        user_id: (tier_id, by_volume)
        for user_id, tier_id, by_volume in UserFeeTier.objects.filter(
            user__parent=None
        ).values_list("user_id", "tier_id", "by_volume")
    }
    for main_id in volumes.keys() | placed.keys():
        now_in, by_volume = placed.get(main_id, (None, True))
        traded = volumes.get(main_id)
        reached = tier_for(traded.volume_units if traded else 0, tiers)
        if by_volume and now_in != (reached.pk if reached else None):
            yield main_id


def tier_for(volume_units: int, tiers: Sequence[FeeTier]) -> FeeTier | None:
    """Of tiers in the order of their volumes."""
    reached = [tier for tier in tiers if (tier.from_volume_units or 0) <= volume_units]
    return reached[-1] if reached else None


def _move(main_id: int, tiers: Sequence[FeeTier], traded: DaySums | None, day: date) -> bool:
    """Whoever puts the family into a tier by hand meanwhile waits for its row, or we for them."""
    User.objects.select_for_update(no_key=True, of=("self",)).get(pk=main_id)
    volume_units = traded.volume_units if traded else 0
    now_in = UserFeeTier.objects.select_related("tier").filter(user_id=main_id).first()
    if now_in is not None and not now_in.by_volume:
        return False
    before = now_in.tier if now_in else None
    after = tier_for(volume_units, tiers)
    if before == after:
        return False
    put_family_into(main_id, after, by_volume=True)
    TierMove.objects.create(
        user_id=main_id,
        day=day,
        from_tier=before.name if before else "",
        to_tier=after.name if after else "",
        volume_units=volume_units,
        moved_at=timezone.now(),
    )
    return True


def put_family_into(
    main_id: int, tier: FeeTier | None, *, by_volume: bool, by: User | None = None
) -> None:
    """All of its accounts; with the main account's row locked."""
    accounts = list(members(main_id).values_list("pk", flat=True))
    if tier is None:
        UserFeeTier.objects.filter(user__in=accounts).delete()
        return
    for account_id in accounts:
        UserFeeTier.objects.update_or_create(
            user_id=account_id, defaults={"tier": tier, "assigned_by": by, "by_volume": by_volume}
        )
