import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeRequestHeader, decodeResponse, expectEnd, FrameSplitter } from "../../protocol/frame.ts";
import { DecodeError, Reader } from "../../protocol/reader.ts";
import { MUTATIONS } from "../support/fuzz-runs.ts";
import { goldenExchanges } from "../support/golden-exchanges.ts";
import { apis } from "../support/messages.ts";
import { anyMutations } from "../support/mutation.ts";

/** What lies before and after a frame in its buffer, and must never be seen. */
const AROUND = 64;

/** `bytes` in the middle of a buffer that is full of something else. */
function surrounded(bytes: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(bytes.length + 2 * AROUND).fill(0xa5);
  buffer.set(bytes, AROUND);
  return buffer.subarray(AROUND, AROUND + bytes.length);
}

/** How many objects and bytes a decoded value is made of; views must lie within `frame`. */
function weigh(value: unknown, frame: Uint8Array): number {
  if (value instanceof Uint8Array) {
    const isInside =
      value.buffer !== frame.buffer ||
      (value.byteOffset >= frame.byteOffset && value.byteOffset + value.length <= frame.byteOffset + frame.length) ||
      value.length === 0;
    assert.ok(isInside, "a view beyond the frame");
    return value.length;
  }
  if (typeof value === "string") return value.length;
  if (value === null || typeof value !== "object") return 1;
  return Object.values(value).reduce((sum: number, inner) => sum + weigh(inner, frame), 1);
}

/** A value or a DecodeError, within the frame and without more than it can hold. */
function attack(frame: Uint8Array, decode: (frame: Uint8Array) => unknown): void {
  const attacked = surrounded(frame);
  let value: unknown;
  try {
    value = decode(attacked);
  } catch (error) {
    if (error instanceof DecodeError) return;
    throw error;
  }
  // A struct of some fields may be of defaults alone where its bytes are few; its fields are counted with it.
  assert.ok(weigh(value, attacked) <= 64 * frame.length + 1_000, `${frame.length} bytes became too much`);
}

describe("mutated golden frames", () => {
  const requests = goldenExchanges.map(({ request }) => request.subarray(4));
  const responses = goldenExchanges.map(({ response }) => response.subarray(4));
  const flexibleSince = (key: number): number => apis.find((api) => api.key === key)?.flexibleSince ?? Number.NaN;

  for (const { name } of apis) {
    const own = goldenExchanges.filter(({ api }) => api === name);
    const api = apis.find((one) => one.name === name)!;

    test(`S8.11 ${name} answers give a value or a DecodeError, nothing beyond them and no more than they hold`, () => {
      for (const { version, response } of own) {
        const mutated = anyMutations(responses).map((mutate) => mutate(response.subarray(4)));
        const property = fc.property(mutated, (frame) => attack(frame, (bytes) => decodeResponse(api, version, bytes)));
        fc.assert(property, { numRuns: MUTATIONS });
      }
    });

    test(`S8.11 ${name} requests give a value or a DecodeError, nothing beyond them and no more than they hold`, () => {
      for (const { version, request } of own) {
        const mutated = anyMutations(requests).map((mutate) => mutate(request.subarray(4)));
        const property = fc.property(mutated, (frame) =>
          attack(frame, (bytes) => {
            const reader = new Reader(bytes);
            const header = decodeRequestHeader(reader, flexibleSince);
            const body = api.request.decode(reader, version);
            expectEnd(reader, name);
            return { header, body };
          }),
        );
        fc.assert(property, { numRuns: MUTATIONS });
      }
    });
  }

  test("a stream of them, in chunks of any size, is split or refused, and never held beyond the limit", () => {
    const limit = 1 << 16;
    const stream = fc
      .array(fc.tuple(fc.constantFrom(...goldenExchanges), anyMutations(responses), fc.boolean()), { maxLength: 6 })
      .map((parts) =>
        Buffer.concat(parts.map(([{ response }, mutate, isWhole]) => (isWhole ? response : mutate(response)))),
      );
    const property = fc.property(
      stream,
      fc.array(fc.integer({ min: 1, max: 97 }), { minLength: 1 }),
      (bytes, sizes) => {
        const splitter = new FrameSplitter(limit);
        let frames = 0;
        try {
          for (let from = 0, i = 0; from < bytes.length; i++) {
            const to = Math.min(bytes.length, from + sizes[i % sizes.length]!);
            for (const frame of splitter.push(new Uint8Array(bytes.subarray(from, to)))) frames += frame.length + 4;
            from = to;
          }
        } catch (error) {
          assert.ok(error instanceof DecodeError, String(error));
        }
        assert.ok(frames <= bytes.length);
      },
    );
    fc.assert(property, { numRuns: 8 * MUTATIONS });
  });
});
