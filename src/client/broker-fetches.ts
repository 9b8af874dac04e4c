import { fetch as fetchApi } from "../../protocol/messages/01-fetch.ts";
import type { Connection } from "../net/connection.ts";
import { backoffDelay } from "./backoff.ts";
import type { Cluster } from "./cluster.ts";
import type { ConnectionRole } from "./connection-pool.ts";
import { ProtocolError } from "./errors.ts";
import type { FetchPosition } from "./fetch-position.ts";
import { type FetchAnswer, FetchSession, type WishTerms } from "./fetch-session.ts";

/** What every fetch says alike. */
export interface FetchTerms {
  readonly isolationLevel: number;
  readonly maxWait: number;
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
  readonly rackId: string;
}

/** What a broker's fetches need to know, and whom they tell. */
export interface FetchesOwner {
  readonly terms: () => FetchTerms;
  /** What is asked for the position here; undefined: nothing, for now. */
  wish(position: FetchPosition, nodeId: number): WishTerms | undefined;
  /** What came, and which positions the broker should have spoken of and did not. */
  answered(answers: readonly FetchAnswer[], unanswered: readonly FetchPosition[]): void;
  /** No answer came, or an error in its place, so many times in a row. */
  failed(positions: readonly FetchPosition[], error: unknown, failures: number): void;
  /** Something may be asked for now. */
  wake(): void;
}

const LAST_VERSION_WITH_NAMES = 12;
/** With less than this (ms) left of a long poll, what comes back waits for its end. */
const NEARLY_OVER = 20;
/** A fetch beside a long poll waits for this part of it: whatever comes back next has to wait as long. */
const BESIDE_PART = 1 / 50;

/**
 * The fetches of one broker: a long poll in a session, and beside it, on a connection of its own, short ones for
 * partitions that came back meanwhile. They end when the poll does, so that the next poll has all of them again.
 */
export class BrokerFetches {
  readonly #nodeId: number;
  readonly #cluster: Cluster;
  readonly #owner: FetchesOwner;
  readonly #pollRole: ConnectionRole;
  readonly #besideRole: ConnectionRole;
  readonly #session = new FetchSession();
  /** Positions for which the session may have to be told something else. */
  #changed = new Set<FetchPosition>();
  #partitionMaxBytes = 0;
  #isPolling = false;
  /** When the poll that is under way ends at the latest (monotonic ms). */
  #pollEnd = 0;
  #isBesideBusy = false;
  #isClosed = false;
  #failures = 0;
  /** Monotonic ms before which nothing is asked for: after a failure, or because the broker said so (KIP-219). */
  #retryAt = 0;

  constructor(nodeId: number, cluster: Cluster, roles: readonly ConnectionRole[], owner: FetchesOwner) {
    this.#nodeId = nodeId;
    this.#cluster = cluster;
    this.#pollRole = roles[0]!;
    this.#besideRole = roles[1]!;
    this.#owner = owner;
  }

  /** Something about the position has changed. */
  touch(position: FetchPosition): void {
    this.#changed.add(position);
  }

