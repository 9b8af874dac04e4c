import assert from "node:assert/strict";
import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { produce } from "../../protocol/messages/00-produce.ts";
import { type FetchRequest, type FetchResponse, fetch as fetchApi } from "../../protocol/messages/01-fetch.ts";
import { readFetched } from "../../protocol/records.ts";
import { conformanceTest } from "./conformance-test.ts";
import { text } from "./reading.ts";
import type { Target, TestCluster } from "./target.ts";
import { leaderOf, plainBatch, type VersionedClient } from "./versioned-client.ts";

/** The last version that names topics, and the first that carries their ids. */
const NAMED = 12;
const BY_ID = 13;
const FIRST_EPOCH = 0;
const NO_EPOCH = -1;

/** One client that reads a topic of one node, in sessions or without. */
class SessionReader {
  readonly #client: VersionedClient;
  readonly #topic: { readonly topic: string; readonly topicId: string };
  readonly #version: number;

  constructor(client: VersionedClient, topic: { topic: string; topicId: string }, version: number) {
    this.#client = client;
    this.#topic = topic;
    this.#version = version;
  }

  get #named(): { topic: string } | { topicId: string } {
    return this.#version >= BY_ID ? { topicId: this.#topic.topicId } : { topic: this.#topic.topic };
  }

  /** `offsets`: what to read, by partition. */
  fetch(offsets: Readonly<Record<number, number>>, rest: Draft<FetchRequest> = {}): Promise<FetchResponse> {
    const partitions = Object.entries(offsets).map(([partition, fetchOffset]) => ({
      partition: Number(partition),
      fetchOffset,
      partitionMaxBytes: 1 << 20,
    }));
    const topics = partitions.length === 0 ? [] : [{ ...this.#named, partitions }];
    return this.#client.call(fetchApi, this.#version, { minBytes: 1, maxWaitMs: 0, topics, ...rest });
  }

  forget(partition: number, session: Draft<FetchRequest>): Promise<FetchResponse> {
    return this.fetch({}, { ...session, forgottenTopicsData: [{ ...this.#named, partitions: [partition] }] });
  }

  async produce(partition: number, value: string): Promise<void> {
    const partitionData = [{ index: partition, records: plainBatch(value) }];
    const topicData = [{ name: this.#topic.topic, partitionData }];
    const answer = await this.#client.call(produce, this.#client.near(produce, NAMED), {
      acks: -1,
      timeoutMs: 10_000,
      topicData,
    });
    assert.equal(answer.responses[0]!.partitionResponses[0]!.errorCode, 0);
  }
}

/** What an answer tells, by partition: its error, or its values. */
function told(answer: FetchResponse): Record<number, number | string[]> {
  assert.equal(answer.errorCode, 0);
  const parts = answer.responses.flatMap(({ partitions }) => partitions);
  return Object.fromEntries(
    parts.map(({ partitionIndex, errorCode, records }) => {
      if (errorCode !== 0) return [partitionIndex, errorCode];
      if (records === null || records.length === 0) return [partitionIndex, []];
      const read = readFetched(records as Uint8Array<ArrayBuffer>, 0, null, 1 << 20);
      return [partitionIndex, read.records.map(({ value }) => text(value)!)];
    }),
  );
}

/** Fetch sessions over raw frames (KIP-227): any broker has to remember what it was asked, and tell only what is new. */
export function fetchSessionsConformance(target: Target): void {
  for (const version of [NAMED, BY_ID]) {
    const test = (
      name: string,
      run: (reader: SessionReader, cluster: TestCluster, topic: string) => Promise<void>,
    ): void =>
      conformanceTest(target)(`${name}, v${version}`, async (cluster) => {
        const { client, topic, topicId } = await leaderOf(cluster);
        await run(new SessionReader(client, { topic, topicId }, version), cluster, topic);
      });

    test("a session remembers its partitions and tells what is new", async (reader) => {
      const opened = await reader.fetch({ 0: 0 }, { sessionEpoch: FIRST_EPOCH });
      assert.ok(opened.sessionId > 0);
      assert.deepEqual(told(opened), { 0: [] }, "the first answer tells of every partition");
      const { sessionId } = opened;
      const nothing = await reader.fetch({}, { sessionId, sessionEpoch: 1 });
      assert.equal(nothing.sessionId, sessionId);
      assert.deepEqual(told(nothing), {}, "nothing has changed");
      await reader.produce(0, "a");
      assert.deepEqual(told(await reader.fetch({}, { sessionId, sessionEpoch: 2 })), { 0: ["a"] });
      assert.deepEqual(told(await reader.fetch({ 0: 1 }, { sessionId, sessionEpoch: 3 })), {}, "it is read to its end");
      const outside = await reader.fetch({ 0: 7 }, { sessionId, sessionEpoch: 4 });
      assert.deepEqual(told(outside), { 0: ErrorCode.OFFSET_OUT_OF_RANGE });
      const still = await reader.fetch({}, { sessionId, sessionEpoch: 5 });
      assert.deepEqual(told(still), { 0: ErrorCode.OFFSET_OUT_OF_RANGE }, "errors are told each time");
      assert.deepEqual(
        told(await reader.fetch({ 0: 1 }, { sessionId, sessionEpoch: 6 })),
        { 0: [] },
        "it is well again",
      );
    });

    test("a session wants its own epochs, and goes on after a wrong one", async (reader) => {
      const { sessionId } = await reader.fetch({ 0: 0 }, { sessionEpoch: FIRST_EPOCH });
      for (const wrong of [2, 99]) {
        const refused = await reader.fetch({}, { sessionId, sessionEpoch: wrong });
        assert.equal(refused.errorCode, ErrorCode.INVALID_FETCH_SESSION_EPOCH);
        assert.deepEqual(refused.responses, []);
      }
      assert.deepEqual(told(await reader.fetch({}, { sessionId, sessionEpoch: 1 })), {});
      const repeated = await reader.fetch({}, { sessionId, sessionEpoch: 1 });
      assert.equal(repeated.errorCode, ErrorCode.INVALID_FETCH_SESSION_EPOCH);
    });

    test("a session that is not known, or was closed, is named so", async (reader) => {
      const unknown = await reader.fetch({ 0: 0 }, { sessionId: 12_345, sessionEpoch: 1 });
      assert.equal(unknown.errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
      const { sessionId } = await reader.fetch({ 0: 0 }, { sessionEpoch: FIRST_EPOCH });
      const closing = await reader.fetch({ 0: 0 }, { sessionId, sessionEpoch: NO_EPOCH });
      assert.equal(closing.sessionId, 0);
      assert.deepEqual(told(closing), { 0: [] }, "the fetch that closes it reads all the same");
      const closed = await reader.fetch({}, { sessionId, sessionEpoch: 1 });
      assert.equal(closed.errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    });

    test("a session opened in place of another closes that one", async (reader) => {
      const first = await reader.fetch({ 0: 0 }, { sessionEpoch: FIRST_EPOCH });
      const second = await reader.fetch({ 0: 0 }, { sessionId: first.sessionId, sessionEpoch: FIRST_EPOCH });
      assert.ok(second.sessionId > 0 && second.sessionId !== first.sessionId);
      const old = await reader.fetch({}, { sessionId: first.sessionId, sessionEpoch: 1 });
      assert.equal(old.errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    });

    test("a session without partitions left is closed", async (reader) => {
      const { sessionId } = await reader.fetch({ 0: 0 }, { sessionEpoch: FIRST_EPOCH });
      const emptied = await reader.forget(0, { sessionId, sessionEpoch: 1 });
      assert.deepEqual([emptied.sessionId, emptied.errorCode, emptied.responses], [0, 0, []]);
      const closed = await reader.fetch({ 0: 0 }, { sessionId, sessionEpoch: 2 });
      assert.equal(closed.errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND);
    });

    test("a session waits for records as any fetch does", async (reader, cluster, topic) => {
      const { sessionId } = await reader.fetch({ 0: 0 }, { sessionEpoch: FIRST_EPOCH });
      const waiting = reader.fetch({}, { sessionId, sessionEpoch: 1, maxWaitMs: 30_000 });
      await cluster.kafka().producer().send({ topic, partition: 0, value: "late" });
      assert.deepEqual(told(await waiting), { 0: ["late"] });
    });
  }

  conformanceTest(target)("a session of names takes no ids, and the other way round", async (cluster) => {
    const { client, topic, topicId } = await leaderOf(cluster);
    for (const [opened, other] of [
      [NAMED, BY_ID],
      [BY_ID, NAMED],
    ] as const) {
      const { sessionId } = await new SessionReader(client, { topic, topicId }, opened).fetch(
        { 0: 0 },
        { sessionEpoch: FIRST_EPOCH },
      );
      const refused = await new SessionReader(client, { topic, topicId }, other).fetch(
        {},
        { sessionId, sessionEpoch: 1 },
      );
      assert.equal(refused.errorCode, ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR);
    }
  });
}
