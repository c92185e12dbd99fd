import { effect, signal } from "@preact/signals";
import { expect, test } from "vitest";
import { byContent } from "../src/lib/content.ts";

test("what is made anew and says the same wakes nobody", () => {
  const mark = signal(50_000);
  const least = byContent(() =>
    mark.value > 0 ? { qty: Math.ceil(100_000 / mark.value), leverage: null } : null,
  );
  const seen: unknown[] = [];
  const stop = effect(() => void seen.push(least.value));
  mark.value = 50_010;
  mark.value = 50_020;
  mark.value = 40_000;
  mark.value = 0;
  stop();
  expect(seen).toEqual([{ qty: 2, leverage: null }, { qty: 3, leverage: null }, null]);
});

test("until then it is one and the same", () => {
  const mark = signal(1);
  const sign = byContent(() => ({ isUp: mark.value > 0 }));
  const first = sign.value;
  mark.value = 2;
  expect(sign.value).toBe(first);
});
