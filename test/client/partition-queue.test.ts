import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ProducerStamp } from "../../protocol/batch-builder.ts";
import { KafkaError } from "../../src/client/errors.ts";
import { PartitionQueue } from "../../src/client/partition-queue.ts";
import type { QueuedBatch } from "../../src/client/queued-batch.ts";
import { addBatch, IDENTITY, knownQueue } from "../support/known-queue.ts";

const LOST = new KafkaError("CONNECTION_FAILED", "lost", true);

test("batches are sent in order with running sequences, up to so many in flight", () => {
  const queue = new PartitionQueue("t", 0, 2);
  for (const count of [2, 3, 1, 4]) addBatch(queue, count);
  const first = queue.take(IDENTITY);
  assert.equal(first.stamp.baseSequence, 0);
  queue.delivered(first.batch, 0);
  const second = queue.take(IDENTITY);
  assert.equal(second.stamp.baseSequence, 2);
  assert.equal(queue.isReady(0, 0), true);
  assert.equal(queue.take(IDENTITY).stamp.baseSequence, 5);
  assert.equal(queue.isReady(0, 0), false);
  queue.delivered(second.batch, 0);
  assert.equal(queue.take(IDENTITY).stamp.baseSequence, 6);
});

test("one batch goes alone until the broker knows the producer, and again after a long rest", () => {
  const queue = new PartitionQueue("t", 0, 5);
  const [first, second] = [addBatch(queue), addBatch(queue), addBatch(queue), addBatch(queue)];
  assert.equal(queue.take(IDENTITY).batch, first);
  assert.equal(queue.isReady(0, 0), false);
  queue.delivered(first!, 0);
  assert.equal(queue.take(IDENTITY).batch, second);
  assert.equal(queue.isReady(1_000, 0), true);
  const day = 24 * 3_600_000;
  assert.equal(queue.isReady(day, 0), false);
  queue.delivered(second!, day);
  queue.take(IDENTITY);
  assert.equal(queue.isReady(day, 0), true);
});

test("one batch goes alone in a topic that was made again: its log does not know the producer", () => {
  const queue = new PartitionQueue("t", 0, 5);
  const batches = [addBatch(queue), addBatch(queue), addBatch(queue), addBatch(queue), addBatch(queue)];
  const send = (isReady: boolean): void => {
    assert.equal(queue.isReady(0, 0), isReady);
    if (isReady) queue.take(IDENTITY);
  };
  queue.inTopic("first");
  send(true);
  queue.delivered(batches[0]!, 0);
  queue.inTopic("first");
  send(true);
  send(true);
  queue.delivered(batches[1]!, 0);
  queue.delivered(batches[2]!, 0);
  queue.inTopic("second");
  send(true);
  send(false);
  queue.delivered(batches[3]!, 0);
  send(true);
});

test("a batch that fills is held back for as long as it lingers, and until it is closed", () => {
  const queue = new PartitionQueue("t", 0, 5);
  const batch = queue.openBatch(10_000, 100);
  assert.equal(queue.openBatch(10_000, 105), batch);
  assert.equal(queue.isFilling, true);
  assert.deepEqual([queue.isReady(109, 10), queue.readyAt(10), queue.isReady(110, 10)], [false, 110, true]);
  queue.seal();
  assert.deepEqual([queue.isReady(100, 10), queue.isFilling], [true, false]);
});

test("after a failure nothing is sent until all in flight have a verdict, then each again, alone, as it was", () => {
  const queue = knownQueue();
  for (let i = 0; i < 4; i++) addBatch(queue);
  const sent = [queue.take(IDENTITY), queue.take(IDENTITY), queue.take(IDENTITY)];
  queue.retry(sent[1]!.batch, LOST, true, 50);
  assert.equal(queue.isReady(60, 0), false);
  queue.retry(sent[0]!.batch, LOST, true, 40);
  queue.retry(sent[2]!.batch, LOST, true, 30);
  assert.deepEqual([queue.isReady(49, 0), queue.isReady(50, 0)], [false, true], "the longest wait counts");
  for (const { batch, stamp } of sent) {
    assert.deepEqual(queue.take(IDENTITY), { batch, stamp });
    assert.equal(queue.isReady(50, 0), false);
    queue.delivered(batch, 50);
  }
  assert.equal(queue.take(IDENTITY).stamp.baseSequence, 4);
});

