import type { AppState } from "../jobs/app-state.ts";
import { type AppEventName, type AppEvents, EventHub } from "../jobs/events.ts";
import type { JobDefinition, RunningJob } from "../jobs/job-options.ts";
import { JobRegistry } from "../jobs/job-registry.ts";
import { LazyProducer } from "../jobs/lazy-producer.ts";
import type { RecordPlace } from "../jobs/record-place.ts";
import { RuntimeSlot } from "../jobs/runtime.ts";
import { startWorker } from "../jobs/start-worker.ts";
import { StepInterrupt } from "../jobs/step-run.ts";
import type { WorkOptions } from "../jobs/work-options.ts";
import type { Worker } from "../jobs/worker.ts";
import type { MemoryTransport } from "../net/memory.ts";
import type { JobLog } from "./job-log.ts";
import type { InstanceClock } from "./virtual-clock.ts";

/** What an instance needs of the test that it is part of. */
export interface InstanceParts {
  readonly name: string;
  readonly clock: InstanceClock;
  readonly network: MemoryTransport;
  readonly brokers: readonly string[];
  readonly group: string;
  readonly log: JobLog;
  /** A run is about to begin, or has just ended well. True: the instance has been killed meanwhile. */
  reached(
    point: "before-perform" | "after-perform",
    job: JobDefinition,
    place: RecordPlace,
    instance: WorkerInstance,
  ): boolean;
  /** How long (ms) a fetch may wait for jobs. */
  fetchWait(): number;
  /** Something of this instance went wrong. */
  failed(error: unknown, during: string): void;
}

/**
 * A worker of the app as if in a process of its own: with its own clock, its own way into the network, and its own
 * client. It shares the app's jobs and listeners. Killing it freezes all of it, and what its handlers still do counts
 * for nothing.
 */
export class WorkerInstance {
  readonly name: string;
  readonly clientId: string;
  readonly #parts: InstanceParts;
  readonly #state: AppState;
  readonly #ownerships = new Map<string, number>();
  #starting: Promise<Worker> | undefined;
  #worker: Worker | undefined;
  #isAlive = true;

  constructor(app: AppState, parts: InstanceParts) {
    this.#parts = parts;
    this.name = parts.name;
    const { kafka } = app.settings;
    this.clientId = `${kafka.clientId ?? "ottla"}-${parts.name}`;
    const settings = { ...app.settings, group: parts.group, kafka: { ...kafka, clientId: this.clientId } };
    const slot = new RuntimeSlot(settings);
    const { clock, network: transport, brokers, fetchWait } = parts;
    slot.fill({ clock, transport, brokers, fetchWait });
    this.#state = {
      ...app,
      ...{
        settings,
        slot,
        closers: new Set(),
        producer: new LazyProducer(slot, settings.producer),
      },
      registry: new WatchedRegistry(app.registry, (definition, payload, job) =>
        this.#perform(definition, payload, job),
      ),
      events: new InstanceEvents(app, (name, event) => this.#heard(name, event)),
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }
  /** Undefined: it has not found its queues yet. */
  get worker(): Worker | undefined {
    return this.#worker;
  }

  async start(options: WorkOptions): Promise<void> {
    this.#starting = startWorker(this.#state, options);
    this.#worker = await this.#starting;
  }

  /** As by SIGKILL: nothing of it ever runs again. */
  kill(): void {
    this.#isAlive = false;
    this.#parts.clock.freeze();
    this.#parts.network.cut();
    this.#parts.log.died(this.name);
  }

  pause(): void {
    this.#parts.clock.pause();
  }
  resume(): void {
    this.#parts.clock.resume();
  }

  /** Ends in good order. One that is starting starts first: what is half made nobody could close. */
  async close(): Promise<void> {
    await this.#starting?.catch(() => {});
    await this.#worker?.close().catch(() => {});
    await this.#state.slot.close();
    this.#isAlive = false;
  }

  async #perform(definition: JobDefinition, payload: unknown, job: RunningJob): Promise<unknown> {
    if (this.#isDead("before-perform", definition, job)) return never();
    const { log, clock } = this.#parts;
    const ownership = `${this.name}/${job.topic}/${job.partition}/${this.#ownerships.get(placeOf(job)) ?? 0}`;
    const run = log.started(payload, job, this.name, ownership, new Date(clock.now()));
    let result: unknown;
    try {
      result = await definition.perform(payload, job);
    } catch (error) {
      if (!this.#isAlive) return never();
      log.ended(run, error instanceof StepInterrupt ? "interrupted" : "failed", error);
      throw error;
    }
    log.ended(run, "completed");
    return this.#isDead("after-perform", definition, job) ? never() : result;
  }

  #isDead(point: "before-perform" | "after-perform", definition: JobDefinition, place: RecordPlace): boolean {
    return !this.#isAlive || this.#parts.reached(point, definition, place, this);
  }

  /** False: the dead tell nothing. */
  #heard(name: AppEventName, event: unknown): boolean {
    if (!this.#isAlive) return false;
    if (name === "assigned") {
      for (const partition of (event as AppEvents["assigned"]).partitions) {
        const place = placeOf(partition);
        this.#ownerships.set(place, (this.#ownerships.get(place) ?? 0) + 1);
      }
    }
    if (name === "error") {
      const { error, during } = event as AppEvents["error"];
      this.#parts.failed(error, during);
    }
    if (name === "expired") this.#parts.log.expired((event as AppEvents["expired"]).job.id);
    if (name === "failed") {
      const { error, job } = event as AppEvents["failed"];
      this.#parts.failed(error, `job ${job.id} of "${job.name}"`);
    }
    return true;
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function placeOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`;
}

type Perform = (definition: JobDefinition, payload: unknown, job: RunningJob) => Promise<unknown>;

/** The app's jobs, with somebody between them and the worker. */
class WatchedRegistry extends JobRegistry {
  readonly #registry: JobRegistry;
  readonly #perform: Perform;
  readonly #watched = new WeakMap<JobDefinition, JobDefinition>();

  constructor(registry: JobRegistry, perform: Perform) {
    super();
    this.#registry = registry;
    this.#perform = perform;
  }

  override get(name: string): JobDefinition {
    return this.#watch(this.#registry.get(name));
  }

  override find(name: string): JobDefinition | undefined {
    const definition = this.#registry.find(name);
    return definition === undefined ? undefined : this.#watch(definition);
  }

  #watch(definition: JobDefinition): JobDefinition {
    let watched = this.#watched.get(definition);
    if (watched === undefined) {
      watched = { ...definition, perform: (payload, job) => this.#perform(definition, payload, job) };
      this.#watched.set(definition, watched);
    }
    return watched;
  }

  override has(definition: JobDefinition): boolean {
    return this.#registry.has(definition);
  }
  override get definitions(): JobDefinition[] {
    return this.#registry.definitions;
  }
  override get names(): string[] {
    return this.#registry.names;
  }
  override get queues(): string[] {
    return this.#registry.queues;
  }
}

/** What an instance tells goes to the app's listeners, for as long as it is alive. */
class InstanceEvents extends EventHub {
  readonly #events: EventHub;
  readonly #heard: (name: AppEventName, event: unknown) => boolean;

  constructor({ events, settings }: AppState, heard: (name: AppEventName, event: unknown) => boolean) {
    super(settings.logger);
    this.#events = events;
    this.#heard = heard;
  }

  override has(name: AppEventName): boolean {
    return this.#events.has(name);
  }

  override emit<E extends AppEventName>(name: E, event: AppEvents[E]): void {
    if (this.#heard(name, event)) this.#events.emit(name, event);
  }
}
