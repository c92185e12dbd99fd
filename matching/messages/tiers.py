"""What a position must hold: initial and maintenance margin by tier, and the prices they imply.

Shared by the engine, which acts on it, and the API, which shows it, so that the rule exists once.

Theory of operation. With k money units per tick and lot, a position is signed lots Q, entry cost V
and margin M; n = k·|Q| and at mark price m its notional is N = n·m and its equity

    Eq = M + Q·k·m − V

Maintenance margin is a line per tier, joined so that it never jumps (Binance USDⓈ-M, "maintenance
amount"): MM(N) = N·r_b − a_b with a_0 = 0 and a_b = a_(b−1) + floor_b·(r_b − r_(b−1)). Rates rise
from tier to tier, so MM(N) is the largest of the lines at N, and a position is liquidatable,

    Eq < MM(N) + φ·N        (φ: the liquidation fee's rate)

exactly when Eq is below some line. Solved for m, each line gives a price, and the highest of them
(long) or lowest (short) is the liquidation price:

    long   m < (V − M − a)/(n·(1 − r − φ))         short   m > (|V| + M + a)/(n·(1 + r + φ))

The margin ratio tells how near that is: what the position must have, over what it has,

    (MM(N) + φ·N) / Eq

is above 1 exactly when the position is liquidatable, and 1 at the last price where it is not.

Money here is in units times a million where a rate went in, so that nothing is rounded before the
comparison; `a` is kept that way too.
"""

from matching.messages.commands import LeverageTier, MarketConfig
from matching.messages.holds import ceil_div
from matching.messages.limits import PPM

NEVER_TICKS = 0  # no liquidation price above zero


