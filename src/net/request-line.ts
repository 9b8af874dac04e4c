import { correlationIdOf, type FrameParts } from "../../protocol/frame.ts";
import type { Clock, Timer } from "./clock.ts";
import type { ConnectionObserver } from "./connection-observer.ts";
import { ConnectionError, type KafkaError, TimeoutError } from "./errors.ts";

/** The connection that a line belongs to. */
export interface LineHost {
  readonly broker: string;
  readonly clock: Clock;
  readonly observer?: ConnectionObserver | undefined;
  write(frame: FrameParts): void;
  /** Whether somebody waits for an answer, so that the process has to live on. */
  hold(active: boolean): void;
  /** The broker owes answers, and has said nothing for longer than most take. */
  silent(): void;
  /** The broker is taken for gone. */
  giveUp(error: KafkaError): void;
}

/** How it stands with the answers of a connection. */
export interface LineState {
  /** Whether the broker owes an answer and has said nothing for some seconds. */
  readonly isSilent: boolean;
  /** Whether the oldest answer is late by as much as a broker that works hardly ever is. */
  readonly isLate: boolean;
  /** Whether it is late though the broker may have waited for its replicas. */
  readonly isOverdue: boolean;
  /** When the broker last sent anything (monotonic ms). */
  readonly heardAt: number;
}

/** A request that is to be sent. */
export interface LineRequest {
  readonly correlationId: number;
  readonly name: string;
  readonly version: number;
  readonly frame: FrameParts;
  /** How long (ms) the broker may hold the answer back. Infinity: for other clients. Undefined: for its replicas. */
  readonly poll: number | undefined;
}

/** A request whose answer is awaited. It keeps its place after a timeout, so that a late answer finds and is dropped by it. */
interface Pending {
  readonly correlationId: number;
  readonly name: string;
  readonly version: number;
  readonly bytes: number;
  readonly poll: number | undefined;
  readonly receive: (frame: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  /** Until it is sent. */
  frame: FrameParts | undefined;
  /** When it was asked for, then when it was sent (monotonic ms). */
  at: number;
  timer: Timer | undefined;
  isExpired: boolean;
}

/** A broker that said nothing for less than this long (ms) is not taken for gone, however short a request's timeout. */
const SHORTEST_SILENCE = 1_000;
/** A broker that owes an answer and says nothing for this long (ms) may hang. */
export const LONG_SILENCE = 3_000;
/** Replicas that have gone are waited for so long (ms), until the cluster takes them for gone. */
const REPLICAS = 7_000;
/** What stands before a frame. */
const SIZE_BYTES = 4;

/**
 * The requests of one connection, in the order in which they were sent and will be answered, and behind them those that
 * have to wait before they are sent.
 */
export class RequestLine implements LineState {
  readonly #host: LineHost;
  readonly #sent: Pending[] = [];
  /** Held back; a bare frame wants no answer. */
  #waiting: (Pending | FrameParts)[] = [];
  #holds = 0;
  /** Requests that somebody still waits for. */
  #awaited = 0;
  /** Since when (monotonic ms) the broker has owed an answer and has sent nothing. */
  #silentSince = 0;
  /** When bytes last came (monotonic ms). */
  #heardAt = 0;
  #whenAnswered: (() => void)[] = [];

  constructor(host: LineHost) {
    this.#host = host;
  }

  /** How many are without an answer, sent or not. */
  get length(): number {
    return this.#sent.length + this.#waiting.length;
  }

