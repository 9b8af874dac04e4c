import type { Mutation } from "./mutation.ts";

const EXECUTOR = "src/jobs/partition-executor.ts";
const EXECUTORS = "src/jobs/owned-executors.ts";
const FAILURES = "src/jobs/partition-failures.ts";

/** Bugs that no test noticed when somebody who had not read the tests planted them: each has had one made for it. */
export const UNNOTICED: readonly Mutation[] = [
  {
    bug: "takes a job whose key is in a header for one without order, and re-enqueues it behind the others",
    breaks: ["S8.2", "S4.2"],
    file: FAILURES,
    find: "job !== undefined && job.key === undefined",
    put: "job !== undefined && record.key === null",
    caughtBy: "jobs/delayed-retries.test.ts",
  },
  {
    bug: "begins with a partition that it lost while it was loading, beside its next ownership",
    breaks: ["S8.2", "S3.7"],
    file: EXECUTORS,
    find: `if (executor.state !== "loading") return;
    const cut`,
    put: "const cut",
    caughtBy: "jobs/parking-owners.test.ts",
  },
  {
    bug: "finishes a batch of lanes after its partition was revoked",
    breaks: ["S8.4", "S5.4"],
    file: "src/jobs/worker-group.ts",
    find: "executors().release(jobs, { grace: revokeGrace, reason, released: release })",
    put: "executors().release(jobs, { grace: revokeGrace, reason, finishBatch: true, released: release })",
    caughtBy: "jobs/lane-ownership.test.ts",
  },
  {
    bug: "starts released jobs without a lease",
    breaks: ["S8.4", "S3.5"],
    file: "src/jobs/start-gate.ts",
    find: `if (!this.#mayGoOn()) return "later";
    const wait`,
    put: `if (this.#context.turn.isOver(this.#user, this.#now)) return "later";
    const wait`,
    caughtBy: "jobs/parking-owners.test.ts",
  },
  {
    bug: "loads a schedule only up to where somebody's transaction is open",
    breaks: ["S8.7", "S7.3"],
    file: "src/jobs/schedule-load.ts",
    find: `ASK_TIMEOUT, signal, "readUncommitted")`,
    put: `ASK_TIMEOUT, signal, "readCommitted")`,
    caughtBy: "jobs/schedule-owners.test.ts",
  },
  {
    bug: "loads what is kept of jobs only up to where somebody's transaction is open",
    breaks: ["S8.8", "S7.9"],
    file: "src/jobs/state-reader.ts",
    find: `await this.#bounds(place, "readUncommitted");
        for`,
    put: `await this.#bounds(place, "readCommitted");
        for`,
    caughtBy: "jobs/continuation-owners.test.ts",
  },
  {
    bug: "saves nothing where the transaction that does so has to be repeated",
    breaks: ["S8.8", "S7.9"],
    file: "src/jobs/partition-steps.ts",
    find: "(each) => each.isDirty || again.includes(each)",
    put: "(each) => each.isDirty && !again.includes(each)",
    caughtBy: "jobs/continuation-owners.test.ts",
  },
  {
    bug: "waits twice as long as it may for a batch of lanes as it closes",
    breaks: ["S8.9", "S6.4"],
    file: EXECUTOR,
    find: "await within(clock, Math.max(0, deadline - clock.monotonic()), this.idle(), () => {});",
    put: "await within(clock, Math.max(grace, deadline - clock.monotonic()), this.idle(), () => {});",
    caughtBy: "jobs/lane-ownership.test.ts",
  },
  {
    bug: "waits without end for progress to be saved as it closes",
    breaks: ["S8.9", "S6.4"],
    file: EXECUTOR,
    find: "if (began) await this.#context.flush(this, this.steps.save());",
    put: "if (began) await this.steps.save().then(() => this.#context.flush(this));",
    caughtBy: "jobs/continuation-owners.test.ts",
  },
  {
    bug: "gives schedules all the time to close that jobs have used up",
    breaks: ["S8.9", "S6.4"],
    file: "src/jobs/worker.ts",
    find: "await this.#schedules.release([...this.#schedules], left());",
    put: "await this.#schedules.release([...this.#schedules], Math.max(shutdownTimeout, left()));",
    caughtBy: "jobs/schedule-shutdown.test.ts",
  },
  {
    bug: "keeps whatever is due soon in memory, however much that is",
    breaks: ["S8.10"],
    file: "src/jobs/schedule-window.ts",
    find: "&& this.#bytes < this.#room()) this.#keep(record);",
    put: "&& this.#bytes >= 0) this.#keep(record);",
    caughtBy: "jobs/schedule-window.test.ts",
  },
  {
    bug: "reads bytes that are no text as digits of an entry's key",
    breaks: ["S8.7", "S8.11"],
    file: "src/jobs/entry-id.ts",
    find: "const digit = code < 128 ? DIGITS[code]! : -1;",
    put: "const digit = DIGITS[code]!;",
    caughtBy: "jobs/entry-id.test.ts",
  },
  {
    bug: "takes a commit for not made whose coordinator lost its place after it",
    breaks: ["S8.6", "S3.9"],
    file: "src/client/transaction-ending.ts",
    find: "  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,",
    put: "  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,\n  ErrorCode.COORDINATOR_NOT_AVAILABLE,\n  ErrorCode.NOT_COORDINATOR,",
    caughtBy: "client/transaction-ending.test.ts",
  },
  {
    bug: "shows a password that is no text in the error about it",
    breaks: ["S8.12"],
    file: "src/client/sasl-options.ts",
    find: `throw invalid(".password", "text is wanted, or a function that gives it");`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code.
    put: 'throw invalid(".password", `${JSON.stringify(value)} given; text is wanted, or a function that gives it`);',
    caughtBy: "client/security-options.test.ts",
  },
  {
    bug: "forgets the failures of a job that is interrupted",
    breaks: ["S4.1", "S7.8"],
    file: FAILURES,
    find: "if (wait === 0 && counts.attempt === 0) this.#book.forget(offset);",
    put: "if (wait === 0) this.#book.forget(offset);",
    caughtBy: "jobs/continuation-errors.test.ts",
  },
  {
    bug: "takes more offsets into a batch of lanes than a commit can tell of",
    breaks: ["S3.8"],
    file: "src/jobs/lane-runner.ts",
    find: "first.offset + MAX_SPAN",
    put: "first.offset + 1_000 * MAX_SPAN",
    caughtBy: "jobs/lane-ownership.test.ts",
  },
  {
    bug: "repeats for ever to move what is too large to be moved",
    breaks: ["S4.4", "S4.5"],
    file: "src/jobs/named-error.ts",
    find: "return error instanceof KafkaError && TOO_LARGE.has(error.code);",
    put: "return error instanceof KafkaError && TOO_LARGE.has(error.message);",
    caughtBy: "jobs/too-large-to-move.test.ts",
  },
  {
    bug: "goes on with what it has in hand where the log was cut",
    breaks: ["S8.1", "S4.9"],
    file: EXECUTORS,
    find: `if (executor.state === "running") this.#beginAnew([executor], CUT, error.divergingOffset);`,
    put: `if (executor.state === "running") this.#goOnAt(executor, error.divergingOffset);`,
    caughtBy: "jobs/lost-offsets.test.ts",
  },
];
