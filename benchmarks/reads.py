"""What it costs to look: every page of the admin and every read of the API on a long history.

Each request goes through Django's test client in this process, so a figure is the time of one
request with its SQL, its template and its JSON, on one idle connection, without a socket. The
median of a request is taken over rounds; of a group of requests the slowest median counts.
"""

import statistics
import time

from benchmarks.report import Row, at_most, main
from benchmarks.servers import start_servers

CEILING_MS = 100.0


def run(short: bool) -> list[Row]:
    start_servers()
    from django.conf import settings
    from django.core.management import call_command

    from benchmarks.history import Size, make_history
    from benchmarks.pages import Page, Visitor, all_pages

    settings.ALLOWED_HOSTS.append("testserver")
    call_command("migrate", verbosity=0)
    size = Size(100_000, 20_000) if short else Size(1_000_000, 100_000)
    make_history(size)
    visitor = Visitor()
    pages = list(all_pages(visitor))
    times: dict[Page, list[float]] = {page: [] for page in pages}
    for _ in range(3 if short else 7):
        for page in pages:
            started = time.perf_counter()
            visitor.get(page)
            times[page].append(1_000 * (time.perf_counter() - started))
    medians = {page: statistics.median(of_page) for page, of_page in times.items()}
    rows = []
    for group in dict.fromkeys(page.group for page in pages):
        of_group = {page: median for page, median in medians.items() if page.group == group}
        slowest = max(of_group, key=lambda page: of_group[page])
        middle = statistics.median(of_group.values())
        figure = f"{group}: median of {len(of_group)}, {size.orders:,} orders"
        rows.append(Row("reads", figure, middle, "ms"))
        figure = f"{group}: slowest, {slowest.path}"
        rows.append(at_most("reads", figure, of_group[slowest], "ms", CEILING_MS))
    return rows


if __name__ == "__main__":
    main(run, "reads")
