import { expect, test } from "vitest";
import { average, bollinger, relativeStrength, vwap, type Bar } from "../src/parts/chart/indicators.ts";

function bars(...closes: number[]): Bar[] {
  return closes.map((close, index) => ({
    ...{ time: 86_400 + index * 60, open: close, high: close, low: close, close, volume: 1 },
  }));
}

test("an average is of the bars before, and of no fewer", () => {
  expect(average(bars(1, 2, 3, 4), 3)).toEqual([null, null, 2, 3]);
});

test("bands are as wide as prices scatter", () => {
  const [upper, lower] = bollinger(bars(1, 3, 1, 3), 2, 2);
  expect([upper[0], upper[1], lower[1]]).toEqual([null, 4, 0]);
});

test("strength is 100 where all went up, 0 where all went down, 50 where nothing moved", () => {
  const last = (...closes: number[]) => relativeStrength(bars(...closes), 3).at(-1);
  expect([last(1, 2, 3, 4, 5), last(5, 4, 3, 2, 1), last(2, 2, 2, 2, 2)]).toEqual([100, 0, 50]);
  expect(relativeStrength(bars(1, 2, 3), 3)).toEqual([null, null, null]);
});

test("the volume's own average begins anew each day", () => {
  const [today, tomorrow] = [bars(10, 20), bars(40)];
  tomorrow.forEach((bar) => (bar.time += 86_400));
  expect(vwap([...today, ...tomorrow])).toEqual([10, 15, 40]);
});
