import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../src/jobs/app.ts";
import { InvalidOptionError } from "../../src/jobs/errors.ts";
import {
  decodeProgress,
  encodeProgress,
  MAX_PROGRESS_BYTES,
  NO_PROGRESS,
  type Progress,
} from "../../src/jobs/progress.ts";
import type { Step } from "../../src/jobs/step.ts";
import { ProgressTooLargeError, StepError } from "../../src/jobs/step-errors.ts";
import { type InterruptReason, StepInterrupt, StepRun } from "../../src/jobs/step-run.ts";
import { systemClock } from "../../src/net/clock.ts";
import { QUIET } from "../support/quiet-logger.ts";

type Work = (step: Step) => unknown;

/** A run whose host is the test. */
class Bench {
  interruption: InterruptReason | undefined;
  readonly seen: Progress[] = [];
  readonly run: StepRun;
  prepared = 0;

  constructor(progress: Progress = NO_PROGRESS) {
    const bench = this;
    const host = {
      ...{ job: "j", progress, isStraight: false },
      get interruption() {
        return bench.interruption;
      },
      prepare: () => {
        bench.prepared++;
        return undefined;
      },
      progressed: ({ steps, ...rest }: Progress) => void bench.seen.push({ ...rest, steps: [...steps] }),
    };
    this.run = new StepRun(host, systemClock);
  }

  step(name: string, work: Work = () => {}, options?: unknown): Promise<void> {
    return this.run.step(name, work as (step: never) => unknown, options);
  }

  get last(): Progress | undefined {
    return this.seen.at(-1);
  }
}

const at = (steps: readonly string[], name?: string, cursor?: unknown): Progress => ({
  ...{ steps, resumptions: 0, resumeAt: 0 },
  step: name === undefined ? undefined : { name, cursor: cursor === undefined ? undefined : JSON.stringify(cursor) },
});
const isStepError =
  (code: string) =>
  (error: Error): boolean =>
    error instanceof StepError && error.code === code && error.message.includes('job "j"');

test("S7.7 steps run one after the other, and each that has ended is progress", async () => {
  const bench = new Bench();
  const ran: string[] = [];
  for (const name of ["a", "b"]) await bench.step(name, (step) => void ran.push(`${name}:${step.cursor}`));
  assert.deepEqual(ran, ["a:undefined", "b:undefined"]);
  assert.deepEqual(bench.seen, [at(["a"]), at(["a", "b"])]);
  assert.equal(bench.prepared, 1);
});

test("S7.7 finished steps are skipped, and the one that had begun goes on at its cursor", async () => {
  const bench = new Bench(at(["a"], "b", { page: 3 }));
  const ran: unknown[] = [];
  await bench.step("a", () => void ran.push("a"));
  assert.equal(bench.run.hasProgressed, false);
  assert.equal(bench.prepared, 0, "skipped steps need nothing");
  await bench.step("b", (step) => void ran.push(step.cursor));
  await bench.step("c", () => void ran.push("c"));
  assert.deepEqual(ran, [{ page: 3 }, "c"]);
  assert.deepEqual(bench.last, at(["a", "b", "c"]));
});

test("S7.7 set and advance move the cursor, a checkpoint alone does not", async () => {
  const bench = new Bench();
  await bench.step("a", async (step) => {
    await step.checkpoint();
    assert.equal(bench.run.hasProgressed, false);
    await step.set(4);
    assert.equal(step.cursor, 4);
    await step.advance({ from: 9 });
    assert.equal(step.cursor, 10);
  });
  assert.deepEqual(bench.seen, [at([], "a", 4), at([], "a", 10), at(["a"])]);
});

test("S7.7 a cursor that is set to what it was is no progress", async () => {
  const bench = new Bench(at([], "a", 4));
  await bench
    .step("a", async (step) => {
      await step.set(4);
      assert.equal(bench.run.hasProgressed, false);
      await step.set(5);
      assert.equal(bench.run.hasProgressed, true);
      throw new Error("later");
    })
    .catch(() => {});
  assert.deepEqual(bench.seen, [at([], "a", 5)]);
});

test("S7.7 names are unique in a run, in the same order as before, and steps are not within one another", async () => {
  const twice = new Bench();
  await twice.step("a");
  await assert.rejects(twice.step("a"), isStepError("STEP_TWICE"));

  const order = new Bench(at(["a", "b"], "c"));
  await assert.rejects(order.step("b"), isStepError("STEP_ORDER"));
  const current = new Bench(at(["a"], "c", 1));
  await current.step("a");
  await assert.rejects(
    current.step("d"),
    (error: Error) => isStepError("STEP_ORDER")(error) && /"c"/.test(error.message),
  );

  const nested = new Bench();
  await assert.rejects(
    nested.step("a", () => nested.step("b")),
    isStepError("STEP_NESTED"),
  );
  const beside = new Bench();
  const first = beside.step("a", () => new Promise((resolve) => systemClock.soon(() => resolve(undefined))));
  await assert.rejects(beside.step("b"), isStepError("STEP_NESTED"));
  await first;

  const failed = new Bench();
  await assert.rejects(
    failed.step("a", () => {
      throw new Error("no");
    }),
    /no/,
  );
  await assert.rejects(failed.step("b"), isStepError("STEP_UNFINISHED"));
});