test("a batch without a verdict has at most four behind it, be they acknowledged or not", () => {
  const queue = knownQueue();
  for (let i = 0; i < 9; i++) addBatch(queue);
  const first = queue.take(IDENTITY).batch;
  for (let i = 0; i < 4; i++) {
    assert.equal(queue.isReady(0, 0), true);
    queue.delivered(queue.take(IDENTITY).batch, 0);
  }
  assert.equal(queue.isReady(0, 0), false);
  queue.delivered(first, 0);
  assert.equal(queue.isReady(0, 0), true);
});

test("a batch that is given up leaves a gap: the next begins at 0 under a new epoch (KIP-360)", () => {
  const queue = new PartitionQueue("t", 0, 5);
  for (let i = 0; i < 3; i++) addBatch(queue, 2);
  const first = queue.take(IDENTITY).batch;
  const second = queue.take(IDENTITY).batch;
  queue.abandon(first);
  assert.equal(queue.isReady(0, 0), false, "the one behind has no verdict yet");
  assert.equal(queue.isBehindAnother(second), false);
  second.uncertain = false;
  queue.retry(second, LOST, false, 0);
  const stamps = [queue.take(IDENTITY).stamp, queue.take(IDENTITY).stamp];
  assert.deepEqual(
    stamps.map(({ producerEpoch, baseSequence }) => [producerEpoch, baseSequence]),
    [
      [1, 0],
      [1, 2],
    ],
  );
});

test("before a new epoch, what is uncertain is asked about with its old sequence, one by one", () => {
  const queue = new PartitionQueue("t", 0, 5);
  for (let i = 0; i < 4; i++) addBatch(queue, 1, i);
  const sent = [queue.take(IDENTITY).batch, queue.take(IDENTITY).batch, queue.take(IDENTITY).batch];
  queue.retry(sent[0]!, LOST, true, 0);
  assert.deepEqual(queue.expire(0), [sent[0]]);
  queue.retry(sent[1]!, LOST, true, 0);
  queue.retry(sent[2]!, LOST, true, 0);
  const second = queue.take(IDENTITY);
  assert.deepEqual([second.batch, second.stamp.producerEpoch, second.stamp.baseSequence], [sent[1], 0, 1]);
  assert.equal(queue.isReady(0, 0), false);
  queue.delivered(second.batch, 0);
  const third = queue.take(IDENTITY);
  assert.deepEqual([third.batch, third.stamp.producerEpoch, third.stamp.baseSequence], [sent[2], 0, 2]);
  third.batch.uncertain = false;
  queue.retry(third.batch, LOST, false, 0);
  const renumbered = [queue.take(IDENTITY).stamp, queue.take(IDENTITY).stamp];
  assert.deepEqual(
    renumbered.map(({ producerEpoch, baseSequence }) => [producerEpoch, baseSequence]),
    [
      [1, 0],
      [1, 1],
    ],
  );
});

test("an exhausted epoch needs a new producer id, and takes it from its beginning", () => {
  const queue = new PartitionQueue("t", 0, 5);
  const last = { producerId: 7, epoch: 0x7fff };
  addBatch(queue);
  const { batch } = queue.take(last);
  assert.equal(queue.needsIdentity(last), false);
  queue.abandon(batch);
  assert.equal(queue.needsIdentity(last), true);
  const fresh = { producerId: 8, epoch: 0 };
  assert.equal(queue.needsIdentity(fresh), false);
  addBatch(queue);
  const { stamp } = queue.take(fresh);
  assert.deepEqual([stamp.producerId, stamp.producerEpoch, stamp.baseSequence], [8, 0, 0]);
});

test("without idempotence batches have no sequence, and one that failed comes first again", () => {
  const queue = new PartitionQueue("t", 0, 1);
  addBatch(queue);
  addBatch(queue);
  const { batch, stamp } = queue.take(undefined);
  assert.deepEqual([stamp.producerId, stamp.baseSequence], [-1, -1]);
  queue.retry(batch, LOST, true, 0);
  assert.equal(queue.take(undefined).batch, batch);
});

