import { type Clock, sleep } from "../net/clock.ts";
import { Connection } from "../net/connection.ts";
import { ConnectionError, type KafkaError } from "../net/errors.ts";
import { LONG_SILENCE } from "../net/request-line.ts";
import type { SaslMechanism } from "../net/sasl-mechanism.ts";
import { type Address, formatAddress, type Transport } from "../net/transport.ts";
import { type BackoffOptions, backoffDelay } from "./backoff.ts";
import { BrokerMonitor } from "./broker-monitor.ts";
import { ClientEventHub } from "./client-events.ts";
import type { BrokerStatistics } from "./client-statistics.ts";
import { asKafkaError, ClosedError } from "./errors.ts";
import { closeHalfOpen } from "./half-open.ts";

/**
 * What a connection is for. A broker answers each connection's requests one after the other, so a long poll or a
 * pending join must not stand before a heartbeat or a produce. Fetchers and members each have their own (numbered): on
 * a shared one a member's join would wait behind another's, which waits for that very join.
 */
export type ConnectionRole =
  | "produce"
  | "heartbeat"
  | "offsets"
  | "general"
  | "transactions"
  | `${"fetch" | "fetch-beside" | "group"}/${number}`;

export interface PoolOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly clientId: string;
  readonly connectTimeout: number;
  readonly requestTimeout: number;
  readonly maxFrameBytes: number;
  readonly sasl?: SaslMechanism | undefined;
  readonly reconnectBackoff: BackoffOptions;
  readonly events?: ClientEventHub | undefined;
  /** A broker owes answers, and has said nothing for some seconds. */
  readonly silent?: (() => void) | undefined;
}

interface Slot {
  opening: Promise<Connection> | undefined;
  /** Gives up what is being opened. */
  giveUp: AbortController | undefined;
  /** When that was begun (monotonic ms). */
  begunAt: number;
  open: Connection | undefined;
  failures: number;
  nextAttemptAt: number;
}

const IDLE: Slot = {
  ...{ opening: undefined, giveUp: undefined, begunAt: Number.POSITIVE_INFINITY },
  ...{ open: undefined, failures: 0, nextAttemptAt: 0 },
};

