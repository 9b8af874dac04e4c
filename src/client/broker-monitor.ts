import type { ConnectionObserver } from "../net/connection-observer.ts";
import type { KafkaError } from "../net/errors.ts";
import type { ClientEventHub } from "./client-events.ts";
import type { BrokerStatistics } from "./client-statistics.ts";
import { LatencyHistogram } from "./latency-histogram.ts";

/** Counts what happens on the connections to one broker, and tells of it where somebody listens. */
export class BrokerMonitor {
  readonly #broker: string;
  readonly #events: ClientEventHub;
  readonly #silent: (() => void) | undefined;
  readonly #latency = new LatencyHistogram();
  #requests = 0;
  #requestsFailed = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  #connects = 0;
  #connectsFailed = 0;
  #throttles = 0;
  #throttleTime = 0;

  constructor(broker: string, events: ClientEventHub, silent?: () => void) {
    this.#broker = broker;
    this.#silent = silent;
    this.#events = events;
  }

  connected(role: string, duration: number): void {
    this.#connects++;
    if (this.#events.wants("connect")) this.#events.emit("connect", { broker: this.#broker, role, duration });
  }

  connectFailed(role: string, duration: number, error: KafkaError): void {
    this.#connectsFailed++;
    if (!this.#events.wants("connectFailed")) return;
    this.#events.emit("connectFailed", { broker: this.#broker, role, duration, error });
  }

  disconnected(role: string, error: KafkaError): void {
    if (this.#events.wants("disconnect")) this.#events.emit("disconnect", { broker: this.#broker, role, error });
  }

  /** For one connection. */
  observer(role: string): ConnectionObserver {
    return {
      sent: (bytes) => {
        this.#bytesSent += bytes;
      },
      answered: (api, version, duration, requestBytes, responseBytes) => {
        this.#requests++;
        this.#bytesReceived += responseBytes;
        this.#latency.note(duration);
        this.#tell(role, api, version, duration, requestBytes, responseBytes, undefined);
      },
      failed: (api, version, duration, requestBytes, error) => {
        this.#requests++;
        this.#requestsFailed++;
        this.#tell(role, api, version, duration, requestBytes, 0, error);
      },
      silent: () => this.#silent?.(),
      throttled: (api, duration) => {
        this.#throttles++;
        this.#throttleTime += duration;
        if (!this.#events.wants("throttle")) return;
        this.#events.emit("throttle", { broker: this.#broker, role, api, duration });
      },
    };
  }

  #tell(
    role: string,
    api: string,
    version: number,
    duration: number,
    requestBytes: number,
    responseBytes: number,
    error: KafkaError | undefined,
  ): void {
    if (!this.#events.wants("request")) return;
    const broker = this.#broker;
    this.#events.emit("request", { broker, role, api, version, duration, requestBytes, responseBytes, error });
  }

  /** `open`: what is connected now. */
  statistics(open: readonly { readonly inFlight: number }[]): BrokerStatistics {
    return {
      broker: this.#broker,
      connections: open.length,
      requestsInFlight: open.reduce((sum, { inFlight }) => sum + inFlight, 0),
      requests: this.#requests,
      requestsFailed: this.#requestsFailed,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      connects: this.#connects,
      connectsFailed: this.#connectsFailed,
      latency: this.#latency.summary(),
      throttles: this.#throttles,
      throttleTime: this.#throttleTime,
    };
  }
}