test("S7.7 nothing goes on once a run, or a step, has ended", async () => {
  const bench = new Bench();
  let kept: Step | undefined;
  await bench.step("a", (step) => {
    kept = step;
  });
  await assert.rejects(kept!.set(1), isStepError("STEP_ENDED"));
  await assert.rejects(kept!.checkpoint(), isStepError("STEP_ENDED"));
  let go!: () => void;
  const late = bench.step("b", async (step) => {
    await new Promise<void>((resolve) => {
      go = resolve;
    });
    await step.set(1);
  });
  await new Promise<void>((resolve) => systemClock.soon(resolve));
  bench.run.end();
  go();
  await assert.rejects(late, isStepError("STEP_ENDED"));
  await assert.rejects(bench.step("c"), isStepError("STEP_ENDED"));
  assert.deepEqual(bench.last, at(["a"]));
});

test("S7.7 cursors are JSON, of any kind, and kept as they were when they were set", async () => {
  const bench = new Bench();
  const cursor = { seen: ["x"] };
  await bench.step("a", async (step) => {
    const any = step as unknown as Step<object | string | null>;
    for (const each of ["text", null, [1, 2], cursor]) await any.set(each);
    cursor.seen.push("later");
    for (const [wrong, problem] of [
      [undefined, /cursor is undefined/],
      [Number.NaN, /cursor is NaN/],
      [new Map(), /cursor is an instance of Map/],
      [{ at: [1n] }, /cursor\.at\[0\] is a bigint/],
    ] as const)
      await assert.rejects(
        any.set(wrong as never),
        (error: Error) => isStepError("CURSOR_NOT_JSON")(error) && problem.test(error.message),
      );
    assert.equal(any.cursor, cursor);
    await assert.rejects(step.advance({ from: 1 }), isStepError("CURSOR_NOT_NUMBER"));
    await assert.rejects(step.advance({ from: "1" as never }), InvalidOptionError);
    await assert.rejects(step.advance({ from: 2 ** 53 }), InvalidOptionError);
    await assert.rejects(step.advance(undefined as never), InvalidOptionError);
  });
  assert.deepEqual(
    bench.seen.slice(0, 4).map(({ step }) => step!.cursor),
    ['"text"', "null", "[1,2]", '{"seen":["x"]}'],
  );
});

test("S7.7 what is no name, no function or no option is refused by its path", async () => {
  const bench = new Bench();
  for (const name of [undefined, "", 7, "\ud800"])
    await assert.rejects(bench.step(name as string), (error: Error) => error instanceof InvalidOptionError);
  await assert.rejects(bench.run.step("a", undefined as never, undefined), /job "j"\.step\("a"\)/);
  await assert.rejects(bench.step("a", "no" as never), /a function is expected/);
  await assert.rejects(
    bench.step("a", () => {}, { isolate: true }),
    /did you mean "isolated"/,
  );
  await assert.rejects(
    bench.step("a", () => {}, { isolated: 1 }),
    /step\("a"\)\.isolated/,
  );
});

test("S7.7 progress that is too large is refused at the checkpoint, and what was before it stays", async () => {
  const bench = new Bench();
  await bench.step("a", async (step) => {
    const any = step as unknown as Step<string>;
    await any.set("x".repeat(MAX_PROGRESS_BYTES - 100));
    await assert.rejects(
      any.set("ß".repeat(MAX_PROGRESS_BYTES / 2)),
      (error: Error) => error instanceof ProgressTooLargeError && error.code === "PROGRESS_TOO_LARGE",
    );
  });
  for (const { steps, step } of bench.seen)
    assert.ok(encodeProgress({ ...NO_PROGRESS, steps, step }).length <= MAX_PROGRESS_BYTES);
  assert.equal(bench.seen[0]!.step!.cursor!.length, MAX_PROGRESS_BYTES - 98);
});

test("S7.7 nor are more steps kept than there is room for", async () => {
  const long = "x".repeat(MAX_PROGRESS_BYTES / 4);
  const bench = new Bench();
  for (const n of [1, 2, 3]) await bench.step(`${long}${n}`);
  await assert.rejects(bench.step(`${long}4`), ProgressTooLargeError);
  assert.equal(bench.last!.steps.length, 3);
});

test("S7.7 a run is interrupted at a checkpoint, once it has got any further", async () => {
  const bench = new Bench();
  bench.interruption = "stopping";
  const ran: string[] = [];
  await assert.rejects(
    bench.step("a", async (step) => {
      await step.checkpoint();
      ran.push("checkpoint");
      await step.set(1);
      ran.push("set");
    }),
    (error: Error) => error instanceof StepInterrupt && error.reason === "stopping",
  );
  assert.deepEqual(ran, ["checkpoint"]);
  assert.deepEqual(bench.last, at([], "a", 1));

  const before = new Bench();
  await before.step("a");
  before.interruption = "revoked";
  await assert.rejects(
    before.step("b", () => assert.fail("it must not begin")),
    StepInterrupt,
  );
  assert.deepEqual(before.last, at(["a"]));
});

