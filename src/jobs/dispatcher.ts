import type { ProducerRecord, RecordMetadata } from "../client/producer-record.ts";
import type { AppState } from "./app-state.ts";
import type { DispatchedJob } from "./dispatched-job.ts";
import { completeRecord, type DraftTools, draftEnqueue, type EnqueueDraft, intercept } from "./enqueue-draft.ts";
import type { EnqueueRun } from "./enqueue-run.ts";
import { InvalidOptionError } from "./errors.ts";
import type { PreparedCall } from "./job.ts";
import type { DispatchMethod } from "./job-options.ts";
import { namedError } from "./named-error.ts";
import { type JobTaker, OneJobTaker, PostedJob } from "./posted-job.ts";
import type { QueueLine } from "./queue-line.ts";
import type { Runtime } from "./runtime.ts";
import type { EntryRoute } from "./schedule-entry.ts";
import { entryRoute } from "./schedule-route.ts";

/** An enqueue that is under way. */
export interface Dispatch {
  /** What the caller gets, and when. */
  readonly result: Promise<DispatchedJob>;
  /** Settles once the brokers have the job or it has failed; a rejection needs no handler. */
  readonly acknowledged: Promise<DispatchedJob>;
}

/** The same instant on both clocks: monotonic ms, and ms since 1970. */
export interface Moment {
  readonly at: number;
  readonly now: number;
}

/** Brings jobs into their queues, in the order of the calls. */
export class Dispatcher {
  readonly #app: AppState;
  #tools: DraftTools | undefined;

  constructor(app: AppState) {
    this.#app = app;
  }

