import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ErrorCode } from "../../protocol/errors.ts";
import { readFetched } from "../../protocol/records.ts";
import { RawTransactions, type Wire } from "../support/raw-transactions.ts";
import { type Bench, batchOf, type RawClient, startBench } from "./raw-client.ts";
import { fetchFrom, produceTo } from "./records-bench.ts";
import { benchWire } from "./transaction-bench.ts";

const PRODUCERS = 3;

type Step =
  | { readonly do: "send" | "commit" | "abort" | "replace" | "expire" | "plain" | "offset"; readonly who: number }
  | { readonly do: "read"; readonly who: number; readonly maxBytes: number }
  | { readonly do: "move" | "hold" | "release" | "coordinator"; readonly who: number };

const who = fc.nat(PRODUCERS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("send" as const), who }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("commit" as const, "abort" as const), who }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("plain" as const, "offset" as const), who }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("read" as const), who, maxBytes: fc.constantFrom(1, 200, 1e6) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("replace" as const, "expire" as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("move" as const, "coordinator" as const), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("hold" as const, "release" as const), who }) },
);

/** What becomes of a record: undefined while that is open. */
type Fate = { committed: boolean | undefined };

/** A cluster, its producers, a reader, and what should come of it all. */
class Model {
  readonly bench: Bench;
  readonly #clients: readonly RawClient[];
  readonly #version: 1 | 2;
  readonly #producers: RawTransactions[] = [];
  /** The open transactions, as their producers know them. */
  readonly #open: (Fate | undefined)[] = [];
  readonly #fates = new Map<string, Fate>();
  readonly #seen: string[] = [];
  readonly #coordinators = new Map<string, number>();
  #position = 0;
  #count = 0;
  #release: (() => void) | undefined;
  #pendingOffsets: { readonly fate: Fate; readonly offset: number }[] = [];

  private constructor(bench: Bench, clients: readonly RawClient[], version: 1 | 2) {
    this.bench = bench;
    this.#clients = clients;
    this.#version = version;
  }

  static async start(version: 1 | 2): Promise<Model> {
    const bench = await startBench({
      nodes: 2,
      defaultReplicationFactor: 2,
      features: { "transaction.version": version },
    });
    await bench.broker.createTopic("t", { partitions: 1 });
    const model = new Model(bench, [await bench.connect(1), await bench.connect(2)], version);
    bench.broker.faults.moveCoordinator("g", 1);
    for (let i = 0; i < PRODUCERS; i++) {
      model.#moveCoordinator(`tx${i}`, 1);
      await model.#replace(i);
    }
    return model;
  }

  /** The way to who is responsible now. The group stays on node 1. */
  get #wire(): Wire {
    const node = (nodeId: number): Wire => benchWire(this.bench, this.#clients[nodeId - 1]!);
    return {
      ...node(1),
      toTransactions: (...args) => node(this.#coordinators.get(args[0])!).toTransactions(...args),
      toLeader: (...args) => node(this.#leaderId).toLeader(...args),
    };
  }
  get #leaderId(): number {
    return this.bench.broker.topics()[0]!.partitions[0]!.leaderId;
  }
  #moveCoordinator(id: string, nodeId: number): void {
    this.#coordinators.set(id, nodeId);
    this.bench.broker.faults.moveTransactionCoordinator(id, nodeId);
  }

  async run(what: Step): Promise<void> {
    const { transactionalId } = this.#producers[what.who]!;
    const { faults } = this.bench.broker;
    switch (what.do) {
      case "send":
        return this.#send(what.who);
      case "commit":
      case "abort":
        return this.#end(what.who, what.do === "commit");
      case "offset":
        return this.#offset(what.who);
      case "replace":
        return this.#replace(what.who);
      case "expire":
        return this.#expire(what.who);
      case "plain":
        return this.#plain();
      case "read":
        return this.#read(what.maxBytes);
      case "move":
        return faults.moveLeader("t", 0, 3 - this.#leaderId);
      case "coordinator":
        return this.#moveCoordinator(transactionalId, 3 - this.#coordinators.get(transactionalId)!);
      case "hold":
        this.#release ??= faults.holdMarkers();
        return;
      case "release":
        this.#letGo();
    }
  }

  #letGo(): void {
    this.#release?.();
    this.#release = undefined;
  }

