import type { Broker } from "../broker/broker.ts";
import { errorCodeNamed } from "../broker/error-code-named.ts";
import type { FaultHandle } from "../broker/request-faults.ts";
import { startBroker } from "../broker/start-broker.ts";
import { type App, stateOf } from "../jobs/app.ts";
import type { AppState } from "../jobs/app-state.ts";
import { describe, optionalChoice, optionalInteger } from "../jobs/check-options.ts";
import { type Duration, parseDuration } from "../jobs/duration.ts";
import { InvalidOptionError } from "../jobs/errors.ts";
import { type FilledRuntime, fillRuntime } from "../jobs/fill-runtime.ts";
import { type Job, JobHandle } from "../jobs/job.ts";
import type { JobDefinition } from "../jobs/job-options.ts";
import { declaredTopics } from "../jobs/topics.ts";
import { MemoryNetwork } from "../net/memory.ts";
import { CRASH_POINTS, type CrashPoint, type PlannedCrash } from "./crash-plan.ts";
import { JobsStillRunningError, TestClosedError, TestStuckError } from "./errors.ts";
import {
  assertEnqueued,
  assertNotEnqueued,
  assertNotPerformed,
  assertPerformed,
  assertPerformedInOrder,
  completed,
} from "./job-assertions.ts";
import { asSeen, JobLog, type SeenJob, type SeenRun } from "./job-log.ts";
import type { Match } from "./match.ts";
import { remainingWork, unsettledGroup } from "./remaining-work.ts";
import { resolveTestOptions, type TestOptions, type TestSettings } from "./test-options.ts";
import { TestTime } from "./test-time.ts";
import { TestWorkers } from "./test-workers.ts";

/** What the group of an app is called that has none. */
const OWN_GROUP = "ottla-test";
const HOST = "kafka";
const PORT = 9092;

/** An app under test: its jobs go to a broker in memory, and run on workers of the test, on a clock that stands still. */
export class TestApp implements AsyncDisposable {
  readonly #app: AppState;
  readonly #settings: TestSettings;
  readonly #time: TestTime;
  readonly #log: JobLog;
  readonly #workers: TestWorkers;
  readonly #filled: FilledRuntime;
  readonly #closer = (): Promise<void> => this.#stopWorkers();
  #closing: Promise<void> | undefined;
  /** The broker in memory, with all that can be made to go wrong: `t.broker.faults`. */
  readonly broker: Broker;

