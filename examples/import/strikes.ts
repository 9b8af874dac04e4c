import { existsSync, readFileSync } from "node:fs";

/** A bird, or another animal, that an aircraft has struck. */
export interface Strike {
  /** "1990-01-08" */
  readonly date: string;
  readonly airport: string;
  readonly species: string;
  /** What it cost, in US dollars. */
  readonly cost: number;
}

const FILE = new URL("../../node_modules/vega-datasets/data/birdstrikes.csv", import.meta.url);
const COLUMNS = ["Flight Date", "Airport Name", "Wildlife Species", "Cost Total $", "Aircraft Airline Operator"];

/**
 * 10,000 strikes of 1990 to 2002, in the order of their dates, by who flew: "AMERICAN AIRLINES".
 *
 * Source: the Wildlife Strike Database of the U.S. Federal Aviation Administration (https://wildlife.faa.gov): a work of
 * the U.S. government. It comes with the npm package vega-datasets (BSD-3-Clause), as `birdstrikes.csv`.
 */
export function readStrikes(): Map<string, Strike[]> {
  if (!existsSync(FILE)) throw new Error("the data set is missing: run `npm install` first (it brings vega-datasets)");
  const [titles = "", ...lines] = readFileSync(FILE, "utf8").trimEnd().split("\n");
  const columns = COLUMNS.map((title) => titles.trimEnd().split(",").indexOf(title));
  const strikes = new Map<string, Strike[]>();
  for (const line of lines) {
    const cells = line.trimEnd().split(",");
    const [date, airport, species, cost, operator] = columns.map((column) => cells[column] ?? "");
    const of = strikes.get(operator!) ?? [];
    strikes.set(operator!, of);
    of.push({ date: date!, airport: airport!, species: species!, cost: Number(cost) });
  }
  for (const of of strikes.values()) of.sort((a, b) => (a.date < b.date ? -1 : a.date > b.date ? 1 : 0));
  return strikes;
}
