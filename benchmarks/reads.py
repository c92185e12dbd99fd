"""What it costs to look: every page of the admin and every read of the API on a long history.

Each request goes through Django's test client in this process, so a figure is the time of one
request with its SQL, its template and its JSON, on one idle connection, without a socket. The
median of a request is taken over rounds; of a group of requests the slowest median counts, beside a
request that asks next to nothing.
"""

import statistics
import time
from typing import TYPE_CHECKING

from benchmarks.report import Row, compared, main
from benchmarks.servers import start_servers

if TYPE_CHECKING:
    from benchmarks.pages import Page, Visitor

# The cheapest request of a kind: how many times its time the slowest may take.
REFERENCES = {"admin": "/admin/password_change/", "API": "/markets"}
FLOORS = {"admin": 1 / 15, "API": 1 / 40}
# As long as what they tell of: the trader's hour, the trader's live orders.
WITHOUT_FLOOR = ("API, statement", "API, snapshot")


def run(short: bool) -> list[Row]:
    start_servers()
    from django.conf import settings
    from django.core.management import call_command

    from benchmarks.history import Size, make_history
    from benchmarks.pages import Page, Visitor, all_pages, sums

    settings.ALLOWED_HOSTS.append("testserver")
    call_command("migrate", verbosity=0)
    size = Size(100_000, 20_000) if short else Size(1_000_000, 100_000)
    make_history(size)
    visitor = Visitor()
    pages = [*all_pages(visitor), *sums()]
    references = {kind: Page("reference", path) for kind, path in REFERENCES.items()}
    times: dict[Page, list[float]] = {page: [] for page in [*pages, *references.values()]}
    for _ in range(5 if short else 7):
        beside: dict[Page, list[float]] = {page: [] for page in references.values()}
        for number, page in enumerate(pages):
            times[page].append(_ms(visitor, page))
            if number % 10 == 0:  # throughout the round
                for reference, found in beside.items():
                    found.append(_ms(visitor, reference))
        for reference, found in beside.items():
            times[reference].append(statistics.median(found))
    medians = {page: statistics.median(of_page) for page, of_page in times.items()}
    rows = []
    for group in dict.fromkeys(page.group for page in pages):
        of_group = {page: median for page, median in medians.items() if page.group == group}
        slowest = max(of_group, key=lambda page: of_group[page])
        middle = statistics.median(of_group.values())
        figure = f"{group}: median of {len(of_group)}, {size.orders:,} orders"
        rows.append(Row("reads", figure, middle, "ms"))
        figure = f"{group}: slowest, {slowest.path}"
        kind = group.partition(" ")[0].strip(",")
        beside_ms = times[references[kind]]
        floor = None if group in WITHOUT_FLOOR else FLOORS[kind]
        rows.append(compared("reads", figure, times[slowest], "ms", beside_ms, floor))
    return rows


def _ms(visitor: "Visitor", page: "Page") -> float:
    started = time.perf_counter()
    visitor.get(page)
    return 1_000 * (time.perf_counter() - started)


if __name__ == "__main__":
    main(run, "reads")
