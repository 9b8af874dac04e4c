import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { afterFlight, NEW_AIRPORT } from "../../examples/flights/airport.ts";
import { readAirports, readState, writeState } from "../../examples/flights/state-file.ts";
import { flight } from "./flights.ts";

test("state is kept, replaced and listed", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "ottla-state-"));
  t.after(() => rm(directory, { recursive: true }));
  assert.deepEqual(await readState(directory, "DTW"), { value: NEW_AIRPORT, lastOffset: -1 });
  const first = afterFlight(NEW_AIRPORT, flight("DTW", 7.25));
  await writeState(directory, "DTW", { value: first, lastOffset: 3 });
  const second = afterFlight(first, flight("DTW", -3));
  await writeState(directory, "DTW", { value: second, lastOffset: 9 });
  assert.deepEqual(await readState(directory, "DTW"), { value: second, lastOffset: 9 });
  assert.deepEqual(await readdir(directory), ["DTW.json"]);
  assert.deepEqual(await readAirports(directory), new Map([["DTW", second]]));
});

test("state survives a kill in the middle of a write", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "ottla-state-"));
  t.after(() => rm(directory, { recursive: true }));
  const state = { value: afterFlight(NEW_AIRPORT, flight("DTW", 1)), lastOffset: 3 };
  await writeState(directory, "DTW", state);
  await writeFile(join(directory, "DTW.json.tmp"), '{"value":{"fli');
  assert.deepEqual(await readState(directory, "DTW"), state);
  assert.deepEqual([...(await readAirports(directory)).keys()], ["DTW"]);
});

test("state that cannot be read is an error", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "ottla-state-"));
  t.after(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, "DTW.json"), "{");
  await assert.rejects(readState(directory, "DTW"), SyntaxError);
});