  async #send(index: number): Promise<void> {
    const fate = this.#open[index] ?? { committed: undefined };
    // Nothing of the next transaction is taken while the last one's markers are due.
    if (this.#open[index] === undefined) this.#letGo();
    this.#count += 1;
    const value = `${this.#count}`;
    const { errorCode } = await this.#producers[index]!.send("t", 0, value);
    assert.equal(errorCode, ErrorCode.NONE);
    this.#open[index] = fate;
    this.#fates.set(value, fate);
  }

  async #offset(index: number): Promise<void> {
    const fate = this.#open[index] ?? { committed: undefined };
    if (this.#open[index] === undefined) this.#letGo();
    this.#count += 1;
    assert.equal(await this.#producers[index]!.commitOffset("g", "t", 0, this.#count), ErrorCode.NONE);
    this.#open[index] = fate;
    this.#pendingOffsets = this.#pendingOffsets.filter((one) => one.fate !== fate);
    this.#pendingOffsets.push({ fate, offset: this.#count });
  }

  async #end(index: number, committed: boolean): Promise<void> {
    const fate = this.#open[index];
    if (fate === undefined) return;
    assert.equal(await this.#producers[index]!.end(committed), ErrorCode.NONE);
    fate.committed = committed;
    this.#open[index] = undefined;
  }

  async #replace(index: number): Promise<void> {
    this.#letGo();
    const fate = this.#open[index];
    const old = this.#producers[index];
    this.#producers[index] = await RawTransactions.start(this.#wire, `tx${index}`, this.#version);
    if (old !== undefined) {
      const zombie = await old.produceOnce("t", 0, ["zombie"]);
      assert.notEqual(zombie.errorCode, ErrorCode.NONE);
      assert.notEqual((await old.endOnce(true)).errorCode, ErrorCode.NONE);
    }
    if (fate !== undefined) fate.committed = false;
    this.#open[index] = undefined;
  }

  async #expire(index: number): Promise<void> {
    if (this.#open[index] === undefined) return;
    this.bench.broker.faults.expireTransaction(`tx${index}`);
    return this.#replace(index);
  }

  async #plain(): Promise<void> {
    this.#count += 1;
    const value = `${this.#count}`;
    const client = this.#clients[this.#leaderId - 1]!;
    const records = batchOf([[null, value]], this.bench.clock.now());
    assert.equal((await produceTo(client, this.bench, records)).errorCode, ErrorCode.NONE);
    this.#fates.set(value, { committed: true });
  }

  /** One fetch of a reader that goes on where it was: it never gets what is not committed. */
  async #read(maxBytes: number): Promise<void> {
    const client = this.#clients[this.#leaderId - 1]!;
    const wanted = { fetchOffset: this.#position, partitionMaxBytes: maxBytes };
    const part = await fetchFrom(client, this.bench, wanted, { isolationLevel: 1 });
    assert.equal(part.errorCode, ErrorCode.NONE);
    const bytes = part.records!.slice();
    if (bytes.length === 0) return;
    const { records, nextOffset } = readFetched(bytes, this.#position, part.abortedTransactions, 1 << 20);
    for (const { value } of records) {
      const text = new TextDecoder().decode(value!);
      assert.equal(this.#fates.get(text)?.committed, true, `${text} is seen`);
      this.#seen.push(text);
    }
    this.#position = nextOffset;
  }

  /** Ends everything: the reader has seen exactly what was committed, in the order in which it was written. */
  async finish(): Promise<void> {
    this.#letGo();
    for (let i = 0; i < PRODUCERS; i++) await this.#end(i, i % 2 === 0);
    for (let before = -1; before !== this.#position; ) {
      before = this.#position;
      await this.#read(150);
    }
    const expected = [...this.#fates].filter(([, fate]) => fate.committed).map(([value]) => value);
    assert.deepEqual(this.#seen, expected);
    const last = this.#pendingOffsets.findLast((one) => one.fate.committed);
    const group = this.bench.broker.groups().find((one) => one.groupId === "g");
    assert.equal(group?.offsets[0]?.offset, last?.offset);
    await this.bench.broker.close();
  }
}

describe("transactions of several producers", () => {
  for (const version of [1, 2] as const) {
    test(`in any order: readers get what is committed, all of it, in order, transaction version ${version}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
          const model = await Model.start(version);
          for (const one of steps) await model.run(one);
          await model.finish();
        }),
        { numRuns: 100 },
      );
    });
  }
});
