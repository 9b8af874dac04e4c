import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeRequestHeader, decodeResponse, expectEnd, FrameSplitter } from "../../protocol/frame.ts";
import { DecodeError, Reader } from "../../protocol/reader.ts";
import { MUTATIONS } from "../support/fuzz-runs.ts";
import { goldenExchanges } from "../support/golden-exchanges.ts";
import { attack } from "../support/hostile-frame.ts";
import { apis } from "../support/messages.ts";
import { anyMutations } from "../support/mutation.ts";

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
        const property = fc.property(
          mutated,
          (frame) => void attack(frame, (bytes) => decodeResponse(api, version, bytes)),
        );
        fc.assert(property, { numRuns: MUTATIONS });
      }
    });

    test(`S8.11 ${name} requests give a value or a DecodeError, nothing beyond them and no more than they hold`, () => {
      for (const { version, request } of own) {
        const mutated = anyMutations(requests).map((mutate) => mutate(request.subarray(4)));
        const property = fc.property(mutated, (frame) => {
          attack(frame, (bytes) => {
            const reader = new Reader(bytes);
            const header = decodeRequestHeader(reader, flexibleSince);
            const body = api.request.decode(reader, version);
            expectEnd(reader, name);
            return { header, body };
          });
        });
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
