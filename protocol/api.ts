import type { Draft, Field } from "./field.ts";
import { DecodeError, Reader } from "./reader.ts";
import { type Codec, compile } from "./schema.ts";
import { EncodeError, Writer } from "./writer.ts";

/** One direction of an API: encodes a draft and decodes bytes, for every version in the API's range. */
export interface Message<T> {
  /** Appends the body to `writer`. */
  encode(writer: Writer, version: number, value: Draft<T>): void;
  /** Reads a body. Fields that the version lacks have their defaults. */
  decode(reader: Reader, version: number): T;
  readonly field: Field<T>;
}

/** An API of the Kafka protocol: its key, its versions, and both directions of it. */
export interface Api<Request, Response> {
  readonly key: number;
  readonly name: string;
  readonly minVersion: number;
  readonly maxVersion: number;
  /** The first version with compact lengths and tagged fields (KIP-482). */
  readonly flexibleSince: number;
  readonly request: Message<Request>;
  readonly response: Message<Response>;
}

export interface ApiDeclaration<Request, Response> {
  readonly key: number;
  readonly name: string;
  readonly versions: readonly [min: number, max: number];
  readonly flexibleSince: number;
  readonly request: Field<Request>;
  readonly response: Field<Response>;
}

export function api<Request, Response>(declared: ApiDeclaration<Request, Response>): Api<Request, Response> {
  const { key, name, flexibleSince } = declared;
  const [minVersion, maxVersion] = declared.versions;
  return {
    key,
    name,
    minVersion,
    maxVersion,
    flexibleSince,
    request: message(declared.request, `${name} request`, declared),
    response: message(declared.response, `${name} response`, declared),
  };
}

/** A versioned body outside the request and response pairs, such as the consumer protocol's subscription. */
export function message<T>(
  field: Field<T>,
  name: string,
  range: { readonly versions: readonly [min: number, max: number]; readonly flexibleSince: number },
): Message<T> {
  const plans = new Map<number, Codec>();
  const planFor = (version: number): Codec | undefined => {
    let plan = plans.get(version);
    if (plan === undefined && version >= range.versions[0] && version <= range.versions[1]) {
      plan = compile(field.type, version, version >= range.flexibleSince);
      plans.set(version, plan);
    }
    return plan;
  };
  return {
    field,
    encode(writer, version, value) {
      const plan = planFor(version);
      if (plan === undefined) throw new EncodeError(`${name} has no version ${version}`);
      try {
        plan.write(writer, value);
      } catch (error) {
        throw error instanceof EncodeError ? error.within(`${name} v${version}`) : error;
      }
    },
    decode(reader, version) {
      const plan = planFor(version);
      if (plan === undefined) throw new DecodeError(`${name} has no version ${version}`);
      try {
        return plan.read(reader) as T;
      } catch (error) {
        throw error instanceof DecodeError ? error.within(`${name} v${version}`) : error;
      }
    },
  };
}

/** A body alone, without a frame around it. */
export function encodeBody<T>(message: Message<T>, version: number, value: Draft<T>): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  message.encode(writer, version, value);
  return writer.finish();
}

/** Reads a body that fills `bytes`. */
export function decodeBody<T>(message: Message<T>, version: number, bytes: Uint8Array): T {
  return message.decode(new Reader(bytes), version);
}
