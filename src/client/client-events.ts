import { type DiagnosticsChannel, diagnosticsChannel } from "../net/diagnostics.ts";
import { InvalidArgumentError, type KafkaError } from "./errors.ts";
import type { TopicPartition } from "./topic-partition.ts";

interface OnConnection {
  /** `host:port`. */
  readonly broker: string;
  /** What the connection is for: "produce", "fetch/1", "heartbeat" and such. */
  readonly role: string;
}

/** What a client tells of itself. Times are in milliseconds. */
export interface ClientEvents {
  /** A connection is open: the broker is known and, with SASL, knows who this is. */
  readonly connect: OnConnection & { readonly duration: number };
  /** A connection could not be opened. */
  readonly connectFailed: OnConnection & { readonly duration: number; readonly error: KafkaError };
  /** A connection that was open has closed, and why. */
  readonly disconnect: OnConnection & { readonly error: KafkaError };
  /** A request had its answer, or has `error` instead. */
  readonly request: OnConnection & {
    readonly api: string;
    readonly version: number;
    readonly duration: number;
    readonly requestBytes: number;
    readonly responseBytes: number;
    readonly error: KafkaError | undefined;
  };
  /** A broker asked this client to pause: it is over its quota (KIP-219). */
  readonly throttle: OnConnection & { readonly api: string; readonly duration: number };
  /** A broker told of the cluster. */
  readonly metadata: { readonly brokers: number; readonly topics: number };
  /** Partitions have come to a member of a group, have to be given back, or are lost to it. */
  readonly rebalance: {
    readonly groupId: string;
    readonly kind: "assigned" | "revoked" | "lost";
    readonly partitions: readonly TopicPartition[];
  };
}

export type ClientEventName = keyof ClientEvents;

const NAMES: Readonly<Record<ClientEventName, true>> = {
  connect: true,
  connectFailed: true,
  disconnect: true,
  request: true,
  throttle: true,
  metadata: true,
  rebalance: true,
};

interface Listened {
  readonly channel: DiagnosticsChannel | undefined;
  listeners: readonly ((event: never) => void)[];
}

/**
 * Tells whoever listens, here or on the channels `ottla:kafka:<event>` of node:diagnostics_channel. Where nobody does,
 * an event costs one look: callers ask {@link wants} before they put one together.
 */
export class ClientEventHub {
  readonly #byName = new Map<ClientEventName, Listened>();

  constructor() {
    for (const name of Object.keys(NAMES) as ClientEventName[]) {
      this.#byName.set(name, { channel: diagnosticsChannel(`ottla:kafka:${name}`), listeners: [] });
    }
  }

  /** Calls `listener` with each event of this name; returns its remover. What it throws is thrown where nothing else is hurt. */
  on<Name extends ClientEventName>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    const listened = this.#byName.get(name);
    if (listened === undefined) {
      throw new InvalidArgumentError(`there is no event ${String(name)}: there are ${Object.keys(NAMES).join(", ")}`);
    }
    if (typeof listener !== "function") throw new InvalidArgumentError(`the listener of ${name} is no function`);
    // A wrapper of its own: one function may listen twice, and each remover takes away one.
    const own = (event: never): void => listener(event);
    listened.listeners = [...listened.listeners, own];
    return () => {
      listened.listeners = listened.listeners.filter((one) => one !== own);
    };
  }

  /** Whether anyone wants events of this name. */
  wants(name: ClientEventName): boolean {
    const { channel, listeners } = this.#byName.get(name)!;
    return listeners.length > 0 || channel?.hasSubscribers === true;
  }

  emit<Name extends ClientEventName>(name: Name, event: ClientEvents[Name]): void {
    const { channel, listeners } = this.#byName.get(name)!;
    for (const listener of listeners) call(listener, event);
    if (channel?.hasSubscribers === true) channel.publish(event);
  }
}

function call(listener: (event: never) => void, event: unknown): void {
  try {
    listener(event as never);
  } catch (error) {
    // The client goes on; whoever listens hears of it as of any error that nobody caught.
    queueMicrotask(() => {
      throw error;
    });
  }
}