  /** @internal */
  constructor(
    app: AppState,
    settings: TestSettings,
    parts: {
      readonly time: TestTime;
      readonly log: JobLog;
      readonly broker: Broker;
      readonly filled: FilledRuntime;
      readonly network: MemoryNetwork;
    },
  ) {
    const { time, log, broker, filled, network } = parts;
    this.#app = app;
    this.#settings = settings;
    this.#time = time;
    this.#log = log;
    this.#filled = filled;
    this.broker = broker;
    this.#workers = new TestWorkers({
      ...{ app, time, network, broker, log },
      ...{ count: settings.workers, queues: settings.queues, options: settings.work },
      group: app.settings.group ?? OWN_GROUP,
      enqueuesUnderWay: () => filled.runtime.enqueuesUnderWay,
    });
    time.employ(this.#workers);
    app.closers.add(this.#closer);
  }

  /** The test's time. It stands still but for `drain`, `advance` and the other calls that say so. */
  get now(): Date {
    return new Date(this.#time.clock.time);
  }

  /**
   * Runs every job that can run without waiting, and what these enqueue, until all of it is committed. Time passes only
   * as far as that needs: for a commit or a rebalance, say. A job that waits, as after a failure, is left waiting, and
   * with it what is behind it in its partition: `advance` moves on to it. So is one whose time has not come. What a job waits for in the outside world
   * takes real time and none of the test's.
   *
   * Rejects with a {@link JobsStillRunningError} where jobs show no sign of progress for the test's patience, and with a
   * {@link TestStuckError} where they cannot be run: a partition has stopped, or no worker gets to it.
   */
  drain(): Promise<void> {
    return this.#move(() => this.#until(() => remainingWork(this.#workers)));
  }

  /**
   * Lets time pass, and runs every job that falls due meanwhile. Before each step running jobs may end, as in `drain`;
   * those that do not within the test's patience run on while time passes.
   */
  advance(duration: Duration): Promise<void> {
    const ms = parseDuration(duration, "advance");
    return this.#move(() => this.#time.advance(ms));
  }

  /** @internal Lets time pass for what waits for a worker's word, unless somebody does already. */
  letTimePass<T>(work: Promise<T>): Promise<T> {
    return this.#closing !== undefined || this.#time.isTaken ? work : this.run(work);
  }

  /** Lets time pass until `work` settles, for calls that wait for it: `await t.run(app.topics.apply())` while a broker fails. */
  run<T>(work: Promise<T>): Promise<T> {
    let isOver = false;
    const over = (): void => {
      isOver = true;
    };
    work.then(over, over);
    return this.#move(async () => {
      await this.#until(() => (isOver ? [] : ["the promise given to run has not settled"]));
      return work;
    });
  }

  /**
   * Another worker joins the group, or the latest leaves it in good order. Resolves once the partitions have been shared
   * out again. While something else moves the time, as when a job calls this, it resolves at once and the rebalance
   * takes its course.
   */
  async rebalance(how: "join" | "leave" = "join"): Promise<void> {
    optionalChoice(how, "rebalance", ["join", "leave"]);
    this.#check();
    const resize = (): void => this.#workers.resize(how === "join" ? 1 : -1);
    if (this.#time.isTaken) return resize();
    await this.#move(async () => {
      await this.#until(() => unsettledGroup(this.#workers));
      resize();
      await this.#until(() => unsettledGroup(this.#workers));
    });
  }

  /**
   * Kills the worker that ran something last, as SIGKILL would; another takes its place, once the group has missed the
   * dead one for its session timeout. What its handlers still do counts for nothing, but JavaScript cannot stop them:
   * `crashAt` kills where none of the job's own code is under way.
   */
  crash(): void {
    this.#check();
    this.#workers.crash();
  }

  /** Kills a worker at that point of the next job, or the next one of this definition: it will be run again, or not. */
  crashAt<I, O>(point: CrashPoint, job?: Job<I, O>): PlannedCrash {
    this.#check();
    if (optionalChoice(point, "crashAt", CRASH_POINTS) === undefined) {
      throw new InvalidOptionError("crashAt", `no point given, one of ${CRASH_POINTS.join(", ")} is expected`);
    }
    return this.#workers.crashAt(point, job === undefined ? undefined : this.#definition(job));
  }

  /**
   * Lets the broker refuse the next `times` requests of an API, both by Kafka's names: `t.failNext("Produce",
   * "NOT_ENOUGH_REPLICAS")`. `t.broker.faults` can do more.
   */
  failNext(api: string, error: string, times = 1): FaultHandle {
    this.#check();
    optionalInteger(times, "failNext.times", 1, Number.MAX_SAFE_INTEGER);
    return this.broker.faults.fail({ api, errorCode: errorCodeNamed(error), times });
  }

  /** Throws unless such a job has been enqueued since `testApp`. `payload`: what it has at least. */
  assertEnqueued<I, O>(job: Job<I, O>, payload?: Match<NoInfer<I>>): void {
    assertEnqueued(this.#log, this.#definition(job), payload === undefined ? [] : [payload]);
  }

  /** Throws where such a job has been enqueued. */
  assertNotEnqueued<I, O>(job: Job<I, O>, payload?: Match<NoInfer<I>>): void {
    assertNotEnqueued(this.#log, this.#definition(job), payload === undefined ? [] : [payload]);
  }

  /** Throws unless such a job has been performed to its end. `payload`: what `perform` got at least. */
  assertPerformed<I, O>(job: Job<I, O>, payload?: Match<NoInfer<O>>): void {
    assertPerformed(this.#log, this.#definition(job), payload === undefined ? [] : [payload]);
  }

  /** Throws where such a job has been performed to its end. */
  assertNotPerformed<I, O>(job: Job<I, O>, payload?: Match<NoInfer<O>>): void {
    assertNotPerformed(this.#log, this.#definition(job), payload === undefined ? [] : [payload]);
  }

  /**
   * Throws unless jobs with the same key were performed in order: each was started after all that were enqueued before
   * it, no two ran at once, and none was started again after a later one, but by a new owner of the partition. All
   * attempts count.
   */
  assertPerformedInOrder<I, O>(job: Job<I, O>, keyOf: (job: SeenRun<O>) => unknown): void {
    assertPerformedInOrder(this.#log, this.#definition(job), keyOf as (job: SeenRun) => unknown);
  }

  /** Jobs of this definition that were enqueued and not refused, in the order of the calls. */
  enqueued<I, O>(job: Job<I, O>): SeenJob<I>[] {
    return this.#log.enqueuedOf(this.#definition(job)) as SeenJob<I>[];
  }

  /** Runs of this definition that `perform` came to the end of: after a crash one job may have several. */
  performed<I, O>(job: Job<I, O>): SeenRun<O>[] {
    return completed(this.#log.runsOf(this.#definition(job))).map(asSeen) as SeenRun<O>[];
  }

  /** All runs of this definition, in the order of their starts, whatever became of them. */
  runs<I, O>(job: Job<I, O>): SeenRun<O>[] {
    return this.#log.runsOf(this.#definition(job)).map(asSeen) as SeenRun<O>[];
  }

  /** Ends the workers and the broker, and leaves the app as it was: it can be tested again, or used. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.broker.faults.clear();
    await this.#stopWorkers();
    this.#app.closers.delete(this.#closer);
    await this.#time.exclusively(() => this.#time.clock.run(this.#filled.release()));
    await this.broker.close();
    this.#time.close();
  }

  #stopWorkers(): Promise<void> {
    return this.#time.exclusively(async () => {
      const closing = this.#workers.close();
      // What runs may end first, in real time: after that the workers' own deadline is the test's time.
      await this.#time.settle();
      await this.#time.clock.run(closing);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #check(): void {
    if (this.#closing !== undefined) throw new TestClosedError();
  }

  #definition(job: unknown): JobDefinition {
    if (job instanceof JobHandle && this.#app.registry.has(job.definition)) return job.definition;
    throw new InvalidOptionError("job", `${describe(job)} given, a job of the app under test is expected`);
  }

  async #move<T>(work: () => Promise<T>): Promise<T> {
    this.#check();
    return this.#time.exclusively(async () => {
      this.#workers.ensure();
      return await work();
    });
  }

  /** Lets time pass until nothing is missing any more. */
  async #until(missing: () => string[]): Promise<void> {
    let notes = -1;
    let since = 0;
    for (;;) {
      const running = await this.#time.settle();
      if (running.length > 0) throw new JobsStillRunningError(running, this.#settings.patience);
      const left = missing();
      if (left.length === 0) return;
      if (notes !== this.#log.notes) [notes, since] = [this.#log.notes, this.#time.clock.elapsed];
      this.#checkProgress(left, this.#time.clock.elapsed - since);
      this.#time.step();
    }
  }

  #checkProgress(left: readonly string[], ms: number): void {
    const stopped = this.#workers.partitions.filter(({ state }) => state === "stopped");
    const { errors } = this.#workers;
    if (stopped.length > 0) {
      const where = stopped.map(({ topic, partition }) => `${topic}/${partition}`);
      throw new TestStuckError("partitions have stopped", where, errors);
    }
    const { stuckAfter } = this.#settings;
    if (ms < stuckAfter) return;
    throw new TestStuckError(`no progress in ${stuckAfter / 1_000} s of the test's time`, left, errors);
  }
}

/**
 * Puts a broker in memory and a virtual clock into the app, in the place of the outside world: no socket is opened, and
 * the topics that the app names are there. An app without a `group` gets one for the test. Throws an `AppInUseError`
 * where the app has been used, or is under test already.
 */
export async function testApp(app: App, options?: TestOptions): Promise<TestApp> {
  const settings = resolveTestOptions(options);
  const state = stateOf(app);
  const time = new TestTime(settings.seed, settings.start, settings.patience);
  const network = new MemoryNetwork();
  const log = new JobLog(state.settings.serializer);
  let test: TestApp | undefined;
  const filled = fillRuntime(app, {
    ...{ clock: time.enqueuing, transport: network.transport(time.enqueuing) },
    ...{ brokers: [`${HOST}:${PORT}`], sent: log.sent },
    awaiting: (work) => test?.letTimePass(work) ?? work,
  });
  try {
    const broker = await startTestBroker(state, time, network);
    test = new TestApp(state, settings, { time, log, broker, filled, network });
    return test;
  } catch (error) {
    await filled.release();
    throw error;
  }
}

async function startTestBroker(app: AppState, time: TestTime, network: MemoryNetwork): Promise<Broker> {
  const clock = time.clock.instance();
  const broker = await startBroker({ host: HOST, port: PORT, clock, transport: network.transport(clock) });
  for (const { name, partitions, config } of declaredTopics(app)) {
    await broker.createTopic(name, { partitions, configs: config });
  }
  return broker;
}
