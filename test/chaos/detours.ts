import { parseAddress } from "../../src/client/address.ts";
import { Detour } from "./detour.ts";

/** One process's ways to the brokers. */
export interface Ways {
  /** By broker. */
  readonly detours: readonly Detour[];
  /** Instead of which broker, as `host:port`, which port of this machine is dialled. */
  readonly ports: Readonly<Record<string, number>>;
}

/** Detours of every process to every broker: so one process can be cut off, or one broker from everybody. */
export class Detours {
  readonly #brokers: readonly string[];
  readonly #ways = new Map<string, Ways>();

  constructor(brokers: readonly string[]) {
    this.#brokers = brokers;
  }

  /** Opens those of a process that is about to start. */
  async open(): Promise<Ways> {
    const detours = await Promise.all(this.#brokers.map((broker) => Detour.open(parseAddress(broker))));
    return { detours, ports: Object.fromEntries(this.#brokers.map((broker, i) => [broker, detours[i]!.port])) };
  }

  /** Whose they are. */
  set(name: string, ways: Ways): void {
    this.#ways.set(name, ways);
  }

  /** A process has ended. */
  async leave(name: string): Promise<void> {
    const ways = this.#ways.get(name);
    this.#ways.delete(name);
    await Promise.all(ways?.detours.map((detour) => detour.close()) ?? []);
  }

  of(name: string): readonly Detour[] {
    return this.#ways.get(name)?.detours ?? [];
  }

  /** Everybody's to a broker, which is numbered from 1. */
  to(broker: number): readonly Detour[] {
    return [...this.#ways.values()].map(({ detours }) => detours[broker - 1]!);
  }

  get all(): readonly Detour[] {
    return [...this.#ways.values()].flatMap(({ detours }) => detours);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#ways.keys()].map((name) => this.leave(name)));
  }
}