class TierTable:
    """The tiers of a market, with the constants of each line worked out once."""

    __slots__ = ("amounts_ppm", "fee_ppm", "k", "tiers")

    def __init__(self, config: MarketConfig | None) -> None:
        """None: of a market not configured yet, which no rule is asked of."""
        self.k = 0
        self.fee_ppm = 0
        self.tiers: tuple[LeverageTier, ...] = ()
        self.amounts_ppm: list[int] = []  # a_b, in units × PPM
        if config is None:
            return
        self.k = config.units_per_tick_lot
        self.fee_ppm = config.liquidation_fee_ppm
        self.tiers = config.tiers
        amount = previous_rate = 0
        for tier in config.tiers:
            amount += tier.floor_units * (tier.maintenance_ppm - previous_rate)
            previous_rate = tier.maintenance_ppm
            self.amounts_ppm.append(amount)

    def tier_of(self, notional_units: int) -> LeverageTier:
        """The tier a position of this notional is in."""
        found = self.tiers[0]
        for tier in self.tiers:
            if notional_units < tier.floor_units:
                break
            found = tier
        return found

    def maintenance_ppm(self, notional_units: int) -> int:
        """MM(N), in units × PPM."""
        return max(
            notional_units * tier.maintenance_ppm - amount
            for tier, amount in zip(self.tiers, self.amounts_ppm, strict=True)
        )

    def maintenance_units(self, notional_units: int) -> int:
        """MM(N), rounded up."""
        return ceil_div(self.maintenance_ppm(notional_units), PPM)

    def is_liquidatable(
        self, position_lots: int, entry_cost_units: int, margin_units: int, mark_ticks: int
    ) -> bool:
        """The inequality itself, exactly."""
        if not position_lots:
            return False
        equity = margin_units + self.k * position_lots * mark_ticks - entry_cost_units
        return equity * PPM < self.required_ppm(self.k * abs(position_lots) * mark_ticks)

    def required_ppm(self, notional_units: int) -> int:
        """MM(N) + φ·N, in units × PPM: with less equity the position is liquidatable."""
        return self.maintenance_ppm(notional_units) + self.fee_ppm * notional_units

    def liquidation_price_ticks(
        self, position_lots: int, entry_cost_units: int, margin_units: int
    ) -> int:
        """The price nearest to the market at which the position is liquidatable, NEVER_TICKS if
        there is none: for a long the highest whole tick below its liquidation price, for a short
        the lowest above. Agrees with `is_liquidatable` at every tick."""
        if position_lots > 0:
            prices = self._line_prices(position_lots, entry_cost_units - margin_units)
            return max(0, *prices) if prices else NEVER_TICKS
        prices = self._line_prices(position_lots, margin_units - entry_cost_units)
        return min(prices) if prices else NEVER_TICKS

    def _line_prices(self, position_lots: int, debt_units: int) -> list[int]:
        """Per line, the outermost liquidatable tick. ``debt_units``: V − M of a long, |V| + M of a
        short."""
        n = self.k * abs(position_lots)
        prices = []
        for tier, amount in zip(self.tiers, self.amounts_ppm, strict=True):
            rate = tier.maintenance_ppm + self.fee_ppm
            if position_lots > 0:
                # N·(1 − r − φ) < V − M − a
                factor = n * (PPM - rate)
                if factor > 0:
                    prices.append(ceil_div(debt_units * PPM - amount, factor) - 1)
            else:
                # N·(1 + r + φ) > |V| + M + a
                prices.append((debt_units * PPM + amount) // (n * (PPM + rate)) + 1)
        return prices

    def removable_margin_units(
        self,
        position_lots: int,
        entry_cost_units: int,
        margin_units: int,
        mark_ticks: int,
        leverage: int,
    ) -> int:
        """How much margin may be taken out; never negative. What stays, M', satisfies

            M' + min(0, UPnL) ≥ staying_margin_units

        An unrealised loss counts, a profit doesn't: it may be gone before the margin is missed
        (Binance USDⓈ-M and Bybit, "maximum removable margin")."""
        value = self.k * position_lots * mark_ticks
        loss = max(0, entry_cost_units - value)
        return max(0, margin_units - loss - self.staying_margin_units(abs(value), leverage))

    def staying_margin_units(self, notional_units: int, leverage: int) -> int:
        """Initial margin ⌈N/L⌉, of a position of this notional. L is the position's leverage, at
        most what its tier allows; 0: as much as that. Where a tier asks more for maintenance and
        the liquidation fee than for initial margin, it is that: what stays must not be
        liquidatable."""
        most = self.tier_of(notional_units).max_leverage
        initial = ceil_div(notional_units, min(leverage or most, most))
        return max(initial, ceil_div(self.required_ppm(notional_units), PPM))

    def bankruptcy_price_ticks(
        self, position_lots: int, entry_cost_units: int, margin_units: int
    ) -> int:
        """The worst whole tick at which closing everything, fee included, still pays out nothing
        negative: long ⌈(V − M)/(n(1 − φ))⌉, short ⌊(|V| + M)/(n(1 + φ))⌋; at least 1."""
        n = self.k * abs(position_lots)
        if position_lots > 0:
            debt = entry_cost_units - margin_units
            return max(1, ceil_div(debt * PPM, n * (PPM - self.fee_ppm)))
        debt = margin_units - entry_cost_units
        return max(1, debt * PPM // (n * (PPM + self.fee_ppm)))


def margin_ratio_ppm(required_ppm: int, equity_units: int) -> int | None:
    """What a position must have (units × PPM) over what it has, in millionths; None where it has
    nothing left. Rounded away from 1, so that it is above 1 exactly when the position is
    liquidatable, and 1 only where both are equal."""
    if equity_units <= 0:
        return None
    if required_ppm > equity_units * PPM:
        return ceil_div(required_ppm, equity_units)
    return required_ppm // equity_units


def tiers_are_sound(config: MarketConfig) -> bool:
    """Floors rise from 0, leverage falls, maintenance rises and stays below initial margin."""
    previous: LeverageTier | None = None
    for tier in config.tiers:
        if tier.maintenance_ppm * tier.max_leverage >= PPM:
            return False
        if previous is None:
            if tier.floor_units:
                return False
        elif (
            tier.floor_units <= previous.floor_units
            or tier.max_leverage > previous.max_leverage
            or tier.maintenance_ppm <= previous.maintenance_ppm
        ):
            return False
        previous = tier
    return config.tiers[-1].maintenance_ppm + config.liquidation_fee_ppm < PPM
