import { ErrorCode } from "../../protocol/errors.ts";
import { findCoordinator } from "../../protocol/messages/10-find-coordinator.ts";
import { sleep } from "../net/clock.ts";
import type { Connection } from "../net/connection.ts";
import type { Address } from "../net/transport.ts";
import { type BackoffOptions, backoffDelay } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import type { ConnectionRole } from "./connection-pool.ts";
import { ClosedError, KafkaError, ProtocolError } from "./errors.ts";

/** What a coordinator coordinates: a group, or the transactions of a transactional id. */
export type CoordinatedKind = "group" | "transaction";

const KEY_TYPES: Readonly<Record<CoordinatedKind, number>> = { group: 0, transaction: 1 };
const NAMES: Readonly<Record<CoordinatedKind, string>> = { group: "group", transaction: "transactional id" };
/** A broker that hangs must not hold up the question that another could answer (ms). */
const FIND_TIMEOUT = 5_000;
const FIRST_BATCHED = 4;
/** The markers of the transaction before are being written: that takes milliseconds. */
const CONCURRENT_BACKOFF: BackoffOptions = { initial: 10, max: 200 };

/** Whether an error says that another broker coordinates it now. */
export function isCoordinatorMoved(errorCode: number): boolean {
  return errorCode === ErrorCode.NOT_COORDINATOR || errorCode === ErrorCode.COORDINATOR_NOT_AVAILABLE;
}

/** Finds the broker that coordinates a group or a transactional id, and connections to it. */
export class Coordinator {
  /** The group's id, or the transactional id. */
  readonly key: string;
  readonly #kind: CoordinatedKind;
  readonly #cluster: Cluster;
  #address: Promise<Address> | undefined;

  constructor(cluster: Cluster, key: string, kind: CoordinatedKind = "group") {
    this.#cluster = cluster;
    this.key = key;
    this.#kind = kind;
  }

  /** A connection to the coordinator as last known. */
  async connection(role: ConnectionRole): Promise<Connection> {
    this.#address ??= this.#find();
    try {
      return await this.#cluster.at(await this.#address, role);
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  /** Looks for it anew at the next call. */
  forget(): void {
    this.#address = undefined;
  }

  async #find(): Promise<Address> {
    const connection = await this.#cluster.any("general");
    const { key } = this;
    const keyType = KEY_TYPES[this.#kind];
    const what = `${NAMES[this.#kind]} ${key}`;
    const batched = connection.versionOf(findCoordinator) >= FIRST_BATCHED;
    const body = batched ? { keyType, coordinatorKeys: [key] } : { keyType, key };
    const timeout = Math.min(FIND_TIMEOUT, this.#cluster.options.requestTimeout);
    const response = await connection.send(findCoordinator, body, { timeout, poll: 0 });
    const found = batched ? response.coordinators[0] : response;
    if (found === undefined) {
      throw new KafkaError("MISSING_ANSWER", `the broker named no coordinator for ${what}`, true, {
        broker: connection.broker,
      });
    }
    if (found.errorCode !== 0) {
      throw new ProtocolError(found.errorCode, `coordinator of ${what}`, { broker: connection.broker });
    }
    return { host: found.host, port: found.port };
  }

  /**
   * Repeats `attempt` while it fails in ways that pass: a moved coordinator is looked for again. Rejects with what does
   * not pass, with the last failure after `timeout` ms, or when `signal` aborts.
   */
  async retry<T>(
    role: ConnectionRole,
    timeout: number,
    signal: AbortSignal | undefined,
    attempt: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const { clock, options } = this.#cluster;
    const deadline = clock.monotonic() + timeout;
    for (let failures = 1; ; failures++) {
      try {
        return await attempt(await this.connection(role));
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable) throw error;
        if (!(error instanceof ProtocolError) || isCoordinatorMoved(error.errorCode)) this.forget();
        const isConcurrent = error instanceof ProtocolError && error.errorCode === ErrorCode.CONCURRENT_TRANSACTIONS;
        const wait = backoffDelay(isConcurrent ? CONCURRENT_BACKOFF : options.retryBackoff, failures, clock);
        if (clock.monotonic() + wait >= deadline || signal?.aborted) throw error;
        await sleep(clock, wait, signal);
        if (this.#cluster.closed) throw new ClosedError("the Kafka client");
        if (signal?.aborted) throw error;
      }
    }
  }
}

/** Throws where the answer is an error. */
export function refuse(errorCode: number, what: string, broker: string): void {
  if (errorCode !== 0) throw new ProtocolError(errorCode, what, { broker });
}
