"""How long the trading page takes until it can be used, in a browser that has nothing of it yet and
in one that has all of it but what is asked anew.

Until it can be used: from the request until the ticket's size can be typed into, as the page itself
sees it, so no time of ours is in it. What the same machine takes just now to answer the same
requests, all at once and with nothing drawn, is the floor beside it, taken in turn: a machine that
is busy is slow at both.
"""

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.report import Row, at_most

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

STAGE = "page"
LOADS = 9
USABLE = "#ticket input[name=size]"
# Of what asking alone takes, round by round. Medians of 2.4 to 10.8 were seen, the latter where the
# browser had to wait for a core and the server had not.
BESIDE_FLOOR_MAX = 15.0

# Before any script of the page: when what is typed into is there.
WATCH = f"""
new MutationObserver((_, self) => {{
  if (!document.querySelector("{USABLE}")) return;
  window.usableMs = performance.now();
  self.disconnect();
}}).observe(document, {{ childList: true, subtree: true }});
"""

# What the first view asks for, by name; its own entry has no name of its own.
ASKED = """() => performance.getEntriesByType("resource")
  .filter(({ responseEnd }) => responseEnd <= window.usableMs)
  .map(({ name }) => name)"""
ASK_ALONE = """async (names) => {
  const began = performance.now();
  await Promise.all(names.map(async (name) => (await fetch(name, { cache: "reload" })).text()));
  return performance.now() - began;
}"""
PARTS = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const asked = performance.getEntriesByType("resource");
  const scripts = asked.filter(({ name }) => name.endsWith(".js"));
  return {
    answered: page.responseEnd,
    script: Math.min(...scripts.map(({ responseEnd }) => responseEnd)),
    painted: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
  };
}"""


@dataclass
class Loads:
    uncached_ms: list[float] = field(default_factory=list)
    cached_ms: list[float] = field(default_factory=list)
    floor_ms: list[float] = field(default_factory=list)
    parts: list[dict[str, float]] = field(default_factory=list)


def measure(browser: "Browser", site: str, path: str) -> Loads:
    """A few before those that count: the server's processes have answered nothing yet."""
    loads = Loads()
    for count in range(-2, LOADS):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto(site + path, wait_until="commit")
        uncached = _usable_ms(page)
        parts = page.evaluate(PARTS)
        names = page.evaluate(ASKED)
        page.reload(wait_until="commit")
        cached = _usable_ms(page)
        floor = _alone_ms(context, site, [site + path, *names])
        context.close()
        if count >= 0:
            loads.uncached_ms.append(uncached)
            loads.cached_ms.append(cached)
            loads.floor_ms.append(floor)
            loads.parts.append(parts)
    return loads


def _usable_ms(page: "Page") -> float:
    page.locator(USABLE).wait_for()
    return float(page.evaluate("window.usableMs"))


def _alone_ms(context: "BrowserContext", site: str, names: list[str]) -> float:
    """From a page of the same site on which nothing happens."""
    page: Any = context.new_page()
    page.goto(f"{site}/health")
    asked = page.evaluate(ASK_ALONE, names)
    page.close()
    return float(asked)


def rows_of(loads: Loads) -> list[Row]:
    uncached, cached, floor = (
        statistics.median(times) for times in (loads.uncached_ms, loads.cached_ms, loads.floor_ms)
    )
    parts = [
        Row(
            STAGE, f"of it until {words}", statistics.median(one[name] for one in loads.parts), "ms"
        )
        for name, words in (
            ("answered", "the shell is there"),
            ("script", "its script is there"),
            ("painted", "something is seen"),
        )
    ]
    ratios = [use / alone for use, alone in zip(loads.uncached_ms, loads.floor_ms, strict=True)]
    return [
        Row(STAGE, "until it can be used, nothing cached", uncached, "ms"),
        *parts,
        Row(STAGE, "until it can be used, cached", cached, "ms"),
        Row(STAGE, "its requests alone, nothing drawn", floor, "ms"),
        at_most(
            STAGE,
            "until it can be used beside its requests alone",
            statistics.median(ratios),
            "",
            BESIDE_FLOOR_MAX,
        ),
    ]
