import type { Flight } from "../../examples/flights/flight.ts";
import type { RunEvent } from "../../examples/flights/run-log.ts";
import { openTerminal, type Terminal } from "../../examples/flights/terminal.ts";

export function flight(origin: string, delay: number): Flight {
  return { date: "2001/01/01 00:47", delay, distance: 100, origin, destination: "LAS" };
}

/** A terminal without colours, and what was written to it. */
export function captured(
  environment: Readonly<Record<string, string>> = {},
  output: { readonly isTTY?: boolean; readonly columns?: number } = {},
): { terminal: Terminal; written: string[] } {
  const written: string[] = [];
  return { terminal: openTerminal({ ...output, write: (text) => written.push(text) }, environment), written };
}

/** A job's start and end. */
export function ran(worker: string, key: string, place: string, start: number, end?: number): RunEvent[] {
  const [partition, offset] = place.split("/").map(Number) as [number, number];
  const what = { worker, key, partition, offset };
  const started: RunEvent = { ...what, event: "start", at: start };
  return end === undefined ? [started] : [started, { ...what, event: "end", at: end, changed: true }];
}
