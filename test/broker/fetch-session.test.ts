import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { type FetchRequest, type FetchResponse, fetch, type PartitionData } from "../../protocol/messages/01-fetch.ts";
import { readBatchHeaders } from "../../protocol/record-batch.ts";
import type { BrokerOptions } from "../../src/broker/mod.ts";
import { type Bench, batchOf, type RawClient, startBench } from "./raw-client.ts";
import { fetchRequest, NAMED, produceTo, text } from "./records-bench.ts";

type Step =
  | { readonly do: "produce" | "add" | "forget"; readonly partition: number }
  | { readonly do: "seek" | "trim"; readonly partition: number; readonly to: number }
  | { readonly do: "fetch"; readonly maxBytes: number };

const PARTITIONS = 4;
const anyPartition = fc.nat({ max: PARTITIONS - 1 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom("produce" as const, "add" as const, "forget" as const), partition: anyPartition }),
  fc.record({
    do: fc.constantFrom("seek" as const, "trim" as const),
    partition: anyPartition,
    to: fc.nat({ max: 12 }),
  }),
  fc.record({ do: fc.constant("fetch" as const), maxBytes: fc.constantFrom(1, 150, 1 << 20) }),
);

/** What a client knows of a partition. */
interface Known {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly logStartOffset: number;
}

function knownOf({ errorCode, highWatermark, logStartOffset }: PartitionData): Known {
  return { errorCode, highWatermark, logStartOffset };
}

function partsOf(answer: FetchResponse): PartitionData[] {
  return answer.responses.flatMap(({ partitions }) => partitions);
}

async function open(options: BrokerOptions = {}, partitions = 1): Promise<{ bench: Bench; client: RawClient }> {
  const bench = await startBench(options);
  await bench.broker.createTopic("t", { partitions });
  return { bench, client: await bench.connect() };
}

