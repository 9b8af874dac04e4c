import type { OpenJobSystem } from "./job-system.ts";
import type { OpenKafkaPeer } from "./kafka-client.ts";

export type PeerKind = "jobs" | "kafka";
/** What has to be there for a peer. */
export type Server = "Kafka" | "Redis" | "Postgres";

export interface Peer {
  readonly kind: PeerKind;
  readonly name: string;
  /** What it is installed as; undefined: Ottla's own build. */
  readonly packages?: readonly string[];
  readonly server: Server;
  load(): Promise<{ readonly open: OpenJobSystem | OpenKafkaPeer }>;
}

export const PEERS: readonly Peer[] = [
  { kind: "jobs", name: "ottla", server: "Kafka", load: () => import("./jobs/ottla.ts") },
  {
    ...{ kind: "jobs", name: "bullmq", server: "Redis", packages: ["bullmq", "ioredis"] },
    load: () => import("./jobs/bullmq.ts"),
  },
  {
    ...{ kind: "jobs", name: "graphile-worker", server: "Postgres", packages: ["graphile-worker", "pg"] },
    load: () => import("./jobs/graphile-worker.ts"),
  },
  {
    ...{ kind: "jobs", name: "pg-boss", server: "Postgres", packages: ["pg-boss", "pg"] },
    load: () => import("./jobs/pg-boss.ts"),
  },
  { kind: "kafka", name: "ottla", server: "Kafka", load: () => import("./kafka/ottla.ts") },
  { kind: "kafka", name: "kafkajs", server: "Kafka", packages: ["kafkajs"], load: () => import("./kafka/kafkajs.ts") },
  {
    ...{ kind: "kafka", name: "platformatic", server: "Kafka", packages: ["@platformatic/kafka"] },
    load: () => import("./kafka/platformatic.ts"),
  },
];

/** By `kind/name`. */
export function peerNamed(path: string): Peer {
  const found = PEERS.find(({ kind, name }) => `${kind}/${name}` === path);
  if (found === undefined) throw new Error(`there is no peer ${path}`);
  return found;
}
