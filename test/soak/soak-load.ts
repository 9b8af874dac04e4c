import { type App, createApp, type Job, type PreparedJob } from "ottla";
import { Kafka } from "ottla/kafka";
import { QUIET } from "../support/quiet-logger.ts";
import { GROUP, QUEUES, SINK, type SoakJobs, type Work } from "./soak-app.ts";

/** Milliseconds between the turns of the load, and between those of what is done now and then. */
const TURN = 100;
const SELDOM = 15_000;
/** Jobs of a key, before there is a new one. */
const JOBS_OF_KEY = 6;
const FILLING = "x".repeat(200);
/** How long jobs fail that are to be brought back, in ms: of queues that put them aside, so that no other waits for them. */
const FAILING = 10_000;

/** Enqueues in every way that there is, at a steady rate, until it is stopped. */
export class SoakLoad {
  readonly #brokers: readonly string[];
  readonly #app: App;
  readonly #jobs: SoakJobs;
  readonly #failed: (error: unknown, during: string) => void;
  readonly #timers: ReturnType<typeof setInterval>[];
  readonly #running = new Set<Promise<void>>();
  #n = 0;

  /** `rate`: jobs a second. */
  constructor(
    brokers: readonly string[],
    app: App,
    jobs: SoakJobs,
    rate: number,
    failed: (error: unknown, during: string) => void,
  ) {
    this.#brokers = brokers;
    this.#app = app;
    this.#jobs = jobs;
    this.#failed = failed;
    const seldom = { redrive: () => this.#redrive(), release: () => this.#release(), visit: () => this.#visit() };
    this.#timers = [
      setInterval(() => this.#turn(Math.ceil((rate * TURN) / 1_000)), TURN),
      ...Object.entries(seldom).map(([name, work]) => setInterval(() => this.#run(work, name), SELDOM)),
    ];
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#running);
  }

  #run(work: () => Promise<unknown>, during: string): void {
    const done = work().then(
      () => void this.#running.delete(done),
      (error: unknown) => {
        this.#running.delete(done);
        this.#failed(error, during);
      },
    );
    this.#running.add(done);
  }

  #turn(count: number): void {
    const bulk: PreparedJob[] = [];
    const together: PreparedJob[] = [];
    for (let i = 0; i < count; i++) {
      const n = this.#n++;
      const job = this.#jobs[QUEUES[n % QUEUES.length]!];
      const work = this.#work(n);
      if (n % 97 === 0) this.#run(() => this.#wait(n, job, work), "a job that waits");
      else if (n % 61 === 0) this.#run(() => this.#twice(n, work), "a job that is enqueued twice");
      else if (n % 41 === 0) together.push(job.of(work));
      else if (n % 3 === 0) this.#run(() => job.performLater(work), "an enqueue");
      else bulk.push(job.of(work));
    }
    this.#run(() => this.#app.performAllLater(bulk), "a bulk");
    if (together.length === 0) return;
    const enqueueAll = async (): Promise<void> => {
      await this.#app.transaction((tx) => Promise.all(together.map((one) => tx.performLater(one))));
    };
    this.#run(enqueueAll, "a transaction");
  }

  #work(n: number): Work {
    const key = `k${Math.floor(n / (JOBS_OF_KEY * QUEUES.length))}-${n % QUEUES.length}`;
    return {
      ...{ key, filling: FILLING },
      ...(n % 31 === 0 ? { failsOnce: true } : {}),
      ...(n % 212 === 0 || n % 204 === 2 ? { failsUntil: Date.now() + FAILING } : {}),
      ...(n % 53 === 0 ? { handsOver: true } : {}),
    };
  }

  /** Some are cancelled, some get another time, some are no jobs. */
  async #wait(n: number, job: Job<Work>, work: Work): Promise<void> {
    if (n % 5 === 0) {
      await this.#app.schedule({ topic: SINK, partition: 0, value: FILLING, at: Date.now() + 2_000 });
      return;
    }
    const later = await job.set({ wait: n % 2 === 0 ? 20_000 : 3_000 }).performLater(work);
    if (later.state !== "scheduled") return;
    if (n % 4 === 0) await this.#app.cancel(later);
    else if (n % 4 === 2) await this.#app.reschedule(later, { wait: 1_000 });
  }

  async #twice(n: number, work: Work): Promise<void> {
    const job = this.#jobs["soak-orders"].set({ id: `id-${n}` });
    await job.performLater(work);
    await job.performLater(work);
  }

  async #redrive(): Promise<void> {
    await this.#app.dead.redrive({ rate: 1_000 });
  }

  async #release(): Promise<void> {
    const keys = await this.#app.parked.list();
    const places = keys.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
    if (places.length > 0) await this.#app.parked.release({ places });
  }

  /** Clients and apps that come and go. */
  async #visit(): Promise<void> {
    const kafka = new Kafka({ brokers: this.#brokers });
    await kafka.admin().describeGroups([GROUP]);
    await kafka.producer({ compression: "gzip" }).send({ topic: SINK, value: FILLING });
    const consumer = kafka.consumer({ topics: [SINK], groupId: "soak-visitors" });
    for await (const batch of consumer) {
      await consumer.commit(batch);
      break;
    }
    await kafka.close();
    const app = createApp({ kafka: { brokers: this.#brokers }, logger: QUIET });
    const job = app.job<Work>({ name: "soak-orders", queue: "soak-orders", perform() {} });
    await job.performLater({ key: "", filling: "" });
    await app.close();
  }
}