describe("fetch sessions", () => {
  test("tell whatever a full fetch would have told, under any requests", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 40 }), async (steps) => {
        const { bench, client } = await open({}, PARTITIONS);
        const call = (body: Draft<FetchRequest>): Promise<FetchResponse> => bench.run(client.call(fetch, NAMED, body));
        /** What the session holds by what was asked, and what its client has been told. */
        const offsets = new Map<number, number>([[0, 0]]);
        const told = new Map<number, Known>();
        const changed = new Set<number>();
        const forgotten = new Set<number>();
        const first = await call(fetchRequest([{ partition: 0, fetchOffset: 0 }], { sessionEpoch: 0 }));
        for (const part of partsOf(first)) told.set(part.partitionIndex, knownOf(part));
        const session = { sessionId: first.sessionId, sessionEpoch: 1 };
        for (const step of steps) {
          if (step.do === "produce") {
            const { partition } = step;
            await produceTo(client, bench, batchOf(text("value"), bench.clock.now()), { partition });
          } else if (step.do === "trim") {
            const end = bench.broker.topics()[0]!.partitions[step.partition]!.logEndOffset;
            await bench.broker.deleteRecords("t", step.partition, Math.min(step.to, end));
          } else if (step.do === "forget") {
            if (offsets.size === 1 || !offsets.delete(step.partition)) continue;
            forgotten.add(step.partition);
            changed.delete(step.partition);
          } else if (step.do !== "fetch") {
            offsets.set(step.partition, step.do === "seek" ? step.to : (offsets.get(step.partition) ?? 0));
            changed.add(step.partition);
          } else {
            const asked = [...changed].map((partition) => ({ partition, fetchOffset: offsets.get(partition)! }));
            const gone = [...forgotten].filter((partition) => !offsets.has(partition));
            for (const partition of gone) told.delete(partition);
            const forgottenTopicsData = gone.length === 0 ? [] : [{ topic: "t", partitions: gone }];
            const answer = await call(
              fetchRequest(asked, {
                ...session,
                forgottenTopicsData,
                maxBytes: step.maxBytes,
                topics: asked.length === 0 ? [] : fetchRequest(asked).topics!,
              }),
            );
            assert.deepEqual([answer.errorCode, answer.sessionId], [0, session.sessionId]);
            session.sessionEpoch += 1;
            changed.clear();
            forgotten.clear();
            const parts = partsOf(answer);
            for (const part of parts) told.set(part.partitionIndex, knownOf(part));
            const every = [...offsets].map(([partition, fetchOffset]) => ({ partition, fetchOffset }));
            const full = await call(fetchRequest(every));
            const differs = partsOf(full).filter((part) => {
              assert.deepEqual(told.get(part.partitionIndex), knownOf(part), "what the client knows is what is");
              return part.records!.length > 0;
            });
            const brought = parts.filter((part) => part.records!.length > 0);
            assert.equal(brought.length > 0, differs.length > 0, "records come if there are any");
            for (const part of brought) {
              const whole = differs.find((one) => one.partitionIndex === part.partitionIndex)!;
              assert.deepEqual(part.records, whole.records!.subarray(0, part.records!.length));
              offsets.set(part.partitionIndex, nextOffset(part));
              changed.add(part.partitionIndex);
            }
            const [one] = parts;
            if (one !== undefined && one.errorCode === 0)
              assert.ok(offsets.has(one.partitionIndex), "nothing forgotten comes");
          }
        }
        await bench.broker.close();
      }),
      { numRuns: 150 },
    );
  });

  test("read first what gave nothing last time, so that no partition starves", async () => {
    const { bench, client } = await open({}, 2);
    for (const partition of [0, 0, 1]) await produceTo(client, bench, batchOf(text("v"), 1), { partition });
    const both = [
      { partition: 0, fetchOffset: 0 },
      { partition: 1, fetchOffset: 0 },
    ];
    const { sessionId } = await bench.run(client.call(fetch, NAMED, fetchRequest(both, { sessionEpoch: 0 })));
    const next = async (sessionEpoch: number): Promise<number[]> => {
      const request = { ...fetchRequest([]), sessionId, sessionEpoch, maxBytes: 1, topics: [] };
      const answer = await bench.run(client.call(fetch, NAMED, request));
      return partsOf(answer)
        .filter((part) => part.records!.length > 0)
        .map((part) => part.partitionIndex);
    };
    assert.deepEqual([await next(1), await next(2), await next(3)], [[0], [1], [0]]);
  });

  test("are kept no more than there are slots, and an unused one gives way", async () => {
    const { bench, client } = await open({ fetchSessionSlots: 2 });
    const begin = async (): Promise<number> => {
      const request = fetchRequest([{ fetchOffset: 0 }], { sessionEpoch: 0 });
      return (await bench.run(client.call(fetch, NAMED, request))).sessionId;
    };
    const use = async (sessionId: number, sessionEpoch: number): Promise<number> => {
      const request = { ...fetchRequest([]), topics: [], sessionId, sessionEpoch };
      return (await bench.run(client.call(fetch, NAMED, request))).errorCode;
    };
    const [first, second] = [await begin(), await begin()];
    assert.ok(first > 0 && second > 0 && first !== second);
    assert.equal(await begin(), 0, "a fetch that gets no session is answered all the same");
    await bench.time.advance(100_000);
    assert.equal(await use(first, 1), 0);
    await bench.time.advance(30_000);
    assert.ok((await begin()) > 0);
    assert.equal(await use(second, 1), ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    assert.equal(await use(first, 2), 0, "the one in use stays");
  });

  test("give way to a larger one once they are old", async () => {
    const { bench, client } = await open({ fetchSessionSlots: 1 }, 2);
    const begin = async (...partitions: number[]): Promise<number> => {
      const wanted = partitions.map((partition) => ({ partition, fetchOffset: 0 }));
      return (await bench.run(client.call(fetch, NAMED, fetchRequest(wanted, { sessionEpoch: 0 })))).sessionId;
    };
    const small = await begin(0);
    for (let epoch = 1; epoch <= 2; epoch++) {
      await bench.time.advance(70_000);
      const request = { ...fetchRequest([]), topics: [], sessionId: small, sessionEpoch: epoch };
      assert.equal((await bench.run(client.call(fetch, NAMED, request))).errorCode, 0);
    }
    assert.equal(await begin(1), 0, "one as small does not");
    assert.ok((await begin(0, 1)) > 0);
  });

  test("are gone with a node that stops, and when a test says so", async () => {
    const { bench, client } = await open();
    const begin = async (on: RawClient): Promise<number> => {
      const request = fetchRequest([{ fetchOffset: 0 }], { sessionEpoch: 0 });
      return (await bench.run(on.call(fetch, NAMED, request))).sessionId;
    };
    const use = async (on: RawClient, sessionId: number): Promise<number> => {
      const request = { ...fetchRequest([]), topics: [], sessionId, sessionEpoch: 1 };
      return (await bench.run(on.call(fetch, NAMED, request))).errorCode;
    };
    const forgotten = await begin(client);
    bench.broker.faults.forgetFetchSessions();
    assert.equal(await use(client, forgotten), ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    const lost = await begin(client);
    await bench.broker.faults.stop(1);
    await bench.broker.faults.start(1);
    assert.equal(await use(await bench.connect(), lost), ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
  });

  test("that went on elsewhere end a fetch that still waits", async () => {
    const { bench, client } = await open();
    const opened = await bench.run(client.call(fetch, NAMED, fetchRequest([{ fetchOffset: 0 }], { sessionEpoch: 0 })));
    const ask = (on: RawClient, sessionEpoch: number, maxWaitMs: number): Promise<FetchResponse> =>
      on.call(fetch, NAMED, { ...fetchRequest([]), topics: [], sessionId: opened.sessionId, sessionEpoch, maxWaitMs });
    const waiting = ask(client, 1, 1000);
    await bench.time.advance(10);
    const other = await bench.connect();
    assert.equal((await bench.run(ask(other, 2, 0))).errorCode, 0);
    assert.equal((await bench.run(waiting)).errorCode, ErrorCode.INVALID_FETCH_SESSION_EPOCH);
  });
});

function nextOffset(part: PartitionData): number {
  const last = readBatchHeaders(part.records!).at(-1)!;
  return last.baseOffset + last.lastOffsetDelta + 1;
}
