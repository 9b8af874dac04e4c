import { existsSync, readFileSync } from "node:fs";

/** One flight within the United States. */
export interface Flight {
  /** When it should have left, local time: "2001/01/01 00:47". */
  readonly date: string;
  /** How late it arrived, in minutes. Negative: early. */
  readonly delay: number;
  /** In miles. */
  readonly distance: number;
  /** The airport that it left, by its three letters. */
  readonly origin: string;
  readonly destination: string;
}

const FILE = new URL("../../node_modules/vega-datasets/data/flights-10k.json", import.meta.url);

/**
 * The first `count` of 10,000 flights of early 2001 from 201 airports, in the order of their dates.
 *
 * Source: on-time performance data of the U.S. Bureau of Transportation Statistics (https://www.transtats.bts.gov),
 * which airlines report under 14 CFR Part 234: a work of the U.S. government, for which no licence terms are stated.
 * It comes with the npm package vega-datasets (BSD-3-Clause), as `flights-10k.json`.
 */
export function readFlights(count: number): Flight[] {
  if (!existsSync(FILE)) throw new Error("the data set is missing: run `npm install` first (it brings vega-datasets)");
  const flights: Flight[] = JSON.parse(readFileSync(FILE, "utf8"));
  return flights.slice(0, count);
}
