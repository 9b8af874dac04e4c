/** Something that whoever runs the broker may want to know. */
export interface BrokerEvent {
  /** "refused": a connection was closed for what it sent. "failed": the broker itself could not handle a request. */
  readonly kind: "refused" | "failed";
  readonly nodeId: number;
  readonly message: string;
  /** The API's key and version, where a request was read so far. */
  readonly apiKey?: number | undefined;
  readonly apiVersion?: number | undefined;
  readonly clientId?: string | null | undefined;
  readonly cause?: unknown;
}
