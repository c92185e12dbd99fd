"""What an operator posts to make a market."""

from django.http import QueryDict

from console.launch.draft import draft_of

SOL = {
    "id": "SOL-PERP",
    "base_asset": "SOL",
    "reference_price": "150",
    "liquidity": "liquid",
    "sources-TOTAL_FORMS": "4",
    "sources-INITIAL_FORMS": "0",
    "sources-0-kind": "synthetic",
    "tiers-TOTAL_FORMS": "6",
    "tiers-INITIAL_FORMS": "0",
}


def filled(**said: str) -> dict[str, str]:
    """As the page fills it in: what was said, and the suggestion for the rest."""
    typed = QueryDict(mutable=True)
    typed.update(SOL | said)
    suggested = draft_of(typed, fill="empty").suggested
    rows = suggested.pop("tiers", [])
    names = ("floor", "max_leverage", "maintenance_percent")
    tiers = {
        f"tiers-{at}-{name}": cell
        for at, row in enumerate(rows)
        for name, cell in zip(names, row, strict=True)
    }
    return suggested | tiers | SOL | said