  /** Asks for what can be asked for now. Gives when (monotonic ms) it has to be called again for time alone. */
  poll(now: number): number {
    if (this.#retryAt > now)
      return this.#changed.size > 0 || this.#session.size > 0 ? this.#retryAt : Number.POSITIVE_INFINITY;
    if (!this.#isPolling) {
      this.#update();
      if (this.#session.size > 0) void this.#poll();
    } else if (!this.#isBesideBusy && this.#changed.size > 0 && this.#pollEnd - now > NEARLY_OVER) {
      const positions = [...this.#changed].filter((position) => this.#isLeftOut(position));
      if (positions.length > 0) void this.#fetchBeside(positions);
    }
    return Number.POSITIVE_INFINITY;
  }

  #isLeftOut(position: FetchPosition): boolean {
    return !position.isBeside && !this.#session.has(position) && this.#wish(position) !== undefined;
  }

  #wish(position: FetchPosition): WishTerms | undefined {
    return this.#owner.wish(position, this.#nodeId);
  }

  #update(): void {
    const { partitionMaxBytes } = this.#owner.terms();
    if (partitionMaxBytes !== this.#partitionMaxBytes) for (const one of this.#session.positions) this.touch(one);
    this.#partitionMaxBytes = partitionMaxBytes;
    const changed = this.#changed;
    this.#changed = new Set();
    for (const position of changed) {
      const wish = position.isBeside ? undefined : this.#wish(position);
      if (wish === undefined) this.#session.delete(position);
      else this.#session.set(position, wish);
    }
  }

  async #poll(): Promise<void> {
    this.#isPolling = true;
    this.#pollEnd = 0;
    await this.#ask(this.#pollRole, this.#session, () => {
      this.#isPolling = false;
    });
  }

  async #fetchBeside(positions: readonly FetchPosition[]): Promise<void> {
    const once = new FetchSession();
    for (const position of positions) {
      once.set(position, this.#wish(position)!);
      position.isBeside = true;
    }
    this.#isBesideBusy = true;
    await this.#ask(this.#besideRole, once, () => {
      this.#isBesideBusy = false;
      for (const position of positions) {
        position.isBeside = false;
        this.touch(position);
      }
    });
  }

  /** Sends one fetch and hands on what it brings. `done` is called once, before anybody learns of it. */
  async #ask(role: ConnectionRole, session: FetchSession, done: () => void): Promise<void> {
    try {
      const connection = await this.#cluster.node(this.#nodeId, role);
      if (this.#isClosed) return;
      if (session === this.#session) this.#update();
      if (session.size > 0) await this.#exchange(connection, session, done);
      else done();
    } catch (error) {
      if (this.#isClosed) return;
      const { clock, options } = this.#cluster;
      const positions = session.positions;
      session.lost();
      this.#failures++;
      this.#retryAt = clock.monotonic() + backoffDelay(options.retryBackoff, this.#failures, clock);
      done();
      this.#owner.failed(positions, error, this.#failures);
    } finally {
      this.#owner.wake();
    }
  }

  async #exchange(connection: Connection, session: FetchSession, done: () => void): Promise<void> {
    const { clock, options } = this.#cluster;
    const isPoll = session === this.#session;
    const maxVersion = session.isByName ? LAST_VERSION_WITH_NAMES : undefined;
    const version = connection.versionOf(fetchApi, maxVersion);
    const { maxWait, maxBytes, isolationLevel, rackId } = this.#owner.terms();
    const now = clock.monotonic();
    if (isPoll) this.#pollEnd = now + maxWait;
    const pollLeft = Math.max(0, this.#pollEnd - now - NEARLY_OVER);
    const maxWaitMs = isPoll ? maxWait : Math.floor(Math.min(pollLeft, maxWait * BESIDE_PART));
    const isFull = !isPoll || session.isFull;
    const partitions = isPoll ? session.request(version) : session.requestOnce(version);
    const response = await connection.send(
      fetchApi,
      { maxWaitMs, minBytes: 1, maxBytes, isolationLevel, rackId, ...partitions },
      {
        ...{ timeout: maxWait + options.requestTimeout, poll: maxWait, maxVersion },
        bodySize: 64 + (isFull ? 64 * session.size : 256),
      },
    );
    if (this.#isClosed) return;
    const { errorCode, throttleTimeMs, nodeEndpoints } = response;
    this.#cluster.metadata.learnNodes(nodeEndpoints);
    if (throttleTimeMs > 0) this.#retryAt = clock.monotonic() + throttleTimeMs;
    const hasSession = !isPoll || session.answered(response);
    if (errorCode !== 0 && isFull) throw new ProtocolError(errorCode, "fetch", { broker: connection.broker });
    done();
    this.#failures = 0;
    if (!hasSession) return;
    const answers = [...session.answers(response)];
    // A full fetch is answered for every partition, but for one that was refused for its rate.
    const missing = new Set(isFull && throttleTimeMs === 0 ? session.positions : []);
    for (const { position } of answers) missing.delete(position);
    this.#owner.answered(answers, [...missing]);
  }

  close(): void {
    this.#isClosed = true;
  }
}
