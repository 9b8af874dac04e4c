import { createHash } from "node:crypto";
import type { Flight } from "./flight.ts";

/** What is known of an airport after its flights so far. Every figure depends on their order. */
export interface Airport {
  readonly flights: number;
  /** How late its flights have been of late, in minutes: each new flight weighs a fifth, all before it the rest. */
  readonly recentDelay: number;
  /** Flights in a row, up to the last one, that were more than 15 minutes late. */
  readonly lateInARow: number;
  readonly longestLateRow: number;
  /** A hash over all flights in their order: equal histories only have equal hashes. */
  readonly history: string;
}

export const NEW_AIRPORT: Airport = { flights: 0, recentDelay: 0, lateInARow: 0, longestLateRow: 0, history: "" };

const WEIGHT = 0.2;
const LATE = 15;

/** The airport after one more flight. */
export function afterFlight(airport: Airport, flight: Flight): Airport {
  const lateInARow = flight.delay > LATE ? airport.lateInARow + 1 : 0;
  return {
    flights: airport.flights + 1,
    recentDelay: airport.recentDelay + WEIGHT * (flight.delay - airport.recentDelay),
    lateInARow,
    longestLateRow: Math.max(airport.longestLateRow, lateInARow),
    history: hash(`${airport.history} ${JSON.stringify(flight)}`),
  };
}

/** What a plain loop makes of the flights: no queue, no workers, no kill. It is what the jobs have to come to. */
export function airportsOf(flights: Iterable<Flight>): Map<string, Airport> {
  const airports = new Map<string, Airport>();
  for (const flight of flights) {
    airports.set(flight.origin, afterFlight(airports.get(flight.origin) ?? NEW_AIRPORT, flight));
  }
  return airports;
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
