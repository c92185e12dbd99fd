from matching.messages.events import MarkPriceChanged

FIRST_TIME_MS = 1_760_000_000_000


def mark_price(mark_ticks: int, index_ticks: int) -> MarkPriceChanged:
    return MarkPriceChanged(
        mark_price_ticks=mark_ticks,
        index_price_ticks=index_ticks,
        index_ms=FIRST_TIME_MS,
        index_stale=False,
        premium_ppb=0,
        premium_sum_ppb=0,
        premium_count=1,
        next_funding_ms=FIRST_TIME_MS + 1,
    )
