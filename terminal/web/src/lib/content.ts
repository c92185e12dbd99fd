/** Signals that change where their content does. */

import { computed, type ReadonlySignal } from "@preact/signals";

/** What is made, of what JSON can say: whoever follows it is not woken by another that says the same. */
export function byContent<T>(make: () => T): ReadonlySignal<T> {
  const text = computed(() => JSON.stringify(make()));
  return computed(() => JSON.parse(text.value) as T);
}
