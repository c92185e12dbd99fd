/** What the shell says of the site. */

import { seenTrader } from "../net/seen.ts";

export const root = document.getElementById("terminal") as HTMLElement;
/** By which money comes and goes. */
export const networks = (root.dataset["networks"] ?? "").split(",").filter((name) => name !== "");
export const isDemo = root.dataset["demo"] === "1";
/** Whose page an operator looks at; null on a page of one's own. */
export const seen = seenTrader(root.dataset);
