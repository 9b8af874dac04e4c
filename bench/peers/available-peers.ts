import { Kafka } from "ottla/kafka";
import { namedBrokers } from "../named-brokers.ts";
import { postgresUrl, redisUrl } from "./addresses.ts";
import { loadPackage, packageVersion } from "./packages/load-package.ts";
import type { Peer, Server } from "./peers.ts";

export interface Availability {
  readonly available: readonly Peer[];
  /** Why others are left out, a line each. */
  readonly skipped: readonly string[];
}

const INSTALL = "npm install --prefix bench/peers/packages";

/** Which of these are installed, and have a server that answers. */
export async function availablePeers(peers: readonly Peer[]): Promise<Availability> {
  const available: Peer[] = [];
  const skipped: string[] = [];
  for (const peer of peers) {
    const reason = missingPackage(peer) ?? (await SERVERS[peer.server]());
    if (reason === undefined) available.push(peer);
    else skipped.push(`${peer.name} is left out: ${reason}`);
  }
  return { available, skipped };
}

/** A peer's name, with its version. */
export function describePeer({ name, packages = [] }: Peer): string {
  return packages.length === 0 ? name : `${name} ${packageVersion(packages[0]!)}`;
}

function missingPackage({ packages = [] }: Peer): string | undefined {
  const missing = packages.filter((name) => packageVersion(name) === undefined);
  return missing.length === 0 ? undefined : `${missing.join(" and ")} are not installed: ${INSTALL}`;
}

/** Why a server cannot be used. */
const SERVERS: Readonly<Record<Server, () => Promise<string | undefined>>> = {
  Kafka: () =>
    reasonNot(async () => {
      const brokers = namedBrokers();
      if (brokers.length === 0) throw new Error("KAFKA_BROKERS is not set");
      const kafka = new Kafka({ brokers });
      try {
        await kafka.admin().describeCluster();
      } finally {
        await kafka.close();
      }
    }),
  Redis: () =>
    reasonNot(async () => {
      const { default: Redis } = await loadPackage<IoRedis>("ioredis");
      const client = new Redis(redisUrl(), { lazyConnect: true, retryStrategy: () => null });
      let cause: unknown;
      client.on("error", (error) => {
        cause = error;
      });
      try {
        await client.connect();
        await client.ping();
      } catch (error) {
        throw cause ?? error;
      } finally {
        client.disconnect();
      }
    }),
  Postgres: () => reasonNot(() => query("select 1")),
};

interface IoRedis {
  readonly default: new (
    url: string,
    options: object,
  ) => {
    on(event: "error", listener: (error: unknown) => void): void;
    connect(): Promise<unknown>;
    ping(): Promise<unknown>;
    disconnect(): void;
  };
}

interface Pg {
  readonly default: {
    readonly Client: new (options: {
      readonly connectionString: string;
    }) => {
      connect(): Promise<unknown>;
      query(text: string): Promise<unknown>;
      end(): Promise<unknown>;
    };
  };
}

/** Asks the database something, on a connection of its own. */
export async function query(text: string): Promise<void> {
  const { Client } = (await loadPackage<Pg>("pg")).default;
  const client = new Client({ connectionString: postgresUrl() });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

async function reasonNot(tries: () => Promise<void>): Promise<string | undefined> {
  try {
    await tries();
    return undefined;
  } catch (error) {
    const { message, errors = [] } = error as Error & { errors?: readonly Error[] };
    return message || errors.map((each) => each.message).join(", ") || String(error);
  }
}
