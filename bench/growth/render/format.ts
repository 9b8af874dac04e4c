import type { Spread } from "../figures.ts";

/** What several rounds found, as tables have it: the median, with the least and the most where they differ. */
export function spreadText({ median, least, most }: Spread): string {
  return least === most ? figure(median) : `${figure(median)} (${figure(least)}–${figure(most)})`;
}

/** A number as tables have it: three digits, or all before the point. */
export function figure(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

/** A number as axes have it: 10k, 1M. */
export function short(value: number): string {
  const units = [
    [1e9, "G"],
    [1e6, "M"],
    [1e3, "k"],
  ] as const;
  const [by, unit] = units.find(([each]) => Math.abs(value) >= each) ?? [1, ""];
  return `${Number((value / by).toPrecision(3))}${unit}`;
}
