import type { Address, ByteStream, StreamHandlers, Transport } from "../../src/net/transport.ts";

/** What its streams do with what comes next. */
interface Cut {
  /** Chunks that still arrive before the stream is cut. */
  chunks: number;
}

/** A transport that fails when it is told to: as networks and processes do. */
export class UnreliableTransport implements Transport {
  readonly #base: Transport;
  readonly #streams = new Set<{ readonly stream: ByteStream; readonly handlers: StreamHandlers }>();
  readonly #waiting: { chunks: number; readonly resolve: () => void }[] = [];
  #cut: Cut | undefined;
  #isDead = false;

  constructor(base: Transport) {
    this.#base = base;
  }

  async connect(address: Address, handlers: StreamHandlers, signal: AbortSignal): Promise<ByteStream> {
    if (this.#isDead) throw new Error("this process is dead");
    const entry: { stream?: ByteStream; readonly handlers: StreamHandlers } = { handlers };
    const stream = await this.#base.connect(
      address,
      {
        data: (chunk) => this.#receive(chunk, handlers, () => entry.stream),
        drain: () => handlers.drain(),
        close: (cause) => handlers.close(cause),
      },
      signal,
    );
    entry.stream = stream;
    this.#streams.add({ stream, handlers });
    if (this.#isDead) stream.destroy();
    return stream;
  }

  #receive(chunk: Uint8Array, handlers: StreamHandlers, stream: () => ByteStream | undefined): void {
    if (this.#isDead) return;
    const cut = this.#cut;
    if (cut !== undefined && cut.chunks-- === 0) {
      this.#cut = undefined;
      stream()?.destroy(new Error("the network lost an answer"));
      return;
    }
    handlers.data(chunk);
    for (const waiter of [...this.#waiting]) {
      if (--waiter.chunks > 0) continue;
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
      waiter.resolve();
    }
  }

  /** Loses one chunk of what comes, after `chunks` others, and the stream it was to come on. */
  cutAnswerAfter(chunks: number): void {
    this.#cut = { chunks };
  }

  /** Whether the cut that was asked for has happened. */
  get hasCut(): boolean {
    return this.#cut === undefined;
  }

  /** Resolves when `chunks` more chunks have come. */
  received(chunks: number): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ chunks, resolve }));
  }

  /** The process behind it is killed: all streams end without a goodbye, and nothing is sent any more. */
  kill(): void {
    this.#isDead = true;
    for (const { stream } of this.#streams) stream.destroy();
  }
}
