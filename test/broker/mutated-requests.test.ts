import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import type { BrokerEvent } from "../../src/broker/mod.ts";
import { MUTATIONS } from "../support/fuzz-runs.ts";
import { goldenExchanges } from "../support/golden-exchanges.ts";
import { anyMutations } from "../support/mutation.ts";
import { startBench } from "./raw-client.ts";

/** How many connections send changed requests; OTTLA_MUTATIONS asks for more for each kind of request. */
const RUNS = 20 * MUTATIONS;
/** Milliseconds that the broker is given for each: what it holds longer, as a fetch without records, ends with the connection. */
const PATIENCE = 50;

test("the broker answers changed requests or closes their connection, fails at none, and serves others", async () => {
  const failed: BrokerEvent[] = [];
  const log = (event: BrokerEvent): void => void (event.kind === "failed" && failed.push(event));
  const bench = await startBench({ nodes: 2, log, autoCreateTopics: false });
  for (const name of ["golden", "golden-topic"]) await bench.broker.createTopic(name, { partitions: 2 });
  const requests = goldenExchanges.map(({ request }) => request);
  const attack = fc
    .array(fc.tuple(fc.constantFrom(...requests), anyMutations(requests), fc.boolean()), { minLength: 1, maxLength: 3 })
    .map((parts) => parts.map(([request, mutate, isWhole]) => (isWhole ? resized(mutate(request)) : mutate(request))));
  const attacks = fc.sample(attack, RUNS);
  for (const frames of attacks) {
    const client = await bench.connect();
    for (const frame of frames) client.write(frame);
    await bench.run(pause(bench.clock, PATIENCE));
    client.close();
    const hex = (): string => frames.map((frame) => Buffer.from(frame).toString("hex")).join(" ");
    assert.deepEqual(failed, [], hex());
  }
  const healthy = await bench.connect();
  const { errorCode, apiKeys } = await bench.run(healthy.call(apiVersions, 0, {}));
  assert.equal(errorCode, 0);
  assert.ok(apiKeys.length > 20);
  await bench.broker.close();
});

/** With a size that fits, so that it is read as one frame. */
function resized(frame: Uint8Array): Uint8Array {
  const out = frame.slice();
  if (out.length >= 4) new DataView(out.buffer).setInt32(0, out.length - 4);
  return out;
}

function pause(clock: { timer(ms: number, fire: () => void): unknown }, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.timer(ms, resolve));
}
