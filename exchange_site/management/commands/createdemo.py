"""Create the demo's markets, and its float at custody."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from custody.demo.opening import open_float
from markets.models import Market
from matching.messages.vocabulary import MarketState
from prices.demo_markets import DEMO_MARKETS, DemoMarket
from prices.models import PriceSource
from prices.services import save_price_source
from trading import services


class Command(BaseCommand):
    help = (
        "Creates and opens the demo markets that do not exist yet; others stay as they are, except "
        "that one without any price source gets its synthetic one."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for demo in DEMO_MARKETS:
            created = self._create(demo)
            self.stdout.write(f"{demo.market_id}: {'created' if created else 'exists'}")
        open_float()

    def _create(self, demo: DemoMarket) -> bool:
        # One transaction: a market is never left behind created but closed.
        with transaction.atomic():
            created = not Market.objects.filter(pk=demo.market_id).exists()
            if created:
                market = demo.build()
                why = services.Why("a market of the demo")
                services.configure_market(market, by=None, tiers=demo.tiers(), why=why)
                services.set_market_state(market, MarketState.ACTIVE, by=None)
            if not PriceSource.objects.filter(market_id=demo.market_id).exists():
                save_price_source(demo.price_source())
        return created
