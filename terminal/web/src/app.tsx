/** The page: chart, book, ticket, and what the trader has; on a phone one of them at a time. */

import { signal } from "@preact/signals";
import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Tabs } from "./lib/fields.tsx";
import { belowHeight, bookWidth, ticketWidth } from "./lib/prefs.ts";
import { Handle } from "./lib/handle.tsx";
import { Below } from "./parts/below/below.tsx";
import { Book } from "./parts/book.tsx";
import { Depth } from "./parts/depth.tsx";
import { Dialogs } from "./parts/dialogs/dialogs.tsx";
import { Header } from "./parts/header.tsx";
import { Banner, Toasts } from "./parts/notices.tsx";
import { SeenBand } from "./parts/seen-band.tsx";
import { Ticket } from "./parts/ticket.tsx";
import { Trades } from "./parts/trades.tsx";
import { Worth } from "./parts/worth.tsx";
import { PHONE_PAGES, phonePage } from "./state/dialogs.ts";
import { seen } from "./state/site.ts";
import { market } from "./state/markets.ts";

const bookTab = signal<"book" | "trades" | "depth">("book");
const BOOK_TABS = [
  ["book", "Order book"],
  ["trades", "Trades"],
  ["depth", "Depth"],
] as const;
const WORDS = {
  ...{ chart: "Chart", book: "Book", positions: "Positions" },
  trade: seen ? "Account" : "Trade",
} as const;

export function App() {
  return (
    <div
      class="terminal"
      data-page={phonePage.value}
      style={{ "--book": `${bookWidth.value}px`, "--ticket": `${ticketWidth.value}px` }}
    >
      <a class="skip" href="#ticket">
        {seen ? "To the account" : "To the order ticket"}
      </a>
      <div class="top">
        {seen && <SeenBand trader={seen} />}
        <Header />
      </div>
      <Banner />
      <main class="panes">
        <section class="pane pane-chart" aria-label="Chart">
          <LazyChart />
        </section>
        <section class="pane pane-book" aria-label="Order book and trades">
          <Handle label="Width of the order book" size={bookWidth} edge="left" least={220} share={0.4} />
          <Tabs
            label="Book, trades or depth"
            tabs={BOOK_TABS}
            chosen={bookTab.value}
            choose={(tab) => (bookTab.value = tab)}
            kind="line"
          />
          {bookTab.value === "book" && <Book />}
          {bookTab.value === "trades" && <Trades />}
          {bookTab.value === "depth" && <Depth />}
        </section>
        <section class="pane pane-wide-trades" aria-label="Latest trades">
          <h2 class="pane-title">Trades</h2>
          <Trades />
        </section>
        <section class="pane pane-ticket" id="ticket" aria-label={seen ? "Balances" : "Order ticket"}>
          <Handle label="Width of the ticket" size={ticketWidth} edge="left" least={260} share={0.4} />
          {seen ? (
            <div class="ticket">
              <Worth quote={market.value?.quoteAsset ?? ""} />
            </div>
          ) : (
            <Ticket />
          )}
        </section>
        <section
          class="pane pane-below"
          aria-label="Your positions and orders"
          style={{ height: `${belowHeight.value}px` }}
        >
          <Handle label="Height of the tables" size={belowHeight} edge="top" least={120} share={0.7} />
          <Below />
        </section>
      </main>
      <nav class="phone-pages" aria-label="Parts of the page">
        {PHONE_PAGES.map((page) => (
          <button
            key={page}
            type="button"
            aria-current={page === phonePage.value ? "page" : undefined}
            onClick={() => (phonePage.value = page)}
          >
            {WORDS[page]}
          </button>
        ))}
      </nav>
      <Dialogs />
      <Toasts />
    </div>
  );
}

/** The drawing library comes after the first paint. */
function LazyChart() {
  const [Chart, setChart] = useState<FunctionComponent | null>(null);
  useEffect(() => {
    void import("./parts/chart/chart.tsx").then((module) => setChart(() => module.default));
  }, []);
  return Chart ? <Chart /> : <div class="loading">Loading the chart…</div>;
}
