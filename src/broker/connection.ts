import { ErrorCode } from "../../protocol/errors.ts";
import type { Draft } from "../../protocol/field.ts";
import {
  decodeRequestHeader,
  encodeResponse,
  expectEnd,
  FrameSplitter,
  type RequestHeader,
} from "../../protocol/frame.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { DecodeError, Reader } from "../../protocol/reader.ts";
import type { ByteStream, StreamHandlers } from "../net/transport.ts";
import type { Authentication } from "./authentication.ts";
import type { BrokerEvent } from "./broker-event.ts";
import type { ClusterState } from "./cluster-state.ts";
import type { FetchSessionCache } from "./fetch-session-cache.ts";
import type { Answer, RequestContext } from "./handler.ts";
import { type AnyHandler, handlers } from "./handlers/handlers.ts";
import type { FaultOutcome, FaultPlan, RequestFaults } from "./request-faults.ts";

/** What a connection needs of the node that accepted it. */
export interface ConnectionHost {
  readonly cluster: ClusterState;
  readonly nodeId: number;
  readonly faults: RequestFaults;
  readonly fetchSessions: FetchSessionCache;
  readonly maxRequestBytes: number;
  /** Begins that of a new connection. Default: clients need not say who they are. */
  readonly authentication?: (() => Authentication) | undefined;
  log(event: BrokerEvent): void;
}

interface OpenRequest {
  readonly header: RequestHeader;
  readonly handler: AnyHandler;
  readonly body: unknown;
}

/** How many bytes of requests may wait behind the one that is handled, in the size of the largest one. */
const WAITING_LIMIT = 2;

/**
 * One client's connection. Requests are answered strictly in order, and the next one is not looked at before the last
 * is answered: a fetch that waits for records holds up what comes behind it, as with Kafka.
 */
export class Connection {
  readonly #host: ConnectionHost;
  readonly #stream: ByteStream;
  readonly #splitter: FrameSplitter;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isBusy = false;
  #isFull = false;
  #isClosed = false;
  readonly #closers = new Set<() => void>();
  readonly #ended: () => void;
  readonly #authentication: Authentication | undefined;

  /** `ended` is called once, when the connection is closed by either side. */
  constructor(host: ConnectionHost, stream: ByteStream, ended: () => void) {
    this.#host = host;
    this.#stream = stream;
    this.#splitter = new FrameSplitter(host.maxRequestBytes);
    this.#ended = ended;
    this.#authentication = host.authentication?.();
  }

  get handlers(): StreamHandlers {
    return {
      data: (chunk) => this.#take(chunk),
      drain: () => {
        this.#isFull = false;
        this.#pump();
      },
      close: () => this.#close(),
    };
  }

