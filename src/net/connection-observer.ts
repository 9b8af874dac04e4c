import type { KafkaError } from "./errors.ts";

/** Is told what happens on one connection. It is called for every request: it has to be quick, and must not throw. */
export interface ConnectionObserver {
  /** Bytes were given to the stream. */
  sent(bytes: number): void;
  /** A request had its answer, `ms` milliseconds after it was sent. Sizes are those of whole frames. */
  answered(api: string, version: number, ms: number, requestBytes: number, responseBytes: number): void;
  /** A request had no answer in time, or none will come. */
  failed(api: string, version: number, ms: number, requestBytes: number, error: KafkaError): void;
  /** The broker owes answers, and has said nothing for some seconds: it may hang. Told again while that goes on. */
  silent(): void;
  /** The broker asks for a pause of `ms` milliseconds (KIP-219). */
  throttled(api: string, ms: number): void;
}