  performLater(call: PreparedCall): Promise<DispatchedJob> {
    try {
      const moment = this.moment();
      const draft = this.draft(call, moment);
      const { dispatchMethod } = call.definition;
      const taker = new OneJobTaker();
      if (this.post(draft, dispatchMethod, moment, taker, 0)) return taker.promise;
      return this.dispatch(draft, dispatchMethod).result;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** For {@link draft} and {@link post}: clocks cost as much to look at as a record to write. */
  moment(): Moment {
    const { clock } = this.#app.slot.use();
    return { at: clock.monotonic(), now: clock.now() };
  }

  /** Throws what makes the job impossible to send. */
  draft(call: PreparedCall, moment?: Moment): EnqueueDraft {
    const { registry, slot, settings, producer, contexts, middleware } = this.#app;
    if (!registry.has(call.definition)) {
      throw new InvalidOptionError(`job "${call.definition.name}"`, "it belongs to another app");
    }
    const { clock } = slot.use();
    if (this.#tools?.clock !== clock)
      this.#tools = { clock, serializer: settings.serializer, producer, source: slot, contexts, middleware };
    return draftEnqueue(this.#tools, call, moment?.now);
  }

  /**
   * Sends a job of which nothing has to be waited for, and whose caller waits until the brokers have it: `taker` is told then,
   * under `slot`. False: nothing is done, it is one for {@link dispatch}. Throws what makes the job impossible to send.
   */
  post(draft: EnqueueDraft, method: DispatchMethod, { at, now }: Moment, taker: JobTaker, slot: number): boolean {
    const { producer, queue, route, record, schedule, pendingValue, intercepted } = draft;
    if (method !== "produceSync" || schedule !== undefined || pendingValue !== undefined) return false;
    const runtime = this.#app.slot.use();
    const line = runtime.line(producer, queue);
    if (intercepted !== undefined || !line.line.isEmpty) return false;
    const partition = line.routeNow(route);
    if (partition === false) return false;
    const owner = new PostedJob(this.#app, runtime, draft, taker);
    runtime.enqueueBegan();
    try {
      line.sink.post(partition === undefined ? record : { ...record, partition }, owner, slot, at, now);
    } catch (error) {
      runtime.enqueueEnded();
      throw error;
    }
    return true;
  }

  /** Takes the job's place in its line and sends it when its turn comes. */
  dispatch(draft: EnqueueDraft, method: DispatchMethod): Dispatch {
    const runtime = this.#app.slot.use();
    const line = runtime.line(draft.producer, draft.schedule?.topic ?? draft.queue);
    const routing: Routing = draft.schedule === undefined ? line.route(draft.route) : entryRoute(runtime, draft);
    if (routing instanceof Promise) line.sink.prepare();
    runtime.enqueueBegan();
    const run = intercept(draft, this.#app.middleware);
    if (run !== undefined) {
      const { result, acknowledged } = this.#waitInLine(runtime, draft, method, line, routing, run);
      return { acknowledged, result: run.around(result, (error) => this.middlewareFailed(draft, error)) };
    }
    if (!(routing instanceof Promise) && draft.pendingValue === undefined && line.line.isEmpty) {
      const sent = line.sink.send(recordNow(draft, routing));
      return this.#outcome(runtime, draft, method, sent, method === "produceSync" ? BUFFERED : buffering(line, sent));
    }
    return this.#waitInLine(runtime, draft, method, line, routing, undefined);
  }

  /** It was enqueued all the same. */
  middlewareFailed({ definition, queue }: EnqueueDraft, error: unknown): void {
    const during = `an enqueue middleware, after job "${definition.name}" was enqueued`;
    this.#app.events.emit("error", { error, during, topic: queue });
  }

  #waitInLine(
    runtime: Runtime,
    draft: EnqueueDraft,
    method: DispatchMethod,
    line: QueueLine,
    routing: Routing,
    run: EnqueueRun | undefined,
  ): Dispatch {
    let record: ProducerRecord = routing instanceof Promise ? draft.record : recordNow(draft, routing);
    const preparing =
      !(routing instanceof Promise) && draft.pendingValue === undefined && run === undefined
        ? undefined
        : Promise.all([routing, run?.headers, draft.pendingValue]).then(([route, headers, value]) => {
            record = completeRecord(draft, route, headers, value);
          });
    let sent!: Promise<RecordMetadata>;
    const buffered = new Promise<void>((accept, refuse) => {
      sent = new Promise((resolve, reject) => {
        const send = (): void => {
          const going = line.sink.send(record);
          resolve(going);
          accept(method === "produceSync" ? undefined : buffering(line, going));
        };
        line.line.join(preparing, send, (error) => {
          reject(error);
          refuse(namedError(error, draft.definition.name, draft.queue));
        });
      });
    });
    return this.#outcome(runtime, draft, method, sent, buffered);
  }

  /** `buffered` settles when the job is in the producer, or refused. */
  #outcome(
    runtime: Runtime,
    draft: EnqueueDraft,
    method: DispatchMethod,
    sent: Promise<RecordMetadata>,
    buffered: Promise<void>,
  ): Dispatch {
    const taker = new OneJobTaker();
    const owner = new PostedJob(this.#app, runtime, draft, taker);
    sent.then(
      ({ partition, offset }) => owner.delivered(0, partition, offset),
      (error: unknown) => owner.failed(0, error),
    );
    const acknowledged = taker.promise;
    if (method === "produceSync") {
      buffered.catch(() => {});
      return { result: acknowledged, acknowledged };
    }
    const { id, queue, definition, schedule } = draft;
    let isBuffered = false;
    const result = buffered.then((): DispatchedJob => {
      isBuffered = true;
      return { state: "buffered", id, queue, topic: schedule?.topic ?? queue };
    });
    // One that was never buffered has failed for its caller; for one that was, nobody waits any more.
    acknowledged.catch((error: unknown) => {
      if (!isBuffered) return;
      this.#app.events.emit("error", { error, during: `sending job "${definition.name}"`, topic: queue });
    });
    return { result, acknowledged };
  }
}

/** How long it takes to know where a record goes. Undefined: the client decides. */
type Routing = Promise<number | EntryRoute | undefined> | EntryRoute | undefined;

/** What is sent of a draft of which nothing has to be waited for. */
function recordNow(draft: EnqueueDraft, route: EntryRoute | undefined): ProducerRecord {
  return route === undefined ? draft.record : completeRecord(draft, route, undefined, undefined);
}

/** For jobs that go to the producer at once. */
const BUFFERED: Promise<void> = Promise.resolve();

/** A producer that is full keeps a job waiting, and so its caller, who could otherwise fill the memory. */
function buffering({ sink }: QueueLine, sent: Promise<RecordMetadata>): Promise<void> {
  const { room } = sink;
  // One that has waited too long has failed before it is told that nobody waits any more.
  return room === undefined ? BUFFERED : Promise.race([sent, room]).then(() => {});
}