  /** Sends a request and resolves with the frame of its answer. An `urgent` one is not held back. */
  exchange(request: LineRequest, timeout: number, urgent: boolean): Promise<Uint8Array> {
    return new Promise((receive, reject) => {
      const pending: Pending = {
        correlationId: request.correlationId,
        name: request.name,
        version: request.version,
        bytes: sizeOf(request.frame),
        frame: request.frame,
        poll: request.poll,
        receive,
        reject,
        at: this.#host.clock.monotonic(),
        timer: undefined,
        isExpired: false,
      };
      const { poll = 0 } = request;
      // Who waits for others has the cluster asked as soon: the broker may be gone.
      this.#watch(pending, timeout, (Number.isFinite(poll) ? poll : 0) + LONG_SILENCE, 0);
      if (this.#awaited++ === 0) this.#host.hold(true);
      if (this.#holds > 0 && !urgent) this.#waiting.push(pending);
      else this.#send(pending);
    });
  }

  /** Tells of a long silence, again and again until the request's time is over. `waited`: milliseconds so far. */
  #watch(pending: Pending, timeout: number, patience: number, waited: number): void {
    const { clock } = this.#host;
    if (waited + patience >= timeout) {
      pending.timer = clock.timer(timeout - waited, () => this.#expire(pending, timeout));
      return;
    }
    pending.timer = clock.timer(patience, () => {
      if (this.isSilent) this.#host.silent();
      this.#watch(pending, timeout, LONG_SILENCE, waited + patience);
    });
  }

  /** Milliseconds for which the broker has owed an answer and has sent nothing; 0: it owes none. */
  get silence(): number {
    return this.#sent.length === 0 ? 0 : this.#host.clock.monotonic() - this.#silentSince;
  }

  get isSilent(): boolean {
    return this.silence >= LONG_SILENCE;
  }
  get isLate(): boolean {
    return this.silence >= (this.#sent[0]?.poll ?? 0) + LONG_SILENCE;
  }
  get isOverdue(): boolean {
    return this.silence >= (this.#sent[0]?.poll ?? REPLICAS) + LONG_SILENCE;
  }
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Sends a frame that has no answer. */
  sendOneWay(frame: FrameParts): void {
    if (this.#holds > 0) this.#waiting.push(frame);
    else this.#write(frame, sizeOf(frame));
  }

  #write(frame: FrameParts, bytes: number): void {
    this.#host.observer?.sent(bytes);
    this.#host.write(frame);
  }

  #send(pending: Pending): void {
    const frame = pending.frame!;
    pending.frame = undefined;
    pending.at = this.#host.clock.monotonic();
    if (this.#sent.length === 0) this.#silentSince = pending.at;
    this.#sent.push(pending);
    this.#write(frame, pending.bytes);
  }

  /** Nothing but urgent requests is sent until the function that is returned has been called. */
  holdBack(): () => void {
    this.#holds++;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (--this.#holds > 0) return;
      for (const one of this.#waiting.splice(0)) {
        if ("correlationId" in one) this.#send(one);
        else this.#write(one, sizeOf(one));
      }
    };
  }

  /** Resolves once whatever was sent is answered, or will never be. */
  answered(): Promise<void> {
    if (this.#sent.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenAnswered.push(resolve));
  }

  /** Bytes have come. */
  heard(): void {
    this.#heardAt = this.#host.clock.monotonic();
    this.#silentSince = this.#heardAt;
  }

  /** Gives a frame to the request that it answers. Throws where none is due. */
  take(frame: Uint8Array): void {
    const { broker } = this.#host;
    const correlationId = correlationIdOf(frame);
    const pending = this.#sent[0];
    if (pending?.correlationId !== correlationId) {
      const expected =
        pending === undefined ? "nothing was asked" : `${pending.name} with ${pending.correlationId} is due`;
      const message = `${broker} answered out of turn: correlation id ${correlationId}, where ${expected}`;
      throw new ConnectionError(message, { broker });
    }
    this.#sent.shift();
    pending.timer?.cancel();
    if (!pending.isExpired) {
      this.#release();
      const { name, version, at, bytes } = pending;
      this.#host.observer?.answered(name, version, this.#host.clock.monotonic() - at, bytes, frame.length + SIZE_BYTES);
    }
    pending.receive(frame);
    if (this.#sent.length === 0) this.#tellAnswered();
  }

  #expire(pending: Pending, timeout: number): void {
    const { broker } = this.#host;
    const message = `${broker} did not answer ${pending.name} within ${timeout} ms`;
    const error = new TimeoutError("REQUEST_TIMED_OUT", message, { broker });
    pending.isExpired = true;
    this.#fail(pending, error);
    this.#release();
    if (pending.frame !== undefined) this.#waiting = this.#waiting.filter((one) => one !== pending);
    // A broker that has been silent all that time is taken for gone; one that is only slow keeps its connection.
    if (this.silence >= Math.max(timeout, SHORTEST_SILENCE)) this.#host.giveUp(error);
  }

  #fail(pending: Pending, error: KafkaError): void {
    const { name, version, at, bytes } = pending;
    this.#host.observer?.failed(name, version, this.#host.clock.monotonic() - at, bytes, error);
    pending.reject(error);
  }

  /** Nobody waits for a request any more: a connection that owes nothing keeps no process alive. */
  #release(): void {
    if (--this.#awaited === 0) this.#host.hold(false);
  }

  #tellAnswered(): void {
    for (const resolve of this.#whenAnswered.splice(0)) resolve();
  }

  /** No answer will come any more. */
  end(cause: KafkaError): void {
    for (const one of [...this.#sent.splice(0), ...this.#waiting.splice(0)]) {
      if (!("correlationId" in one)) continue;
      one.timer?.cancel();
      if (!one.isExpired) this.#fail(one, cause);
    }
    this.#tellAnswered();
  }
}

function sizeOf(frame: FrameParts): number {
  let bytes = 0;
  for (const part of frame) bytes += part.length;
  return bytes;
}
