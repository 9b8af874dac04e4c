import { readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Airport, NEW_AIRPORT } from "./airport.ts";

/** An airport's state: its figures, and which job changed them last. */
export interface AirportState {
  readonly value: Airport;
  /** Jobs up to this offset are in `value`. Jobs of one key share a partition, so their offsets only grow. */
  readonly lastOffset: number;
}

const NOTHING_YET: AirportState = { value: NEW_AIRPORT, lastOffset: -1 };

/** The state of one airport: one file, `DTW.json`. */
export async function readState(directory: string, airport: string): Promise<AirportState> {
  try {
    return JSON.parse(await readFile(join(directory, `${airport}.json`), "utf8"));
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return NOTHING_YET;
    throw error;
  }
}

/** Replaces the state as a whole: value and offset change together, or, when the process is killed, not at all. */
export async function writeState(directory: string, airport: string, state: AirportState): Promise<void> {
  const file = join(directory, `${airport}.json`);
  await writeFile(`${file}.tmp`, JSON.stringify(state));
  await rename(`${file}.tmp`, file);
}

/** Every airport's value. */
export async function readAirports(directory: string): Promise<Map<string, Airport>> {
  const names = (await readdir(directory))
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length));
  const states = await Promise.all(names.map((name) => readState(directory, name)));
  return new Map(names.map((name, i) => [name, states[i]!.value]));
}
