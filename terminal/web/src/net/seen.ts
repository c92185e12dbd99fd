/**
 * A trader's page as an operator sees it. Nothing leaves it but reads: of the market from where all read
 * it, of the trader's own from where the console answers, with the look that was opened.
 */

/** As the shell says it. */
export interface SeenTrader {
  userId: number;
  username: string;
  /** Why the API refuses them, in a word; "" where it doesn't. */
  refused: string;
  reads: string;
  look: string;
  back: string;
}

/** Everybody's; whatever else is asked for is somebody's own. */
const PUBLIC = /^\/v1\/(announcements|exchange|markets|tickers|time)(\/|\?|$)/;

/** Null on a page of one's own. */
export function seenTrader(said: DOMStringMap): SeenTrader | null {
  const { userId, username, refused, reads, look, back } = said;
  if (userId === undefined || username === undefined || refused === undefined) return null;
  if (reads === undefined || look === undefined || back === undefined) return null;
  return { userId: Number(userId), username, refused, reads, look, back };
}

/** Where a request goes, and with which headers. Raises for all that isn't a read. */
export function readOf(
  { reads, look }: SeenTrader,
  address: string,
  method: string | undefined,
): { address: string; headers: Record<string, string> } {
  if (method !== "GET") throw new Error("Nothing can be done here: this is another's page.");
  if (PUBLIC.test(address)) return { address, headers: {} };
  if (!address.startsWith("/v1/")) throw new Error(`${address} is not read here.`);
  return { address: reads + address, headers: { "X-Look": look } };
}
