import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionPool, type PoolOptions } from "../../src/client/connection-pool.ts";
import type { Connection } from "../../src/net/connection.ts";
import type { Transport } from "../../src/net/transport.ts";
import { failureOf } from "../support/client-bench.ts";
import {
  ADDRESS,
  ALL_VERSIONS,
  connectionOptions,
  type ScriptedBench,
  startScript,
  withVersions,
} from "../support/scripted-broker.ts";

/** A pool, and how often it tried to connect, and when. */
async function startPool(
  connect?: Transport["connect"],
): Promise<{ bench: ScriptedBench; pool: ConnectionPool; attempts: number[] }> {
  const bench = await startScript(withVersions(ALL_VERSIONS, () => {}));
  const attempts: number[] = [];
  const options = connectionOptions(bench.network, bench.clock);
  const transport: Transport = {
    connect: (...args) => {
      attempts.push(bench.time.elapsed);
      return (connect ?? options.transport.connect)(...args);
    },
  };
  const settings: PoolOptions = { ...options, transport, reconnectBackoff: { initial: 50, max: 1_000 } };
  return { bench, attempts, pool: new ConnectionPool(settings) };
}

const refuse = (): Promise<never> => Promise.reject(new Error("refused"));

test("calls at the same time share one attempt and one connection; each role has its own", async () => {
  const { bench, pool, attempts } = await startPool();
  const calls: Promise<Connection>[] = [];
  for (let i = 0; i < 3; i++) calls.push(pool.get(ADDRESS, "general"));
  const [first, ...others] = await bench.run(Promise.all(calls));
  assert.ok(others.every((connection) => connection === first));
  assert.equal(attempts.length, 1);
  assert.equal(pool.peek(ADDRESS, "general"), first);
  assert.equal(pool.peek(ADDRESS, "produce"), undefined);
  assert.notEqual(await bench.run(pool.get(ADDRESS, "produce")), first);
});

test("a connection that has closed is opened again by the next call", async () => {
  const { bench, pool } = await startPool();
  const first = await bench.run(pool.get(ADDRESS, "general"));
  bench.streams[0]!.destroy();
  await bench.time.advance(1);
  assert.equal(pool.peek(ADDRESS, "general"), undefined);
  const second = await bench.run(pool.get(ADDRESS, "general"));
  assert.notEqual(second, first);
  assert.equal(second.cause, undefined);
});

test("failed attempts are repeated after a backoff that doubles up to its bound, with jitter", async () => {
  const { bench, pool, attempts } = await startPool(refuse);
  assert.equal(pool.isFailing(ADDRESS, "general"), false);
  for (let i = 0; i < 9; i++) {
    assert.match((await bench.run(failureOf(pool.get(ADDRESS, "general")))).message, /broker:9092: refused/);
  }
  assert.equal(pool.isFailing(ADDRESS, "general"), true);
  const waits = attempts.slice(1).map((at, i) => at - attempts[i]!);
  for (const [i, wait] of waits.entries()) {
    const base = Math.min(1_000, 50 * 2 ** i);
    assert.ok(wait >= base * 0.8 - 1 && wait <= base * 1.2 + 1, `wait ${i}: ${wait}`);
  }
});

test("close gives up what waits for its backoff or is being opened, and closes what is open", async () => {
  const hanging = await startPool(() => new Promise<never>(() => {}));
  const opening = failureOf(hanging.pool.get(ADDRESS, "general"));
  await hanging.bench.time.advance(1);
  hanging.pool.close();
  assert.equal((await opening).code, "CLOSED");
  assert.equal((await failureOf(hanging.pool.get(ADDRESS, "general"))).code, "CLOSED");

  const failing = await startPool(refuse);
  await failing.bench.run(failureOf(failing.pool.get(ADDRESS, "general")));
  const waiting = failureOf(failing.pool.get(ADDRESS, "general"));
  failing.pool.close();
  assert.equal((await waiting).code, "CLOSED");
  assert.equal(failing.attempts.length, 1);

  const { bench, pool } = await startPool();
  const connection = await bench.run(pool.get(ADDRESS, "general"));
  pool.close();
  assert.match(connection.cause!.message, /was closed/);
});

test("close at the instant a connection opens leaves none open", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const { bench, pool } = await startPool();
    const opening = pool.get(ADDRESS, "general").catch(() => undefined);
    for (let i = 0; i < turns; i++) await bench.time.advance(0);
    pool.close();
    const connection = await bench.run(opening);
    assert.ok(connection === undefined || connection.cause !== undefined, `after ${turns} turns`);
  }
});

test("release closes one role's connections, be they open or being opened", async () => {
  const { bench, pool } = await startPool();
  const kept = await bench.run(pool.get(ADDRESS, "group/11"));
  const open = await bench.run(pool.get(ADDRESS, "group/1"));
  pool.release("group/1");
  assert.ok(open.cause !== undefined);
  const opening = pool.get(ADDRESS, "group/1");
  pool.release("group/1");
  await assert.rejects(bench.run(opening), { code: "CONNECTION_FAILED", retriable: true });
  assert.equal(kept.cause, undefined);
});