test("S7.7 who catches an interruption and goes on gets it again at the next checkpoint", async () => {
  const bench = new Bench();
  bench.interruption = "stopping";
  await bench.step("a", async (step) => {
    let first: unknown;
    await step.set(1).catch((error: unknown) => {
      first = error;
    });
    bench.interruption = undefined;
    await assert.rejects(step.checkpoint(), (error) => error === first);
    await assert.rejects(step.set(2), (error) => error === first);
    const wrapped = new Error("mine", { cause: new Error("between", { cause: first }) });
    assert.equal(bench.run.interruptOf(wrapped), first);
    assert.equal(bench.run.interruptOf(new Error("mine")), undefined);
  });
  await assert.rejects(bench.step("b"), StepInterrupt);
  assert.deepEqual(bench.last, at(["a"]), "it has ended well nevertheless");
});

test("S7.7 an isolated step has a run of its own, and what comes after it another", async () => {
  const first = new Bench();
  await first.step("a");
  const isolation = (error: Error): boolean => error instanceof StepInterrupt && error.reason === "isolated";
  await assert.rejects(
    first.step("b", () => assert.fail("not in this run"), { isolated: true }),
    isolation,
  );
  const second = new Bench(first.last);
  await second.step("a");
  await second.step("b", () => {}, { isolated: true });
  await assert.rejects(
    second.step("c", () => assert.fail("not in this run")),
    isolation,
  );
  const third = new Bench(second.last);
  for (const name of ["a", "b", "c"]) await third.step(name, () => {}, { isolated: name === "b" });
  assert.deepEqual(third.last, at(["a", "b", "c"]));
});

test("S7.7 a run that only passes checkpoints lets others have their turn", async () => {
  const bench = new Bench();
  let turns = 0;
  const turn = (): void => {
    turns++;
    if (turns === 3) bench.interruption = "stopping";
    else systemClock.soon(turn);
  };
  systemClock.soon(turn);
  await assert.rejects(
    bench.step("a", async (step) => {
      for (let row = 0; ; row++) await step.advance({ from: row });
    }),
    StepInterrupt,
  );
});

test("S7.8 progress survives being written and read", () => {
  const full = { steps: ["a", 'b"'], step: { name: "c", cursor: '{"x":[1]}' }, resumptions: 3, resumeAt: 17 };
  for (const progress of [NO_PROGRESS, full, at(["a"], "b")])
    assert.deepEqual(decodeProgress(encodeProgress(progress)), progress);
  for (const text of ["", "7", "null", "{}", '{"steps":[1]}', '{"steps":[],"step":7}', '{"steps":[],"resumptions":-1}'])
    assert.equal(decodeProgress(text), undefined, text);
});

test("S7.7 performNow runs steps straight through", async () => {
  const app = createApp({ logger: QUIET });
  const ran: unknown[] = [];
  const job = app.job({
    name: "j",
    queue: "q",
    async perform(_payload, job) {
      ran.push(job.resumptions);
      await job.step("a", async (step) => {
        for (let i = step.cursor ?? 0; i < 3; i++) await step.advance({ from: i });
        ran.push(step.cursor);
      });
      await job.step("b", () => void ran.push("b"), { isolated: true });
      await job.step("c", () => void ran.push("c"));
      await assert.rejects(
        job.step("c", () => {}),
        StepError,
      );
    },
  });
  await job.performNow();
  assert.deepEqual(ran, [0, 3, "b", "c"]);
  await app.close();
});

test("S7.8 what a job's options say of its resumption is checked", () => {
  const app = createApp({ logger: QUIET });
  const define = (options: object): void =>
    void app.job({ name: `j${Math.abs(names++)}`, queue: "q", perform() {}, ...options });
  let names = 0;
  const partitioner = (): string => "k";
  const refused: readonly (readonly [object, RegExp])[] = [
    [{ resumeOptions: { wait: "1s" } }, /resumeOptions\.wait: .*scheduledMessagesTopic.*hold: true/],
    [{ partitioner, resumeOptions: { wait: "1s", hold: false } }, /resumeOptions\.wait/],
    [{ resumeOptions: { wait: -1 } }, /resumeOptions\.wait/],
    [{ resumeOptions: { hold: "yes" } }, /resumeOptions\.hold: "yes" given/],
    [{ resumeOptions: { held: true } }, /resumeOptions\.held: no such option; did you mean "hold"/],
    [{ resumeOptions: 7 }, /resumeOptions: 7 given/],
    [{ maxResumptions: -1 }, /maxResumptions: -1 given/],
    [{ maxResumptions: 1.5 }, /maxResumptions/],
  ];
  for (const [options, problem] of refused)
    assert.throws(
      () => define(options),
      (error: Error) => error instanceof InvalidOptionError && problem.test(error.message),
    );
  define({ partitioner, resumeOptions: { wait: "1s" } });
  define({ resumeOptions: { wait: "1s", hold: true }, maxResumptions: 0 });
  define({ resumeOptions: { wait: 0, hold: false } });
});
