/** A bug to plant: `find`, which the file has once, becomes `put`. */
export interface Mutation {
  /** What the product does then. */
  readonly bug: string;
  /** The sentences of S8, and others, that do not hold any more. */
  readonly breaks: readonly string[];
  readonly file: string;
  readonly find: string;
  readonly put: string;
  /** The tests that catch it, below `test/`. Default: the simulation, within its first seeds. */
  readonly caughtBy?: string;
}

const EXECUTOR = "src/jobs/partition-executor.ts";
const EXECUTORS = "src/jobs/owned-executors.ts";
const SERIAL = "src/jobs/serial-runner.ts";
const MOVES = "src/jobs/moves.ts";
const DUE = "src/jobs/due-batch.ts";

/** Bugs of each kind that S8 rules out. */
export const MUTATIONS: readonly Mutation[] = [
  {
    bug: "commits one job too far",
    breaks: ["S8.1", "S8.5"],
    file: SERIAL,
    find: "if (first.offset !== done && !this.#parts.isFinished(first.offset)) return first.offset;",
    put: "if (first.offset !== done && !this.#parts.isFinished(first.offset)) return first.offset + 1;",
  },
  {
    bug: "commits what was fetched, as consumers do that commit by themselves",
    breaks: ["S8.1", "S8.5"],
    file: SERIAL,
    find: "if (first === undefined) return fetchedTo;",
    put: "if (first !== undefined || fetchedTo >= 0) return fetchedTo;",
  },
  {
    bug: "commits beyond a batch of lanes that has not ended",
    breaks: ["S8.1", "S5.3"],
    file: "src/jobs/lane-runner.ts",
    find: "return this.#batch?.start ?? this.#buffer.first?.offset ?? fetchedTo;",
    put: "return this.#buffer.first?.offset ?? fetchedTo;",
  },
  {
    bug: "tells the next owner that a job is finished which is not",
    breaks: ["S8.1", "S8.2"],
    file: EXECUTOR,
    find: "const finished = ahead.filter((each) => each >= offset);",
    put: "const finished = [offset + 1, ...ahead.filter((each) => each >= offset && each !== offset + 1)];",
  },
  {
    bug: "forgets its marks",
    breaks: ["S8.1", "S3.1"],
    file: EXECUTOR,
    find: "if (mark === this.#mark) return;",
    put: "if (mark >= this.#mark) return;",
  },
  {
    bug: "leaves a failed job, and goes on with the next one",
    breaks: ["S8.2", "S8.5"],
    file: SERIAL,
    find: "if (outcome.first === undefined) wait();",
    put: "if (outcome.first === undefined) this.#shift();",
  },
  {
    bug: "begins one job too late after a change of owners",
    breaks: ["S8.2", "S8.5"],
    file: EXECUTORS,
    find: "flow.add(executor, point.offset);",
    put: "flow.add(executor, point.offset + 1);",
  },
  {
    bug: "does not look at what an earlier owner has finished ahead",
    breaks: ["S8.2", "S5.3"],
    file: EXECUTOR,
    find: "for (const offset of start.finished) this.#finishedAhead.add(offset);",
    put: "",
  },
  {
    bug: "puts jobs of one key into any lane",
    breaks: ["S8.2", "S8.3", "S5.1"],
    file: "src/jobs/lane-placement.ts",
    find: "if (key !== undefined) laneOf.set(key, lane);",
    put: "",
  },
  {
    bug: "starts the next job beside one that runs",
    breaks: ["S8.2", "S8.3", "S3.3"],
    file: SERIAL,
    find: "if (attempts.isWorking || notes.isNoting || !this.#parts.mayStart() || parking?.startNext()) return;",
    put: "if (notes.isNoting || !this.#parts.mayStart() || parking?.startNext()) return;",
  },
  {
    bug: "runs newcomers of a key that is parked",
    breaks: ["S8.2", "S4.6"],
    file: "src/jobs/parking.ts",
    find: "if (this.#keys.size === 0) return undefined;",
    put: "if (this.#keys.size >= 0) return undefined;",
  },
  {
    bug: "does not wait for what runs before it gives a partition up",
    breaks: ["S8.3", "S6.1"],
    file: EXECUTOR,
    find: "await within(clock, Math.max(0, deadline - clock.monotonic()), this.idle(), () => {});",
    put: "",
  },
  {
    bug: "does not wait for handlers of its own earlier ownership",
    breaks: ["S8.3", "S3.6"],
    file: EXECUTORS,
    find: "await leftovers.none(topic, partition);",
    put: "",
  },
  {
    bug: "has no lease",
    breaks: ["S8.3", "S8.4", "S3.5"],
    file: "src/client/lease.ts",
    find: "return this.#clock.monotonic() < this.#until.monotonic && this.#clock.now() < this.#until.wall;",
    put: "return this.#until !== NEVER;",
  },
  {
    bug: "counts the lease from the answer to a heartbeat, not from its sending",
    breaks: ["S8.3", "S8.4", "S3.5"],
    file: "src/client/lease.ts",
    find: "const sent = { monotonic: sentAt, wall: wallSentAt };",
    put: "const sent = { monotonic: this.#clock.monotonic(), wall: Math.max(wallSentAt, this.#clock.now()) };",
    caughtBy: "client/lease.test.ts",
  },
  {
    bug: "goes on with a partition that is being revoked",
    breaks: ["S8.4", "S6.1"],
    file: EXECUTOR,
    find: 'this.#state = "draining";',
    put: "",
  },
  {
    bug: "goes on with a partition that is lost",
    breaks: ["S8.4", "S6.2"],
    file: EXECUTORS,
    find: "executor.lose(reason);",
    put: "",
  },
  {
    bug: "drops a record of what was fetched",
    breaks: ["S8.5", "S8.1"],
    file: EXECUTOR,
    find: "this.#runner.take(left);",
    put: "this.#runner.take(left.length > 2 ? left.slice(0, -1) : left);",
  },
  {
    bug: "takes a transaction of which nobody knows the end for one that has succeeded",
    breaks: ["S8.5", "S8.6", "S3.9"],
    file: MOVES,
    find: "if (error instanceof TransactionOutcomeUnknownError && (await wasMade())) return;",
    put: "if (error instanceof TransactionOutcomeUnknownError) return;",
    caughtBy: "jobs/moves.test.ts",
  },
  {
    bug: "takes a transaction of which nobody knows the end for one that has failed",
    breaks: ["S8.6", "S3.9"],
    file: MOVES,
    find: "if (error instanceof TransactionOutcomeUnknownError && (await wasMade())) return;",
    put: "",
    caughtBy: "jobs/moves.test.ts",
  },
  {
    bug: "reads what is not committed",
    breaks: ["S8.6", "S3.2"],
    file: "protocol/records.ts",
    find: "const isAborted = abortedFilter(aborted ?? []);",
    put: "const isAborted = abortedFilter((aborted ?? []).slice(0, 0));",
  },
  {
    bug: "runs duplicates",
    breaks: ["S8.6", "S2.9"],
    file: EXECUTOR,
    find: "this.#dedupe?.judge(records, ahead);",
    put: "",
  },
  {
    bug: "reads offsets while a transaction may still change them",
    breaks: ["S8.6", "S3.7"],
    file: "src/client/group-offsets.ts",
    find: "const stable = version >= FIRST_STABLE_FETCH ? { requireStable } : {};",
    put: "const stable = version >= FIRST_STABLE_FETCH ? { requireStable: requireStable && false } : {};",
    caughtBy: "client/group-offsets.test.ts",
  },
  {
    bug: "writes transactions as any member of any generation (no KIP-447)",
    breaks: ["S8.6", "S3.9"],
    file: MOVES,
    find: "const groupMetadata = { groupId: coordinator.key, ...membership };",
    put: 'const groupMetadata = { groupId: coordinator.key, ...membership, memberId: "", generationId: -1 };',
  },
  {
    bug: "dispatches a little early",
    breaks: ["S8.7", "S7.4"],
    file: DUE,
    find: "if (place < 0 || index.dueOf(place) > now) break;",
    put: "if (place < 0 || index.dueOf(place) > now + 20) break;",
  },
  {
    bug: "dispatches without ending what waited",
    breaks: ["S8.7", "S7.4"],
    file: DUE,
    find: "...batch.map(({ id }) => entryTombstone(id, place)),",
    put: "",
  },
  {
    bug: "ends what waits before it is dispatched",
    breaks: ["S8.7", "S8.5"],
    file: DUE,
    find: "...batch.map(({ record, target, offset }) => dispatchedRecord(record, { topic, partition, offset }, target)),",
    put: "...batch.slice(1).map(({ record, target, offset }) => dispatchedRecord(record, { topic, partition, offset }, target)),",
  },
  {
    bug: "dispatches what it had dispatched before, as its log is behind",
    breaks: ["S8.7", "S7.5"],
    file: "src/jobs/schedule-contents.ts",
    find: "if (!isVerdict || !this.#readId(record)) return this.take(record);",
    put: "if (!isVerdict || this.#readId(record)) return this.take(record);",
    caughtBy: "jobs/schedule-races.test.ts",
  },
  {
    bug: "sends what is due at one instant in any order",
    breaks: ["S8.7", "S7.2"],
    file: "src/jobs/schedule-index.ts",
    find: "return dueA < dueB || (dueA === dueB && this.offsetOf(a) < this.offsetOf(b));",
    put: "return dueA < dueB || (dueA === dueB && this.offsetOf(a) > this.offsetOf(b));",
  },
  {
    bug: "does not look for progress that was saved",
    breaks: ["S8.8", "S7.7"],
    file: EXECUTOR,
    find: "this.steps.begin(kept?.progress ?? [], start.topicId, isLeft);",
    put: "this.steps.begin([], start.topicId, isLeft);",
  },
  {
    bug: "saves a cursor before its work is done",
    breaks: ["S7.7"],
    file: "src/jobs/step.ts",
    find: "await this.set(from + 1);",
    put: "await this.set(from + 2);",
  },
  {
    bug: "leaves to nobody what a static worker gave up as it died",
    breaks: ["S8.5", "S6.3"],
    file: "src/client/classic-group-member.ts",
    find: "if (joined.isUnfinished) this.#seeItFinished();",
    put: "if (joined.isUnfinished && this.#stop.signal.aborted) this.#seeItFinished();",
    caughtBy: "client/classic-group-member.test.ts",
  },
  {
    bug: "waits for what runs beyond the deadline of a shutdown",
    breaks: ["S8.9", "S6.4"],
    file: EXECUTOR,
    find: "const deadline = clock.monotonic() + grace;",
    put: "const deadline = clock.monotonic() + 100 * grace;",
  },
  {
    bug: "keeps all that is fetched, however much it is",
    breaks: ["S8.10", "S3.10"],
    file: "src/jobs/flow-control.ts",
    find: "if (buffered < this.#maxJobs && bufferedBytes < this.#share / 2) return;",
    put: "if (buffered >= 0 || bufferedBytes < this.#share / 2) return;",
    caughtBy: "jobs/backpressure.test.ts",
  },
  {
    bug: "believes the length that a frame gives",
    breaks: ["S8.11"],
    file: "protocol/reader.ts",
    find: "if (length < 0 || length > this.end - at) {",
    put: "if (length < 0) {",
    caughtBy: "protocol/mutated-frames.test.ts",
  },
  {
    bug: "keeps a password where it can be looked at",
    breaks: ["S8.12"],
    file: "src/client/sasl-options.ts",
    find: "return scramMechanism(hash, username, password, options.digest ?? webDigest);",
    put: "return Object.assign(scramMechanism(hash, username, password, options.digest ?? webDigest), { options });",
    caughtBy: "client/security-options.test.ts",
  },
  {
    bug: "tells what a broker has refused, with the password in it",
    breaks: ["S8.12"],
    file: "src/net/log-in.ts",
    find: "if (answer.errorCode !== 0) throw refused(answer, mechanism, broker);",
    put: "if (answer.errorCode !== 0) throw Object.assign(refused(answer, mechanism, broker), { sent: step.value });",
    caughtBy: "jobs/secrets.test.ts",
  },
];
