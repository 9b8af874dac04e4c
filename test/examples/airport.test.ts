import assert from "node:assert/strict";
import { test } from "node:test";
import { afterFlight, airportsOf, NEW_AIRPORT } from "../../examples/flights/airport.ts";
import { readFlights } from "../../examples/flights/flight.ts";
import { flight } from "./flights.ts";

test("airport follows its flights' delays", () => {
  const airport = [10, 20, 30, 5].reduce((before, delay) => afterFlight(before, flight("DTW", delay)), NEW_AIRPORT);
  assert.equal(airport.flights, 4);
  assert.equal(airport.lateInARow, 0);
  assert.equal(airport.longestLateRow, 2);
  // 10 → 2; 20 → 5.6; 30 → 10.48; 5 → 9.384
  assert.ok(Math.abs(airport.recentDelay - 9.384) < 1e-9, String(airport.recentDelay));
});

test("airport depends on the order of its flights, and on every one of them", () => {
  const historyOf = (...delays: number[]): string =>
    airportsOf(delays.map((delay) => flight("DTW", delay))).get("DTW")!.history;
  assert.equal(historyOf(1, 2, 3), historyOf(1, 2, 3));
  for (const other of [historyOf(2, 1, 3), historyOf(1, 3), historyOf(1, 2, 2, 3)]) {
    assert.notEqual(other, historyOf(1, 2, 3));
  }
});

test("plain loop keeps airports apart", () => {
  const airports = airportsOf([flight("DTW", 30), flight("HNL", 0), flight("DTW", 31)]);
  assert.deepEqual([...airports.keys()], ["DTW", "HNL"]);
  assert.deepEqual(airports.get("HNL"), afterFlight(NEW_AIRPORT, flight("HNL", 0)));
  assert.equal(airports.get("DTW")!.lateInARow, 2);
});

test("data set has 10,000 flights of 201 airports in the order of their dates", () => {
  const flights = readFlights(10_000);
  assert.equal(flights.length, 10_000);
  assert.equal(new Set(flights.map(({ origin }) => origin)).size, 201);
  assert.ok(flights.every(({ date }, i) => i === 0 || date >= flights[i - 1]!.date));
  assert.ok(flights.every(({ origin }) => /^[A-Z0-9]{3}$/.test(origin)));
});