test("batches that wait are given up when they are too old, and those in flight are not", () => {
  const queue = new PartitionQueue("t", 0, 5);
  const batches = [addBatch(queue, 1, 0), addBatch(queue, 1, 10), addBatch(queue, 1, 20)];
  queue.take(IDENTITY);
  assert.deepEqual(queue.expire(15), [batches[1]]);
  assert.deepEqual(queue.expire(15), []);
  assert.deepEqual(queue.seal(), [batches[0], batches[2]]);
});

/** What a leader knows of one producer: refuses gaps and old epochs, and knows its last five batches again. */
class Leader {
  readonly log: QueuedBatch[] = [];
  #epoch = -1;
  #next = 0;
  #last: number[] = [];

  produce(batch: QueuedBatch, { producerEpoch, baseSequence }: ProducerStamp): "ok" | "outOfOrder" | "fenced" {
    if (producerEpoch < this.#epoch) return "fenced";
    if (producerEpoch > this.#epoch) {
      if (this.#epoch >= 0 && baseSequence !== 0) return "outOfOrder";
      this.#epoch = producerEpoch;
      this.#next = baseSequence;
      this.#last = [];
    }
    if (this.#last.includes(baseSequence)) return "ok";
    if (baseSequence !== this.#next) return "outOfOrder";
    this.log.push(batch);
    this.#last = [...this.#last, baseSequence].slice(-5);
    this.#next = (baseSequence + batch.builder.recordCount) % 0x8000_0000;
    return "ok";
  }
}

/** Steps of a run: what the producer and the network do next. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("add" as const), count: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 6, arbitrary: fc.constant({ do: "send" as const }) },
  { weight: 4, arbitrary: fc.constant({ do: "apply" as const }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("answer" as const), which: fc.nat(4) }) },
  { weight: 2, arbitrary: fc.constant({ do: "refuse" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "tooLarge" as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cut" as const), applied: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 2, arbitrary: fc.constant({ do: "expire" as const }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface Request {
  readonly batch: QueuedBatch;
  readonly stamp: ProducerStamp;
  /** What the leader said to it, once it was there. */
  answer: ReturnType<Leader["produce"]> | undefined;
}

/** One partition's queue, its leader, and the requests between them: they get there in order, the answers need not. */
class Run {
  readonly queue = new PartitionQueue("t", 0, 5);
  readonly leader = new Leader();
  readonly added: QueuedBatch[] = [];
  readonly delivered = new Set<QueuedBatch>();
  /** Given up, and whether the caller was told that the broker may have it. */
  readonly givenUp = new Map<QueuedBatch, boolean>();
  #inFlight: Request[] = [];
  #now = 0;

  take(one: Step): void {
    this.#now += 1;
    if (one.do === "add") this.added.push(addBatch(this.queue, one.count, this.#now));
    else if (one.do === "send") this.#send();
    else if (one.do === "apply") this.#apply();
    else if (one.do === "answer") this.#answer(one.which);
    else if (one.do === "cut") this.#cut(one.applied);
    else if (one.do === "expire") this.#expire();
    else this.#refuse(one.do);
  }

  #send(): void {
    if (this.queue.isReady(this.#now, 0)) this.#inFlight.push({ ...this.queue.take(IDENTITY), answer: undefined });
  }

  #apply(): void {
    const request = this.#inFlight.find(({ answer }) => answer === undefined);
    if (request !== undefined) request.answer = this.leader.produce(request.batch, request.stamp);
  }

  #answer(which: number): void {
    const answered = this.#inFlight.filter(({ answer }) => answer !== undefined);
    const request = answered[which % Math.max(1, answered.length)];
    if (request === undefined) return;
    this.#inFlight = this.#inFlight.filter((other) => other !== request);
    const { batch, answer } = request;
    if (answer === "ok") {
      this.queue.delivered(batch, this.#now);
      this.delivered.add(batch);
      return;
    }
    assert.notEqual(answer, "fenced", "nothing is sent under an old epoch");
    batch.uncertain = false;
    if (!this.queue.isBehindAnother(batch)) this.queue.breakSequence();
    this.queue.retry(batch, LOST, false, this.#now);
  }

  /** The leader does not look at the next request: for now, or for good. */
  #refuse(kind: "refuse" | "tooLarge"): void {
    const request = this.#inFlight.find(({ answer }) => answer === undefined);
    if (request === undefined) return;
    this.#inFlight = this.#inFlight.filter((other) => other !== request);
    const { batch } = request;
    if (kind === "refuse") return this.queue.retry(batch, LOST, false, this.#now);
    this.queue.abandon(batch);
    this.givenUp.set(batch, batch.uncertain);
  }

  /** The connection ends: some more requests were applied, and no answer comes. */
  #cut(applied: number): void {
    for (let i = 0; i < applied; i++) this.#apply();
    for (const { batch } of this.#inFlight.splice(0)) this.queue.retry(batch, LOST, true, this.#now);
  }

  /** The oldest that waits becomes too old. */
  #expire(): void {
    const before = this.queue.oldest?.createdAt ?? 0;
    for (const batch of this.queue.expire(before)) this.givenUp.set(batch, batch.uncertain);
  }

  /** The network heals: everything left is delivered. */
  drain(): void {
    for (let i = 0; !this.queue.isEmpty; i++) {
      assert.ok(i < 300, "the queue does not drain");
      this.#send();
      this.#apply();
      this.#answer(0);
      this.#now += 1;
    }
  }
}

test("the leader gets each batch at most once and in order, whatever the network does", () => {
  const steps = fc.array(step, { minLength: 10, maxLength: 80 });
  fc.assert(
    fc.property(steps, (script) => {
      const run = new Run();
      for (const one of script) run.take(one);
      run.drain();
      const order = run.leader.log.map((batch) => run.added.indexOf(batch));
      assert.deepEqual(
        order,
        [...new Set(order)].sort((a, b) => a - b),
      );
      for (const batch of run.added) {
        const isStored = run.leader.log.includes(batch);
        assert.notEqual(run.delivered.has(batch), run.givenUp.has(batch), "each has one verdict");
        if (run.delivered.has(batch)) assert.ok(isStored, "what is acknowledged is stored");
        else if (run.givenUp.get(batch) === false) assert.ok(!isStored, "what was certainly not stored is not");
      }
    }),
    { numRuns: 2_000 },
  );
});

test("sequences go from the last number to 0, and their order holds across the turn", () => {
  const queue = new PartitionQueue("t", 0, 5);
  const far = queue.startBatch(10_000, 0);
  far.closed = true;
  Object.defineProperty(far, "builder", { value: { recordCount: 0x7fff_fffe } });
  for (let i = 0; i < 4; i++) addBatch(queue, 1);
  queue.delivered(queue.take(IDENTITY).batch, 0);
  const taken = [1, 2, 3, 4].map(() => queue.take(IDENTITY));
  assert.deepEqual(
    taken.map(({ stamp }) => stamp.baseSequence),
    [0x7fff_fffe, 0x7fff_ffff, 0, 1],
  );
  for (const i of [2, 0, 3, 1]) queue.retry(taken[i]!.batch, LOST, true, 0);
  for (const [i, { batch, stamp }] of taken.entries()) {
    const again = queue.take(IDENTITY);
    assert.equal(again.batch, batch);
    assert.equal(again.stamp.baseSequence, stamp.baseSequence);
    assert.equal(queue.isBehindAnother(batch), i > 0);
  }
});

test("under a transactional identity batches say so, and sequences begin anew with the next identity alone", () => {
  const queue = new PartitionQueue("t", 0, 5);
  const first = { producerId: 7, epoch: 3, transactional: true };
  const stamps = (identity: typeof first): ProducerStamp => {
    addBatch(queue, 2);
    const { batch, stamp } = queue.take(identity);
    queue.delivered(batch, 0);
    return stamp;
  };
  assert.deepEqual(stamps(first), { producerId: 7, producerEpoch: 3, baseSequence: 0, transactional: true });
  assert.deepEqual(stamps(first), { producerId: 7, producerEpoch: 3, baseSequence: 2, transactional: true });
  // Given up after it was sent: the queue must not raise the epoch by itself.
  addBatch(queue);
  queue.abandon(queue.take(first).batch);
  assert.equal(stamps(first).producerEpoch, 3);
  const next = { producerId: 7, epoch: 4, transactional: true };
  assert.deepEqual(stamps(next), { producerId: 7, producerEpoch: 4, baseSequence: 0, transactional: true });
});