/** The open connections, one for each address and role. A closed one is opened again by the next call that wants it. */
export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #slots = new Map<string, Slot>();
  /** By address. They stay when connections go: what was counted is not forgotten. */
  readonly #monitors = new Map<string, BrokerMonitor>();
  readonly #events: ClientEventHub;
  /** Addresses that are asked whether they answer anybody. */
  readonly #probed = new Set<string>();
  readonly #closing = new AbortController();

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#events = options.events ?? new ClientEventHub();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /** An open connection; calls at the same time share one attempt, and a failed one is not repeated before its backoff. */
  get(address: Address, role: ConnectionRole): Promise<Connection> {
    if (this.#isClosed) return Promise.reject(new ClosedError("the Kafka client"));
    const key = slotKey(address, role);
    let slot = this.#slots.get(key);
    if (slot === undefined) {
      slot = { ...IDLE };
      this.#slots.set(key, slot);
    }
    if (slot.open !== undefined) return Promise.resolve(slot.open);
    slot.opening ??= this.#open(address, role, slot);
    return slot.opening;
  }

  /** The connection where it is open now. */
  peek(address: Address, role: ConnectionRole): Connection | undefined {
    return this.#slots.get(slotKey(address, role))?.open;
  }

  /** Whether the last attempt at the address failed, or the connection is open and long silent. */
  isFailing(address: Address, role: ConnectionRole): boolean {
    const slot = this.#slots.get(slotKey(address, role));
    if (slot === undefined) return false;
    return slot.open === undefined ? slot.failures > 0 : slot.open.line.isSilent;
  }

  async #open(address: Address, role: ConnectionRole, slot: Slot): Promise<Connection> {
    const { clock, reconnectBackoff } = this.#options;
    const giveUp = new AbortController();
    const { signal } = giveUp;
    const monitor = this.#monitor(address);
    slot.giveUp = giveUp;
    slot.begunAt = Number.POSITIVE_INFINITY;
    try {
      const wait = slot.nextAttemptAt - clock.monotonic();
      if (wait > 0) await sleep(clock, wait, signal);
      if (this.#isClosed) throw new ClosedError("the Kafka client");
      slot.begunAt = clock.monotonic();
      const connection = await Connection.open({ ...this.#options, address, signal, observer: monitor.observer(role) });
      monitor.connected(role, clock.monotonic() - slot.begunAt);
      if (this.#isClosed) connection.close();
      slot.failures = 0;
      slot.open = connection;
      connection.onClose((cause) => {
        if (slot.open === connection) slot.open = undefined;
        monitor.disconnected(role, cause);
      });
      return connection;
    } catch (error) {
      if (this.#isClosed) throw new ClosedError("the Kafka client");
      slot.failures++;
      monitor.connectFailed(role, clock.monotonic() - slot.begunAt, asKafkaError(error));
      slot.nextAttemptAt = clock.monotonic() + backoffDelay(reconnectBackoff, slot.failures, clock);
      throw error;
    } finally {
      slot.opening = undefined;
      slot.giveUp = undefined;
    }
  }

  #monitor(address: Address): BrokerMonitor {
    const broker = formatAddress(address);
    let monitor = this.#monitors.get(broker);
    if (monitor === undefined) {
      monitor = new BrokerMonitor(broker, this.#events, () => this.#silent(address));
      this.#monitors.set(broker, monitor);
    }
    return monitor;
  }

  #silent(address: Address): void {
    this.#options.silent?.();
    const broker = formatAddress(address);
    if (this.#probed.has(broker) || !this.#opened(broker).some(({ line }) => line.isOverdue)) return;
    this.#probed.add(broker);
    const probe = { ...this.#options, address, signal: this.#closing.signal };
    const done = (): void => void this.#probed.delete(broker);
    // Where nobody is let in just now, it is not the old connections' fault.
    closeHalfOpen(probe, () => this.#opened()).then(done, done);
  }

  /** What was counted, by address. */
  statistics(): BrokerStatistics[] {
    return [...this.#monitors].map(([broker, monitor]) => monitor.statistics(this.#opened(broker)));
  }

  /** To one broker, or to all. */
  #opened(broker?: string): Connection[] {
    const all = [...this.#slots.values()].flatMap(({ open }) => open ?? []);
    return broker === undefined ? all : all.filter((connection) => connection.broker === broker);
  }

  /** Closes the connections of one role, and forgets them. */
  release(role: ConnectionRole): void {
    this.#drop((key) => key.endsWith(`|${role}`));
  }

  /** Closes the connections to one address, and forgets them. */
  forget(address: Address): void {
    this.#drop((key) => key.startsWith(`${formatAddress(address)}|`));
  }

  #drop(isMeant: (key: string) => boolean): void {
    for (const [key, slot] of this.#slots) {
      if (!isMeant(key)) continue;
      this.#slots.delete(key);
      slot.open?.close();
      slot.giveUp?.abort();
      slot.opening?.then(
        (connection) => connection.close(),
        () => {},
      );
    }
  }

  /**
   * Gives up connections, and attempts at them, that have long been silent, but for those to these addresses: the rest of
   * the cluster takes the others for gone, and what was asked there may be asked elsewhere.
   */
  giveUpSilent(except: ReadonlySet<string>): void {
    const since = this.#options.clock.monotonic() - LONG_SILENCE;
    for (const [key, slot] of this.#slots) {
      if (except.has(key.slice(0, key.indexOf("|")))) continue;
      if (slot.open?.line.isSilent) slot.open.giveUp("it is silent, and the cluster does not list the broker any more");
      if (slot.begunAt <= since) slot.giveUp?.abort();
    }
  }

  /** Closes every connection, and gives up those being opened; requests in flight reject. */
  close(): void {
    this.#closing.abort();
    for (const slot of this.#slots.values()) {
      slot.giveUp?.abort();
      slot.open?.close();
    }
  }
}

function slotKey(address: Address, role: ConnectionRole): string {
  return `${formatAddress(address)}|${role}`;
}

/** One error for several addresses that all failed, naming each with its reason. */
export function noneReachable(failures: readonly { readonly address: Address; readonly error: unknown }[]): KafkaError {
  const reasons = failures.map(({ address, error }) => `${formatAddress(address)}: ${(error as Error).message}`);
  return new ConnectionError(`no Kafka broker could be reached: ${reasons.join("; ")}`, { cause: failures[0]?.error });
}
