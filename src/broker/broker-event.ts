/** Something that whoever runs the broker may want to know. */
export interface BrokerEvent {
  /** "refused": a connection was closed for what it sent. "failed": the broker itself could not do its work. */
  readonly kind: "refused" | "failed";
  /** -1: all of them, where it is about what they share. */
  readonly nodeId: number;
  readonly message: string;
  /** The API's key and version, where a request was read so far. */
  readonly apiKey?: number | undefined;
  readonly apiVersion?: number | undefined;
  readonly clientId?: string | null | undefined;
  readonly cause?: unknown;
}
