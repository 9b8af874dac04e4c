import type { Api } from "../../protocol/api.ts";
import { BatchBuilder, NO_PRODUCER, type ProducerStamp } from "../../protocol/batch-builder.ts";
import type { CompressionType } from "../../protocol/compression.ts";
import type { Draft } from "../../protocol/field.ts";
import { correlationIdOf, decodeResponse, encodeRequest, FrameSplitter } from "../../protocol/frame.ts";
import { type Broker, type BrokerOptions, startBroker } from "../../src/broker/mod.ts";
import { MemoryNetwork } from "../../src/net/memory.ts";
import type { ByteStream, Transport } from "../../src/net/transport.ts";
import { type InstanceClock, VirtualClock } from "../../src/testing/virtual-clock.ts";

/** A connection that sends what it is told to and knows nothing of Kafka but frames. */
export class RawClient {
  #stream!: ByteStream;
  readonly #splitter = new FrameSplitter(1 << 28);
  readonly #waiting = new Map<number, (frame: Uint8Array) => void>();
  #correlationId = 0;
  /** Bytes that came and are not yet a whole frame. */
  received = 0;
  readonly closed: Promise<void>;
  readonly #clientId: string;
  #close!: () => void;

  private constructor(clientId: string) {
    this.#clientId = clientId;
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  static async open(transport: Transport, address: string, clientId = "raw"): Promise<RawClient> {
    const client = new RawClient(clientId);
    const at = address.lastIndexOf(":");
    client.#stream = await transport.connect(
      { host: address.slice(0, at), port: Number(address.slice(at + 1)) },
      {
        data: (chunk) => client.#take(chunk),
        drain: () => undefined,
        close: () => client.#close(),
      },
      new AbortController().signal,
    );
    return client;
  }

  #take(chunk: Uint8Array): void {
    this.received += chunk.length;
    for (const frame of this.#splitter.push(chunk)) {
      this.received -= frame.length + 4;
      const id = correlationIdOf(frame);
      this.#waiting.get(id)?.(frame);
      this.#waiting.delete(id);
    }
  }

  write(bytes: Uint8Array): void {
    this.#stream.write(bytes);
  }

  close(): void {
    this.#stream.destroy();
  }

  /** Sends a request and gives the frame of its answer. */
  frame<Q, R>(api: Api<Q, R>, version: number, body: Draft<Q>): Promise<Uint8Array> {
    const correlationId = ++this.#correlationId;
    const answer = new Promise<Uint8Array>((resolve) => this.#waiting.set(correlationId, resolve));
    this.write(encodeRequest(api, version, correlationId, this.#clientId, body));
    return answer;
  }

  /** Sends a request and gives its decoded answer. */
  async call<Q, R>(api: Api<Q, R>, version: number, body: Draft<Q>): Promise<R> {
    return decodeResponse(api, version, await this.frame(api, version, body));
  }
}

/** A broker in memory on a virtual clock, and clients of it. */
export interface Bench {
  readonly time: VirtualClock;
  readonly clock: InstanceClock;
  readonly broker: Broker;
  /** Connects to a node; default 1. */
  connect(node?: number, clientId?: string): Promise<RawClient>;
  /** Lets virtual time pass until the work is done. */
  run<T>(work: Promise<T>): Promise<T>;
}

export async function startBench(options: BrokerOptions = {}): Promise<Bench> {
  const time = new VirtualClock();
  const clock = time.instance();
  const network = new MemoryNetwork();
  const transport = network.transport(clock);
  const broker = await startBroker({ host: "kafka", port: 9092, clock, transport, ...options });
  return {
    time,
    clock,
    broker,
    connect: (node = 1, clientId = "raw") => time.run(RawClient.open(transport, broker.addresses[node - 1]!, clientId)),
    run: (work) => time.run(work),
  };
}

/** One batch of text records. `null`: no key. */
export function batchOf(
  records: readonly (readonly [key: string | null, value: string])[],
  timestamp: number,
  producer: ProducerStamp = NO_PRODUCER,
  compression: CompressionType = "none",
): Uint8Array<ArrayBuffer> {
  const builder = new BatchBuilder(1 << 20);
  const text = new TextEncoder();
  for (const [key, value] of records)
    builder.append(key === null ? null : text.encode(key), text.encode(value), timestamp);
  builder.close(compression);
  return builder.stamped(producer);
}
