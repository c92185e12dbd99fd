/**
 * Dangerous steps ask whoever has a second factor for one that was shown just now. It is asked for where
 * the exchange asks, and the step is taken again.
 */

import { signal } from "@preact/signals";
import { ApiError } from "exchange-client";

export interface FactorWanted {
  kinds: string[];
  shown: (isShown: boolean) => void;
}

export const factorWanted = signal<FactorWanted | null>(null);

export async function withFactor<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const kinds = kindsOf(error);
    if (kinds.length === 0) throw error;
    const isShown = await new Promise<boolean>((shown) => (factorWanted.value = { kinds, shown }));
    factorWanted.value = null;
    if (!isShown) throw error;
    return act();
  }
}

/** None where it can't be shown: what is wrong then is for the trader to read. */
function kindsOf(error: unknown): string[] {
  if (!(error instanceof ApiError) || error.code !== "SECOND_FACTOR_REQUIRED") return [];
  return (error.body["kinds"] as string[] | undefined) ?? [];
}
