import type { Api } from "../../protocol/api.ts";
import type { Draft } from "../../protocol/field.ts";
import { correlationIdOf, decodeResponse, encodeRequest, FrameSplitter } from "../../protocol/frame.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import type { Clock, Timer } from "./clock.ts";
import { ConnectionError, KafkaError, TimeoutError } from "./errors.ts";
import { type AnyApi, NegotiatedVersions, readApiVersions } from "./negotiation.ts";
import { type Address, type ByteStream, formatAddress, type Transport } from "./transport.ts";
import { VERSION } from "./version.ts";

export interface ConnectionOptions {
  readonly address: Address;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly clientId: string;
  /** Milliseconds for opening the stream and agreeing on versions. */
  readonly connectTimeout: number;
  /** Milliseconds for one answer, where a request says nothing else. */
  readonly requestTimeout: number;
  /** The largest response frame believed, in bytes. */
  readonly maxFrameBytes: number;
  /** Gives up opening when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

export interface RequestOptions {
  /** Milliseconds until the answer is given up. */
  readonly timeout?: number | undefined;
  /** The highest version to use. */
  readonly maxVersion?: number | undefined;
  /** The expected size of the body, in bytes. */
  readonly bodySize?: number | undefined;
}

/** A request whose answer is awaited. It keeps its place after a timeout, so that a late answer finds and is dropped by it. */
interface Pending {
  readonly correlationId: number;
  readonly name: string;
  readonly receive: (frame: Uint8Array) => void;
  readonly reject: (error: Error) => void;
  timer: Timer | undefined;
  isExpired: boolean;
}

const LAST_CORRELATION_ID = 0x7fff_ffff;
/** No answer to ApiVersions comes near this size: a frame that claims more is another protocol's text. */
const HANDSHAKE_FRAME_BYTES = 1024 * 1024;
/** A broker that said nothing for less than this long (ms) is not taken for gone, however short a request's timeout. */
const SHORTEST_SILENCE = 1_000;
/** How long (ms) what was sent without wanting an answer may take to leave this machine once the connection is closed. */
const FLUSH_GRACE = 5_000;

/**
 * One connection to one broker: requests are pipelined, and answers come back in the order of the requests.
 *
 * It is open, or it is closed for good with a first cause, which every request gets that was or will be sent on it.
 */
