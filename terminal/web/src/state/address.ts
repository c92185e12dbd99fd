/**
 * What an address brought along: a code of whoever brought the trader, or a token of a mail. It is read
 * once and taken out of the address, so that no history keeps it.
 */

import { show, type Open } from "./dialogs.ts";

const found = new URL(location.href);

/** Of whoever's link this is; "" where it is nobody's. */
export const referralCode = found.searchParams.get("ref") ?? "";

const MAILED: Record<string, "new-password" | "verify-mail"> = {
  "/reset-password": "new-password",
  "/verify-mail": "verify-mail",
};

export function beginAddress(): void {
  const kind = MAILED[found.pathname];
  if (kind === undefined) return;
  const token = new URLSearchParams(found.hash.slice(1)).get("token") ?? "";
  history.replaceState(null, "", "/");
  const dialog: Open = { kind, token };
  show(dialog);
}

export function linkOf(code: string): string {
  return `${location.origin}/?ref=${encodeURIComponent(code)}`;
}
