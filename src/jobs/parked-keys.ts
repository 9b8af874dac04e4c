import type { Timer } from "../net/clock.ts";
import type { BufferedRecord } from "./record-buffer.ts";
import type { ParkedEntry, PartitionState, StateRequest } from "./state-scan.ts";
import { type StateKey, stateKey } from "./state-topic.ts";

/** A job that is parked. */
export interface ParkedJob {
  /** In the queue's partition. */
  readonly offset: number;
  /** Of its record in the state topic's partition. Undefined: nobody has said. */
  at: number | undefined;
}

/**
 * The parked jobs of one key, oldest first. "kept": they wait for somebody to decide. "release": they are run, one after
 * the other. "discard": they are let go of.
 */
export class ParkedKey {
  readonly by: string;
  readonly jobs: ParkedJob[] = [];
  /** Requests that are in force, by their keys in the state topic. */
  readonly requests: Map<string, StateKey> = new Map();
  mode: "kept" | "release" | "discard" = "kept";
  /** Jobs that are on their way to be parked behind the others. */
  arriving = 0;
  /** Its first job is being loaded, runs, or is being ended. */
  isBusy = false;
  /** Its first job waits for its time. */
  wait: Timer | undefined;
  /** Its first job, ready to run. */
  loaded: BufferedRecord | undefined;
  /** Its first job may have been running when the last owner died. */
  isSuspect = false;

  constructor(by: string) {
    this.by = by;
  }

  get first(): ParkedJob | undefined {
    return this.jobs[0];
  }

  /** Whether nothing is left of it. */
  get isEmpty(): boolean {
    return this.jobs.length === 0 && this.arriving === 0;
  }

  cancelWait(): void {
    this.wait?.cancel();
    this.wait = undefined;
  }
}

/** The parked keys of one partition. Keeps some 32 bytes for each parked job, and its key's text once. */
export class ParkedKeys {
  readonly #keys = new Map<string, ParkedKey>();
  readonly #byOffset = new Map<number, ParkedKey>();
  readonly #released = new Set<ParkedKey>();

  /**
   * What was loaded, for the topic with this id: gives what is of another, which is gone with its topic, and the requests
   * that nothing is left to do for.
   */
  begin(
    { parked, requests }: Pick<PartitionState, "parked" | "requests">,
    topicId: string,
    wasOpen: boolean,
  ): { readonly foreign: readonly ParkedEntry[]; readonly idle: readonly StateRequest[] } {
    const foreign = parked.filter((each) => each.topicId !== topicId);
    for (const { by, offset, at, topicId: own } of parked) if (own === topicId) this.add(by, offset, at);
    const idle = requests.filter((request) => !this.request(request));
    for (const key of this.#keys.values()) key.isSuspect = wasOpen && key.mode === "release";
    return { foreign, idle };
  }

  get size(): number {
    return this.#keys.size;
  }

  /** Jobs of all keys. */
  get jobs(): number {
    return this.#byOffset.size;
  }

  /** Those that somebody has decided on, longest ago first. */
  get released(): ReadonlySet<ParkedKey> {
    return this.#released;
  }

  get(by: string): ParkedKey | undefined {
    return this.#keys.get(by);
  }

  /** The key of a job that is parked. */
  ofJob(offset: number): ParkedKey | undefined {
    return this.#byOffset.get(offset);
  }

  /** The job was parked, behind what is there. */
  add(by: string, offset: number, at: number | undefined): ParkedKey {
    const key = this.#keys.get(by) ?? new ParkedKey(by);
    this.#keys.set(by, key);
    key.jobs.push({ offset, at });
    this.#byOffset.set(offset, key);
    return key;
  }

  /** Whether there is such a key. */
  request({ key: requestKey, by }: StateRequest): boolean {
    const key = this.#keys.get(by);
    const { kind } = requestKey;
    if (key === undefined || (kind !== "release" && kind !== "discard")) return false;
    key.requests.set(stateKey(requestKey), requestKey);
    key.mode = kind;
    this.#released.add(key);
    return true;
  }

  /** These requests are in force no more. Without any, what is left is kept. */
  withdraw(key: ParkedKey, requests: readonly StateKey[]): void {
    for (const request of requests) key.requests.delete(stateKey(request));
    if (key.requests.size > 0) return;
    key.mode = "kept";
    this.#released.delete(key);
  }

  /** The first job of the key has ended. */
  shift(key: ParkedKey): void {
    const gone = key.jobs.shift();
    if (gone !== undefined) this.#byOffset.delete(gone.offset);
    key.loaded = undefined;
    key.isSuspect = false;
    this.drop(key);
  }

  /** Forgets the key, if nothing is left of it. */
  drop(key: ParkedKey): void {
    if (!key.isEmpty) return;
    this.#keys.delete(key.by);
    this.#released.delete(key);
  }
}
