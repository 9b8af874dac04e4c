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
}

const LAST_CORRELATION_ID = 0x7fff_ffff;

/**
 * One connection to one broker: requests are pipelined, and answers come back in the order of the requests.
 *
 * It is open, or it is closed for good with a first cause, which every request gets that was or will be sent on it.
 */
export class Connection {
  readonly broker: string;
  readonly #options: ConnectionOptions;
  readonly #splitter: FrameSplitter;
  readonly #pending: Pending[] = [];
  #stream: ByteStream | undefined;
  #versions: NegotiatedVersions | undefined;
  #correlationId = 0;
  #lastReceived: number;
  #cause: KafkaError | undefined;
  #whenClosed: ((cause: KafkaError) => void)[] = [];

  private constructor(options: ConnectionOptions) {
    this.#options = options;
    this.broker = formatAddress(options.address);
    this.#splitter = new FrameSplitter(options.maxFrameBytes);
    this.#lastReceived = options.clock.monotonic();
  }

  /** Opens a stream and agrees on versions, or rejects with the reason why that cannot be. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const connection = new Connection(options);
    const abort = new AbortController();
    const timer = options.clock.timer(options.connectTimeout, () => {
      const error = new TimeoutError(
        "CONNECT_TIMED_OUT",
        `no connection to ${connection.broker} within ${options.connectTimeout} ms`,
        { broker: connection.broker },
      );
      abort.abort(error);
      connection.#close(error);
    });
    try {
      await connection.#connect(abort.signal);
      await connection.#negotiate(apiVersions.maxVersion);
      return connection;
    } catch (error) {
      throw connection.#close(asKafkaError(error, connection.broker));
    } finally {
      timer.cancel();
    }
  }

  async #connect(signal: AbortSignal): Promise<void> {
    const handlers = {
      data: (chunk: Uint8Array): void => this.#receive(chunk),
      drain: (): void => {},
      close: (cause: Error | undefined): void => {
        const why = cause === undefined ? "the broker closed the connection" : cause.message;
        this.#close(new ConnectionError(`connection to ${this.broker} ended: ${why}`, { broker: this.broker, cause }));
      },
    };
    const stream = await this.#options.transport.connect(this.#options.address, handlers, signal);
    if (this.#cause !== undefined) {
      stream.destroy();
      throw this.#cause;
    }
    this.#stream = stream;
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
    this.#stream!.write(encodeRequest(api, version, this.#nextId(), this.#options.clientId, body, options.bodySize));
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
    const frame = encodeRequest(api, version, correlationId, this.#options.clientId, body, bodySize);
    return new Promise((resolve, reject) => {
      const pending: Pending = { correlationId, name: api.name, receive: resolve, reject, timer: undefined };
      pending.timer = this.#options.clock.timer(timeout, () => this.#expire(pending, timeout));
      this.#pending.push(pending);
      if (this.#pending.length === 1) this.#stream!.hold(true);
      this.#stream!.write(frame);
    });
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
    pending.reject(error);
    // A broker that has been silent all that time is taken for gone; one that is only slow keeps its connection.
    if (this.#options.clock.monotonic() - this.#lastReceived >= timeout) this.#close(error);
  }

  #receive(chunk: Uint8Array): void {
    this.#lastReceived = this.#options.clock.monotonic();
    try {
      for (const frame of this.#splitter.push(chunk)) this.#answer(frame);
    } catch (error) {
      this.#close(asKafkaError(error, this.broker));
    }
  }

  #answer(frame: Uint8Array): void {
    if (this.#cause !== undefined) return;
    const correlationId = correlationIdOf(frame);
    const pending = this.#pending[0];
    if (pending?.correlationId !== correlationId) {
      throw new ConnectionError(
        `${this.broker} answered out of turn: correlation id ${correlationId}, not ${pending?.correlationId}`,
      );
    }
    this.#pending.shift();
    if (this.#pending.length === 0) this.#stream?.hold(false);
    pending.timer?.cancel();
    pending.receive(frame);
  }

  /** Closes at once; what is unanswered rejects. */
  close(): void {
    this.#close(new ConnectionError(`connection to ${this.broker} was closed`, { broker: this.broker }));
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
  const reason = error instanceof Error ? error.message : String(error);
  return new ConnectionError(`cannot talk to ${broker}: ${reason}`, { broker, cause: error });
}