  /** Closes the connection at once: what waits is never answered. */
  destroy(): void {
    this.#close();
    this.#stream.destroy();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting.length = 0;
    for (const run of [...this.#closers]) run();
    this.#ended();
  }

  #take(chunk: Uint8Array): void {
    if (this.#isClosed) return;
    try {
      for (const frame of this.#splitter.push(chunk)) {
        this.#waiting.push(frame);
        this.#waitingBytes += frame.length;
      }
    } catch (error) {
      return this.#refuse(error instanceof Error ? error.message : String(error));
    }
    if (this.#waitingBytes > WAITING_LIMIT * this.#host.maxRequestBytes) {
      return this.#refuse(`${this.#waitingBytes} bytes of requests wait behind one that is not answered`);
    }
    this.#pump();
  }

  #pump(): void {
    while (!this.#isBusy && !this.#isFull && !this.#isClosed) {
      const frame = this.#waiting.shift();
      if (frame === undefined) return;
      this.#waitingBytes -= frame.length;
      this.#serve(frame);
    }
  }

  #serve(frame: Uint8Array): void {
    const request = this.#read(frame);
    if (request === undefined) return;
    const { header, handler, body } = request;
    const { apiKey, apiVersion: version, clientId } = header;
    const plan = this.#host.faults.meet({
      apiKey,
      api: handler.api.name,
      version,
      nodeId: this.#host.nodeId,
      clientId,
      body,
    });
    if (this.#isClosed) return;
    if (plan !== undefined) return this.#meanwhile(request, this.#suffer(request, plan));
    const answer = this.#handle(request);
    if (answer instanceof Promise)
      this.#meanwhile(
        request,
        answer.then((value) => this.#send(request, value)),
      );
    else this.#send(request, answer);
  }

  /** Nothing else is handled until `work` is done. */
  #meanwhile(request: OpenRequest, work: Promise<void>): void {
    this.#isBusy = true;
    const done = (): void => {
      this.#isBusy = false;
      this.#pump();
    };
    work.then(done, (error: unknown) => {
      this.#sendFailure(request, error);
      done();
    });
  }

  /** The request in a frame, or undefined where it had to be refused, or was answered without a handler. */
  #read(frame: Uint8Array): OpenRequest | undefined {
    const reader = new Reader(frame);
    let header: RequestHeader | undefined;
    try {
      header = decodeRequestHeader(reader, (key) => flexibleSince(key, frame));
      const { apiKey, apiVersion } = header;
      const handler = handlers.get(apiKey);
      if (handler === undefined) return this.#refuse(`API ${apiKey} is not served`, header);
      const refusal = this.#authentication?.refusal(apiKey);
      if (refusal !== undefined) return this.#refuse(refusal, header);
      const { name, minVersion, maxVersion } = handler.api;
      if (apiVersion < minVersion || apiVersion > maxVersion) {
        if (apiKey === apiVersions.key) return this.#offerApiVersions(header);
        return this.#refuse(`${name} version ${apiVersion} is not served: ${minVersion} to ${maxVersion} are`, header);
      }
      const body = handler.api.request.decode(reader, apiVersion);
      expectEnd(reader, `${name} request v${apiVersion}`);
      return { header, handler, body };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return this.#refuse(error.message, header);
    }
  }

  /** The form of version 0 with ApiVersions alone: a client of any version can read it, and asks again (KIP-511). */
  #offerApiVersions({ correlationId }: RequestHeader): undefined {
    const { key, minVersion, maxVersion } = apiVersions;
    const apiKeys = [{ apiKey: key, minVersion, maxVersion }];
    this.#write(encodeResponse(apiVersions, 0, correlationId, { errorCode: ErrorCode.UNSUPPORTED_VERSION, apiKeys }));
  }

  #handle({ header, handler, body }: OpenRequest, throttleMs = 0): Answer<unknown> {
    const context: RequestContext = {
      cluster: this.#host.cluster,
      nodeId: this.#host.nodeId,
      fetchSessions: this.#host.fetchSessions,
      version: header.apiVersion,
      clientId: header.clientId,
      throttleMs,
      authentication: this.#authentication,
      onClose: (run) => this.#onClose(run),
      refuse: (reason) => this.#refuse(reason, header),
    };
    const { needs } = handler;
    if (needs !== undefined && this.#host.cluster.features.level(needs) === 0) {
      return handler.fail(body, ErrorCode.UNSUPPORTED_VERSION, header.apiVersion);
    }
    try {
      return handler.handle(context, body);
    } catch (error) {
      return this.#failure(header, handler, body, error);
    }
  }

  #onClose(run: () => void): () => void {
    this.#closers.add(run);
    return () => void this.#closers.delete(run);
  }

  /** Resolves after `ms` milliseconds, or when the connection closes. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const stops: (() => void)[] = [];
      const done = (): void => {
        for (const stop of stops) stop();
        resolve();
      };
      const timer = this.#host.cluster.clock.timer(ms, done);
      stops.push(() => timer.cancel(), this.#onClose(done));
    });
  }

  #failure(header: RequestHeader, handler: AnyHandler, body: unknown, cause: unknown): Draft<unknown> | undefined {
    const message = `${handler.api.name} could not be handled: ${cause instanceof Error ? cause.message : String(cause)}`;
    this.#host.log({ kind: "failed", nodeId: this.#host.nodeId, message, ...named(header), cause });
    return handler.fail(body, ErrorCode.UNKNOWN_SERVER_ERROR, header.apiVersion);
  }

  #sendFailure(request: OpenRequest, cause: unknown): void {
    this.#send(request, this.#failure(request.header, request.handler, request.body, cause));
  }

  #send(request: OpenRequest, answer: Draft<unknown> | undefined): void {
    if (answer === undefined || this.#isClosed) return;
    try {
      this.#write(this.#encode(request, answer));
      if (this.#authentication?.hasFailed) this.#endRefused(request.header);
    } catch (cause) {
      // An answer that this version cannot hold is our own mistake: say so, rather than leave the client waiting.
      const message = `${request.handler.api.name} could not be answered: ${String(cause)}`;
      this.#host.log({ kind: "failed", nodeId: this.#host.nodeId, message, ...named(request.header), cause });
      this.destroy();
    }
  }

  /** The client learns why before it is cut off. */
  #endRefused(header: RequestHeader): void {
    this.#host.log({
      kind: "refused",
      nodeId: this.#host.nodeId,
      message: "authentication has failed",
      ...named(header),
    });
    this.#close();
    this.#stream.end();
  }

  #encode({ header, handler }: OpenRequest, answer: Draft<unknown>): Uint8Array {
    return encodeResponse(handler.api, header.apiVersion, header.correlationId, answer, handler.sizeOf?.(answer));
  }

  #write(bytes: Uint8Array): void {
    if (!this.#stream.write(bytes)) this.#isFull = true;
  }

  /** A request that was met by a fault. A promise that never resolves leaves the connection mute. */
  async #suffer(request: OpenRequest, { delayMs, throttleMs, outcome }: FaultPlan): Promise<void> {
    if (delayMs > 0) await this.#pause(delayMs);
    if (this.#isClosed) return;
    const applies = outcome === undefined || outcome.when === "afterApply";
    const answer = applies ? await this.#handle(request, throttleMs) : undefined;
    if (outcome !== undefined) return this.#end(request, outcome, answer);
    if (throttleMs === 0) return this.#send(request, answer);
    if (answer !== undefined) this.#send(request, { ...answer, throttleTimeMs: throttleMs });
    if (!this.#isClosed) await this.#pause(throttleMs);
  }

  #end(request: OpenRequest, outcome: FaultOutcome, answer: Draft<unknown> | undefined): void | Promise<void> {
    if (outcome.kind === "drop") return new Promise(() => undefined);
    if (outcome.kind === "fail") {
      const { header, handler, body } = request;
      const failure = handler.fail(body, outcome.errorCode, header.apiVersion);
      return failure === undefined ? this.destroy() : this.#send(request, failure);
    }
    if (answer === undefined || this.#isClosed) return this.destroy();
    const bytes = this.#encode(request, answer);
    this.#stream.write(bytes.subarray(0, bytes.length >> 1));
    this.#close();
    this.#stream.end();
  }

  #refuse(message: string, header?: RequestHeader): undefined {
    this.#host.log({ kind: "refused", nodeId: this.#host.nodeId, message, ...named(header) });
    this.destroy();
  }
}

/** A version that is not served may have any header: only the part that all have is read. */
function flexibleSince(apiKey: number, frame: Uint8Array): number {
  const api = handlers.get(apiKey)?.api;
  const version = new Reader(frame, 2).int16();
  return api === undefined || version > api.maxVersion ? Number.POSITIVE_INFINITY : api.flexibleSince;
}

function named(header: RequestHeader | undefined): Partial<BrokerEvent> {
  return { apiKey: header?.apiKey, apiVersion: header?.apiVersion, clientId: header?.clientId };
}