export class Connection {
  readonly broker: string;
  readonly #options: ConnectionOptions;
  #splitter: FrameSplitter;
  readonly #pending: Pending[] = [];
  #stream: ByteStream | undefined;
  #versions: NegotiatedVersions | undefined;
  #correlationId = 0;
  /** Requests in #pending that somebody still waits for. */
  #awaited = 0;
  /** Since when (monotonic ms) the broker has owed an answer and has sent nothing. */
  #silentSince = 0;
  #hasSentOneWay = false;
  #cause: KafkaError | undefined;
  #whenClosed: ((cause: KafkaError) => void)[] = [];

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    this.broker = formatAddress(options.address);
    this.#splitter = new FrameSplitter(Math.min(HANDSHAKE_FRAME_BYTES, options.maxFrameBytes));
  }

  /** Opens a stream and agrees on versions, or rejects with the reason why that cannot be. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    const { broker } = connection;
    const { clock, connectTimeout, signal } = options;
    const abort = new AbortController();
    const giveUp = (error: KafkaError): void => abort.abort(connection.#close(error));
    const stop = (): void => giveUp(new ConnectionError(`connecting to ${broker} was given up`, { broker }));
    const timer = clock.timer(connectTimeout, () => {
      giveUp(
        new TimeoutError("CONNECT_TIMED_OUT", `no connection to ${broker} within ${connectTimeout} ms`, { broker }),
      );
    });
    signal?.addEventListener("abort", stop);
    try {
      if (signal?.aborted) stop();
      await connection.#connect(abort.signal);
      await connection.#negotiate(apiVersions.maxVersion);
      connection.#splitter = new FrameSplitter(options.maxFrameBytes);
      return connection;
    } catch (error) {
      throw connection.#close(asKafkaError(error, broker));
    } finally {
      timer.cancel();
      signal?.removeEventListener("abort", stop);
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    if (this.#cause !== undefined) throw this.#cause;
    const handlers = {
      data: (chunk: Uint8Array): void => this.#receive(chunk),
      drain: (): void => {},
      close: (cause: Error | undefined): void => this.#ended(cause),
    };
    const opening = this.#options.transport.connect(this.#options.address, handlers, signal);
    // A transport may be late in heeding the signal: whoever waits for this connection must not be.
    const givenUp = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    const opened = opening.then((stream) => {
      if (this.#cause === undefined) this.#stream = stream;
      else stream.destroy();
    });
    await Promise.race([opened, givenUp]);
    if (this.#cause !== undefined) throw this.#cause;
  }

  #ended(cause: Error | undefined): void {
    const { broker } = this;
    const why = cause === undefined ? "the broker closed the connection" : reasonOf(cause);
    const when =
      this.#versions === undefined
        ? " before it had named its API versions: it may want TLS or SASL, or may not be Kafka"
        : "";
    this.#close(new ConnectionError(`connection to ${broker} ended: ${why}${when}`, { broker, cause }));
  }

  async #negotiate(version: number): Promise<void> {
    const body = { clientSoftwareName: "ottla", clientSoftwareVersion: VERSION };
    const frame = await this.#exchange(
      apiVersions,
      version,
      version >= 3 ? body : {},
      this.#options.connectTimeout,
      64,
    );
    const answer = readApiVersions(version, frame);
    if ("retryWith" in answer) return this.#negotiate(answer.retryWith);
    const { errorCode } = answer.response;
    if (errorCode !== 0) {
      throw new ConnectionError(`${this.broker} refused to name its API versions (error ${errorCode})`, {
        broker: this.broker,
      });
    }
    this.#versions = new NegotiatedVersions(answer.response, this.broker);
  }

  /** Why it is closed; undefined while it is open. */
  get cause(): KafkaError | undefined {
    return this.#cause;
  }
  get inFlight(): number {
    return this.#pending.length;
  }

  onClose(listener: (cause: KafkaError) => void): void {
    if (this.#cause !== undefined) listener(this.#cause);
    else this.#whenClosed.push(listener);
  }

  /** The version that a request of `api` would have here. Throws where there is none. */
  versionOf(api: AnyApi, maxVersion?: number): number {
    return this.#versions!.require(api, maxVersion);
  }

  /** Whether the broker speaks any version of `api` that we do. */
  supports(api: AnyApi, maxVersion?: number): boolean {
    return this.#versions?.find(api, maxVersion) !== undefined;
  }

  /** The level at which the cluster has switched a feature on, as this broker knows it; 0: it has not. */
  feature(name: string): number {
    return this.#versions?.feature(name) ?? 0;
  }

  /** Sends a request, and resolves with the answer's body. */
  async send<Request, Response>(
    api: Api<Request, Response>,
    body: Draft<Request>,
    options: RequestOptions = {},
  ): Promise<Response> {
    const version = this.versionOf(api, options.maxVersion);
    const timeout = options.timeout ?? this.#options.requestTimeout;
    const frame = await this.#exchange(api, version, body, timeout, options.bodySize);
    try {
      return decodeResponse(api, version, frame);
    } catch (error) {
      // What follows on the stream may be as wrong as this: nothing more is believed.
      throw this.#close(asKafkaError(error, this.broker));
    }
  }

  /** Sends a request that has no answer: Produce with acks=0. */
  sendOneWay<Request, Response>(api: Api<Request, Response>, body: Draft<Request>, options: RequestOptions = {}): void {
    if (this.#cause !== undefined) throw this.#cause;
    const version = this.versionOf(api, options.maxVersion);
    this.#hasSentOneWay = true;
    this.#stream!.write(this.#encode(api, version, this.#nextId(), body, options.bodySize));
  }

  #exchange<Request, Response>(
    api: Api<Request, Response>,
    version: number,
    body: Draft<Request>,
    timeout: number,
    bodySize: number | undefined,
  ): Promise<Uint8Array> {
    if (this.#cause !== undefined) return Promise.reject(this.#cause);
    const correlationId = this.#nextId();
    const frame = this.#encode(api, version, correlationId, body, bodySize);
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        ...{ correlationId, name: api.name, receive: resolve, reject },
        ...{ timer: undefined, isExpired: false },
      };
      pending.timer = clock.timer(timeout, () => this.#expire(pending, timeout));
      if (this.#pending.length === 0) this.#silentSince = clock.monotonic();
      this.#pending.push(pending);
      if (this.#awaited++ === 0) this.#stream!.hold(true);
      this.#stream!.write(frame);
    });
  }

  #encode<Request, Response>(
    api: Api<Request, Response>,
    version: number,
    correlationId: number,
    body: Draft<Request>,
    bodySize: number | undefined,
  ): Uint8Array {
    try {
      return encodeRequest(api, version, correlationId, this.#options.clientId, body, bodySize);
    } catch (error) {
      const { broker } = this;
      const message = `cannot write a ${api.name} request of version ${version} for ${broker}: ${reasonOf(error)}`;
      throw new KafkaError("ENCODE_FAILED", message, false, { broker, cause: error });
    }
  }

  #nextId(): number {
    const id = this.#correlationId;
    this.#correlationId = id === LAST_CORRELATION_ID ? 0 : id + 1;
    return id;
  }

  #expire(pending: Pending, timeout: number): void {
    const error = new TimeoutError(
      "REQUEST_TIMED_OUT",
      `${this.broker} did not answer ${pending.name} within ${timeout} ms`,
      {
        broker: this.broker,
      },
    );
    pending.isExpired = true;
    pending.reject(error);
    this.#release();
    // A broker that has been silent all that time is taken for gone; one that is only slow keeps its connection.
    const silence = this.#options.clock.monotonic() - this.#silentSince;
    if (silence >= Math.max(timeout, SHORTEST_SILENCE)) this.#close(error);
  }

  /** Nobody waits for a request any more: a connection that owes nothing keeps no process alive. */
  #release(): void {
    if (--this.#awaited === 0) this.#stream?.hold(false);
  }

  #receive(chunk: Uint8Array): void {
    if (this.#cause !== undefined) return;
    this.#silentSince = this.#options.clock.monotonic();
    try {
      for (const frame of this.#splitter.push(chunk)) this.#answer(frame);
    } catch (error) {
      this.#close(asKafkaError(error, this.broker));
    }
  }

  #answer(frame: Uint8Array): void {
    if (this.#cause !== undefined) return;
    const { broker } = this;
    const correlationId = correlationIdOf(frame);
    const pending = this.#pending[0];
    if (pending?.correlationId !== correlationId) {
      const expected =
        pending === undefined ? "nothing was asked" : `${pending.name} with ${pending.correlationId} is due`;
      const message = `${broker} answered out of turn: correlation id ${correlationId}, where ${expected}`;
      throw new ConnectionError(message, { broker });
    }
    this.#pending.shift();
    pending.timer?.cancel();
    if (!pending.isExpired) this.#release();
    pending.receive(frame);
  }

  /** Closes; what is unanswered rejects, and what wants no answer still goes out. */
  close(): void {
    const { broker } = this;
    const stream = this.#stream;
    const lingers = stream !== undefined && this.#hasSentOneWay && this.#pending.length === 0;
    if (lingers && this.#cause === undefined) {
      stream.end();
      this.#options.clock.timer(FLUSH_GRACE, () => stream.destroy(), { idle: true });
      this.#stream = undefined;
    }
    this.#close(new ConnectionError(`connection to ${broker} was closed`, { broker }));
  }

  #close(cause: KafkaError): KafkaError {
    if (this.#cause !== undefined) return this.#cause;
    this.#cause = cause;
    this.#stream?.destroy();
    for (const pending of this.#pending.splice(0)) {
      pending.timer?.cancel();
      pending.reject(cause);
    }
    for (const listener of this.#whenClosed.splice(0)) listener(cause);
    return cause;
  }
}

function asKafkaError(error: unknown, broker: string): KafkaError {
  if (error instanceof KafkaError) return error;
  return new ConnectionError(`cannot talk to ${broker}: ${reasonOf(error)}`, { broker, cause: error });
}

/** An error's own words. One for several addresses of a name has none on some runtimes, but holds those of each. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.message === "") return error.errors.map(reasonOf).join(", ");
  return error.message || (error as { code?: string }).code || error.name;
}
