import assert from "node:assert/strict";
import type { Api } from "../../protocol/api.ts";
import type { Draft } from "../../protocol/field.ts";
import { Coordinator } from "../../src/client/coordinator.ts";
import { type Kafka, KafkaError } from "../../src/client/mod.ts";
import { sleep } from "../../src/net/clock.ts";
import type { Connection } from "../../src/net/connection.ts";
import type { Wire } from "../support/raw-transactions.ts";

/** How long to wait before asking a real cluster again, in ms: for what passes by itself there is no event. */
const PAUSE = 20;

/** The way of raw transactions to whichever broker of a cluster is responsible. */
export function clusterWire({ cluster }: Kafka): Wire {
  const coordinators = new Map<string, Coordinator>();
  let isStale = false;
  const pause = (): Promise<void> => {
    // What was refused may have been so by one who is no longer responsible, or not yet.
    isStale = true;
    for (const one of coordinators.values()) one.forget();
    return sleep(cluster.clock, PAUSE);
  };
  const coordinator = async (kind: "group" | "transaction", key: string): Promise<Connection> => {
    const known = coordinators.get(kind + key) ?? new Coordinator(cluster, key, kind);
    coordinators.set(kind + key, known);
    for (;;) {
      try {
        return await known.connection("general");
      } catch (error) {
        // The first one of all makes the cluster create the topic that its coordinators keep their state in.
        if (!(error instanceof KafkaError) || error.code !== "COORDINATOR_NOT_AVAILABLE") throw error;
        await pause();
      }
    }
  };
  const send = async <Q, R>(connection: Connection, api: Api<Q, R>, version: number, body: Draft<Q>): Promise<R> => {
    assert.equal(connection.versionOf(api, version), version, `${api.name} v${version} is served`);
    return connection.send(api, body, { maxVersion: version });
  };
  return {
    toTransactions: async (id, api, version, body) => send(await coordinator("transaction", id), api, version, body),
    toGroup: async (id, api, version, body) => send(await coordinator("group", id), api, version, body),
    toLeader: async (topic, partition, api, version, body) => {
      while (isStale || cluster.metadata.partition(topic, partition) === undefined) {
        await cluster.refresh([topic]);
        isStale = false;
        // A new topic is not known to every broker at once.
        if (cluster.metadata.partition(topic, partition) === undefined) await pause();
      }
      const { leader } = cluster.metadata.partition(topic, partition)!;
      return send(await cluster.node(leader, "general"), api, version, body);
    },
    now: () => cluster.clock.now(),
    pause,
  };
}
