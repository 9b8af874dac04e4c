import { ticks } from "../../plot/scale.ts";
import { short } from "./format.ts";

export interface Axis {
  /** Of a value, between 0 and 1. */
  at(value: number): number;
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
}

/** From 0 to a round number that is at least the greatest. */
export function linearAxis(values: readonly number[]): Axis {
  const marks = ticks(Math.max(0, ...values), 5);
  const most = marks.at(-1)!;
  return { at: (value) => value / most, ticks: marks.map((mark) => ({ at: mark / most, text: short(mark) })) };
}

/** From one power of ten to another. */
export function logAxis(values: readonly number[]): Axis {
  const positive = values.filter((value) => value > 0);
  const least = Math.floor(Math.log10(Math.min(...positive, 1e9)) + 1e-9);
  const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...positive, 1)) - 1e-9));
  const at = (value: number): number => Math.max(0, (Math.log10(value) - least) / (most - least));
  const powers = Array.from({ length: most - least + 1 }, (_, i) => 10 ** (least + i));
  return { at, ticks: powers.map((power) => ({ at: at(power), text: short(power) })) };
}

/** Marked at the sizes that were measured, which are few. Where they span decades, 0 has the place before the first. */
export function sizeAxis(sizes: readonly number[], isLog: boolean): Axis {
  const sorted = [...sizes].sort((a, b) => a - b);
  const place = isLog ? logPlaces(sorted) : (size: number): number => size;
  const [first, last] = [place(sorted[0] ?? 0), place(sorted.at(-1) ?? 1)];
  // A little room at both ends: there are texts below.
  const at = (size: number): number => (first === last ? 0.5 : 0.05 + (0.9 * (place(size) - first)) / (last - first));
  return { at, ticks: sorted.map((size) => ({ at: at(size), text: short(size) })) };
}

function logPlaces(sorted: readonly number[]): (size: number) => number {
  const positive = sorted.filter((size) => size > 0);
  const [first = 1, second = first * 10] = positive;
  const zero = Math.log(first) - Math.max(0.5, Math.log(second) - Math.log(first));
  return (size) => (size > 0 ? Math.log(size) : zero);
}
