import type { Api } from "../../protocol/api.ts";
import type { Draft } from "../../protocol/field.ts";
import { decodeRequestHeader, encodeResponse, FrameSplitter } from "../../protocol/frame.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { Reader } from "../../protocol/reader.ts";
import type { Clock } from "../../src/net/clock.ts";
import { Connection, type ConnectionOptions } from "../../src/net/connection.ts";
import { MemoryNetwork } from "../../src/net/memory.ts";
import type { ByteStream } from "../../src/net/transport.ts";
import { type InstanceClock, VirtualClock } from "../../src/testing/virtual-clock.ts";

/** A request as it came, and ways to answer it that no real broker has. */
export interface ScriptedRequest {
  readonly apiKey: number;
  readonly version: number;
  readonly correlationId: number;
  readonly stream: ByteStream;
  /** What was asked. */
  decode<Q, R>(api: Api<Q, R>): Q;
  /** Bytes of the answer, to be sent when and how the test likes. */
  encode<Q, R>(api: Api<Q, R>, body: Draft<R>, correlationId?: number): Uint8Array;
  answer<Q, R>(api: Api<Q, R>, body: Draft<R>): void;
}

export type Script = (request: ScriptedRequest) => void;

/** The versions that a scripted broker names. */
export type Ranges = readonly (readonly [key: number, minVersion: number, maxVersion: number])[];

export const ALL_VERSIONS: Ranges = Array.from({ length: 100 }, (_, key) => [key, 0, 30] as const);

/** Answers ApiVersions with `ranges` and hands everything else to `script`. */
export function withVersions(ranges: Ranges, script: Script): Script {
  return (request) => {
    if (request.apiKey !== apiVersions.key) return script(request);
    request.answer(apiVersions, {
      apiKeys: ranges.map(([apiKey, minVersion, maxVersion]) => ({ apiKey, minVersion, maxVersion })),
    });
  };
}

export const ADDRESS = { host: "broker", port: 9092 } as const;

/** A network with one party that answers as scripted. */
export interface ScriptedBench {
  readonly time: VirtualClock;
  readonly clock: InstanceClock;
  readonly network: MemoryNetwork;
  /** Every request that came, on all connections. */
  readonly requests: ScriptedRequest[];
  /** The other ends of the streams that were opened. */
  readonly streams: ByteStream[];
  open(options?: Partial<ConnectionOptions>): Promise<Connection>;
  run<T>(work: Promise<T>): Promise<T>;
}

export async function startScript(script: Script): Promise<ScriptedBench> {
  const time = new VirtualClock();
  const network = new MemoryNetwork();
  const clock = time.instance();
  const requests: ScriptedRequest[] = [];
  const streams: ByteStream[] = [];
  await network.transport(time.instance()).listen(ADDRESS, (stream) => {
    streams.push(stream);
    const splitter = new FrameSplitter(1 << 28);
    return {
      data: (chunk) => {
        for (const frame of splitter.push(chunk)) {
          const request = parse(frame, stream);
          requests.push(request);
          script(request);
        }
      },
      drain: () => {},
      close: () => {},
    };
  });
  return {
    ...{ time, clock, network, requests, streams },
    open: (options) => Connection.open({ ...connectionOptions(network, clock), ...options }),
    run: (work) => time.run(work),
  };
}

export function connectionOptions(network: MemoryNetwork, clock: Clock): ConnectionOptions {
  return {
    address: ADDRESS,
    transport: network.transport(clock),
    clock,
    clientId: "test",
    connectTimeout: 10_000,
    requestTimeout: 30_000,
    maxFrameBytes: 1 << 24,
  };
}

function parse(frame: Uint8Array, stream: ByteStream): ScriptedRequest {
  const reader = new Reader(frame);
  const apiKey = reader.int16();
  const version = reader.int16();
  const ownId = reader.int32();
  const encode: ScriptedRequest["encode"] = (api, body, correlationId = ownId) =>
    encodeResponse(api, version, correlationId, body);
  return {
    ...{ apiKey, version, correlationId: ownId, stream, encode },
    decode: (api) => {
      const body = new Reader(frame);
      decodeRequestHeader(body, () => api.flexibleSince);
      return api.request.decode(body, version);
    },
    answer: (api, body) => void stream.write(encode(api, body)),
  };
}
