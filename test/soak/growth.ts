/** A measure at a time. `at`: milliseconds. */
export interface Point {
  readonly at: number;
  readonly value: number;
}

/** What counts as growth of a measure. */
export interface GrowthRule {
  /** What is bad: that it rises, or that it falls. */
  readonly bad: "rise" | "fall";
  /** So much of the level after the warm-up it may change over the run: 0.1 is a tenth. */
  readonly tolerance: number;
  /** A change by less than this is none, however small the level. */
  readonly floor: number;
}

export interface Trend {
  /** The level after the warm-up. */
  readonly level: number;
  /** By how much it has changed since, as the slope says. */
  readonly change: number;
  /** From -1, it falls all the time, to 1, it rises all the time. */
  readonly steadiness: number;
  readonly isBad: boolean;
}

/** The first part of a run is not judged: what is loaded once, compiled, or filled up to its bound. */
const WARM_UP = 0.25;
/** Parts whose medians are looked at: what comes and goes within one, as the saw of a garbage collector, is not seen. */
const PARTS = 20;
const FEWEST = 8;
/** Kendall's tau: of 20 values in random order it is above this once in a thousand times. */
const STEADY = 0.5;

/** Judges how a measure has changed over a run. Undefined: there is too little to judge by. */
export function trendOf(points: readonly Point[], { bad, tolerance, floor }: GrowthRule): Trend | undefined {
  const parts = medians(points.slice(Math.ceil(points.length * WARM_UP)));
  if (parts.length < FEWEST) return undefined;
  const level = median(parts.slice(0, parts.length >> 2).map(({ value }) => value));
  const change = slopeOf(parts) * (parts.at(-1)!.at - parts[0]!.at);
  const steadiness = tauOf(parts);
  const sign = bad === "rise" ? 1 : -1;
  const isBad = sign * change > Math.max(floor, tolerance * level) && sign * steadiness > STEADY;
  return { level, change, steadiness, isBad };
}

function medians(points: readonly Point[]): Point[] {
  const size = points.length / Math.min(PARTS, points.length);
  return Array.from({ length: Math.min(PARTS, points.length) }, (_, i) => {
    const part = points.slice(Math.round(i * size), Math.round((i + 1) * size));
    return { at: median(part.map(({ at }) => at)), value: median(part.map(({ value }) => value)) };
  });
}

/** Theil and Sen's: the median of the slopes between any two. */
function slopeOf(points: readonly Point[]): number {
  return median(pairs(points).map(([a, b]) => (b.value - a.value) / (b.at - a.at)));
}

function tauOf(points: readonly Point[]): number {
  const signs = pairs(points).map(([a, b]) => Math.sign(b.value - a.value));
  return signs.reduce((sum, sign) => sum + sign, 0) / signs.length;
}

function pairs(points: readonly Point[]): (readonly [Point, Point])[] {
  return points.flatMap((a, i) => points.slice(i + 1).map((b) => [a, b] as const));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
