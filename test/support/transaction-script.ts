import assert from "node:assert/strict";
import type { Api } from "../../protocol/api.ts";
import { errorByCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import { produce } from "../../protocol/messages/00-produce.ts";
import { metadata } from "../../protocol/messages/03-metadata.ts";
import { findCoordinator } from "../../protocol/messages/10-find-coordinator.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { initProducerId } from "../../protocol/messages/22-init-producer-id.ts";
import { addPartitionsToTxn } from "../../protocol/messages/24-add-partitions-to-txn.ts";
import { addOffsetsToTxn } from "../../protocol/messages/25-add-offsets-to-txn.ts";
import { endTxn } from "../../protocol/messages/26-end-txn.ts";
import { txnOffsetCommit } from "../../protocol/messages/28-txn-offset-commit.ts";
import { FIELD_AT } from "../../protocol/record-batch.ts";
import type { GroupMetadata } from "../../src/client/group-metadata.ts";
import { Kafka } from "../../src/client/kafka.ts";
import type { ProducerRecord } from "../../src/client/producer-record.ts";
import type { TransactionOffsets } from "../../src/client/transaction.ts";
import type { TransactionalProducerOptions } from "../../src/client/transactional-options.ts";
import type { TransactionalProducer } from "../../src/client/transactional-producer.ts";
import type { MemoryTransport } from "../../src/net/memory.ts";
import { failureOf } from "./client-bench.ts";
import { ALL_VERSIONS, type ScriptedBench, type ScriptedRequest, startScript } from "./scripted-broker.ts";

export const RECORDS: readonly ProducerRecord[] = [{ topic: "t", partition: 0, value: "x" }];
export const GROUP: GroupMetadata = { groupId: "g", memberId: "m", generationId: 3, groupInstanceId: "i" };
export const OFFSETS: TransactionOffsets = { groupMetadata: GROUP, offsets: [{ topic: "t", partition: 0, offset: 5 }] };

/** Without KIP-890, and with it. */
export const LEVELS: readonly number[] = [0, 2];

/** Sends a transaction, which has to be committed. */
export async function committed(script: TransactionScript): Promise<void> {
  const places = await script.run(script.producer.sendTransaction({ records: RECORDS, offsets: OFFSETS }));
  assert.equal(places.length, 1);
}

/** Kafka's name of an error code. */
export function nameOf(code: number): string {
  return errorByCode(code).name;
}

/** An error code, or no answer, or the end of the connection: before what was asked is done, or after it. */
export type Fate = number | "silence" | "cut" | "done and cut";

export type ScriptedApi =
  | "Produce"
  | "InitProducerId"
  | "AddPartitionsToTxn"
  | "AddOffsetsToTxn"
  | "EndTxn"
  | "TxnOffsetCommit";

/** A client, and a broker that coordinates and leads all, and meets each request with the next fate of its API. */
export interface TransactionScript {
  readonly bench: ScriptedBench;
  readonly kafka: Kafka;
  /** The client's way into the network. */
  readonly transport: MemoryTransport;
  readonly producer: TransactionalProducer;
  /** What was asked since the last call, in short. */
  asked(): string[];
  /** The versions in which an API was asked for. */
  versions(api: ScriptedApi): ReadonlySet<number>;
  /** How often the coordinator was looked for. */
  lookups(): number;
  /** What befalls the next requests of an API, one after the other. Others succeed. */
  fates(api: ScriptedApi, ...fates: readonly Fate[]): void;
  run<T>(work: Promise<T>): Promise<T>;
  failure(work: Promise<unknown>): ReturnType<typeof failureOf>;
}

interface Options {
  /** The finalized `transaction.version`. */
  readonly level: number;
  readonly producer?: Partial<TransactionalProducerOptions>;
}

export async function startTransactionScript({ level, producer = {} }: Options): Promise<TransactionScript> {
  const fates = new Map<ScriptedApi, Fate[]>();
  const versions = new Map<ScriptedApi, Set<number>>();
  const asked: string[] = [];
  let lookups = 0;
  let epoch = -1;
  let offset = 0;

  const meet = <Q, R>(
    api: Api<Q, R>,
    request: ScriptedRequest,
    what: string,
    answer: (errorCode: number) => Draft<R>,
  ): void => {
    const name = api.name as ScriptedApi;
    asked.push(`${name} ${what}`);
    versions.set(name, (versions.get(name) ?? new Set()).add(request.version));
    const fate = fates.get(name)?.shift() ?? 0;
    if (fate === "cut" || fate === "done and cut") {
      if (fate === "done and cut") answer(0);
      request.stream.destroy();
    } else if (fate !== "silence") request.answer(api, answer(fate));
  };

  const bench = await startScript((request) => {
    switch (request.apiKey) {
      case apiVersions.key:
        return request.answer(apiVersions, {
          apiKeys: ALL_VERSIONS.map(([apiKey, minVersion, maxVersion]) => ({ apiKey, minVersion, maxVersion })),
          finalizedFeatures:
            level === 0 ? [] : [{ name: "transaction.version", minVersionLevel: level, maxVersionLevel: level }],
        });
      case metadata.key:
        return request.answer(metadata, oneNode(request));
      case findCoordinator.key: {
        const { coordinatorKeys, keyType } = request.decode(findCoordinator);
        if (keyType === 1) lookups += 1;
        const here = { nodeId: 1, host: "broker", port: 9092 };
        return request.answer(findCoordinator, { coordinators: coordinatorKeys.map((key) => ({ key, ...here })) });
      }
      case initProducerId.key: {
        const body = request.decode(initProducerId);
        return meet(initProducerId, request, `${body.producerId}/${body.producerEpoch}`, (errorCode) => {
          if (errorCode !== 0) return { errorCode };
          epoch += 1;
          return { producerId: 9, producerEpoch: epoch };
        });
      }
      case addPartitionsToTxn.key: {
        const { v3AndBelowTopics: topics } = request.decode(addPartitionsToTxn);
        const what = topics.flatMap(({ name, partitions }) => partitions.map((partition) => `${name}/${partition}`));
        return meet(addPartitionsToTxn, request, what.join(), (errorCode) => ({
          resultsByTopicV3AndBelow: topics.map(({ name, partitions }) => ({
            name,
            // Where one is refused, Kafka leaves the others untried.
            resultsByPartition: partitions.map((partitionIndex, i) => ({
              partitionIndex,
              partitionErrorCode: errorCode !== 0 && i < partitions.length - 1 ? 55 : errorCode,
            })),
          })),
        }));
      }
      case addOffsetsToTxn.key: {
        const { groupId } = request.decode(addOffsetsToTxn);
        return meet(addOffsetsToTxn, request, groupId, (errorCode) => ({ errorCode }));
      }
      case txnOffsetCommit.key: {
        const body = request.decode(txnOffsetCommit);
        const who = `${body.groupId} ${body.memberId}/${body.generationId}/${body.groupInstanceId}`;
        return meet(txnOffsetCommit, request, who, (errorCode) => ({
          topics: body.topics.map(({ name, partitions }) => ({
            name,
            partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
          })),
        }));
      }
      case endTxn.key: {
        const { committed, producerEpoch } = request.decode(endTxn);
        const what = `${committed ? "commit" : "abort"} ${producerEpoch}`;
        return meet(endTxn, request, what, (errorCode) => {
          if (errorCode !== 0 || request.version < 5) return { errorCode };
          epoch = producerEpoch + 1;
          return { producerId: 9, producerEpoch: epoch };
        });
      }
      case produce.key: {
        const { topicData, transactionalId } = request.decode(produce);
        const batches = topicData.flatMap(({ partitionData }) => partitionData);
        const what = batches.map(({ index, records }) => `${index}:${stampOf(records!)}`).join();
        return meet(produce, request, `${transactionalId} ${what}`, (errorCode) => ({
          responses: topicData.map(({ name, topicId, partitionData }) => ({
            ...(request.version < 13 ? { name } : { topicId }),
            partitionResponses: partitionData.map(({ index }) => ({
              ...{ index, errorCode, logAppendTimeMs: -1, logStartOffset: 0 },
              baseOffset: errorCode === 0 ? offset++ : -1,
            })),
          })),
        }));
      }
    }
  });
  const transport = bench.network.transport(bench.clock);
  const kafka = new Kafka({ brokers: ["broker:9092"], clock: bench.clock, transport });
  return {
    ...{ bench, kafka, transport, lookups: () => lookups, run: bench.run },
    producer: kafka.producer({ transactionalId: "tx", ...producer }),
    asked: () => asked.splice(0, asked.length),
    versions: (api) => versions.get(api) ?? new Set(),
    fates: (api, ...list) => void fates.set(api, [...list]),
    failure: (work) => bench.run(failureOf(work)),
  };
}

function oneNode(request: ScriptedRequest): Draft<ReturnType<typeof metadata.response.decode>> {
  const { topics } = request.decode(metadata);
  return {
    brokers: [{ nodeId: 1, host: "broker", port: 9092 }],
    topics: (topics ?? []).map(({ name }) => ({
      name,
      topicId: "00000000-0000-0000-0000-000000000007",
      partitions: [0, 1].map((partitionIndex) => ({ partitionIndex, leaderId: 1, leaderEpoch: 1 })),
    })),
  };
}

/** Epoch and sequence of a batch, and a t where it says that it belongs to a transaction. */
function stampOf(batch: Uint8Array): string {
  const view = new DataView(batch.buffer, batch.byteOffset);
  const transactional = (view.getInt16(FIELD_AT.attributes) & 0x10) !== 0 ? "t" : "";
  return `e${view.getInt16(FIELD_AT.producerEpoch)}s${view.getInt32(FIELD_AT.baseSequence)}${transactional}`;
}
