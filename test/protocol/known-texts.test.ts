import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { KnownTexts } from "../../protocol/known-texts.ts";

const text = fc.oneof(fc.string({ maxLength: 70 }), fc.string({ unit: "binary", maxLength: 40 }));

test("texts come back as they were, those that share a place and those whose bytes have changed since included", () => {
  const known = new KnownTexts();
  fc.assert(
    fc.property(fc.array(text, { maxLength: 40 }), fc.nat(5), (texts, before) => {
      const bytes = new Uint8Array(400);
      for (const given of [...texts, ...texts]) {
        const encoded = new TextEncoder().encode(given);
        bytes.set(encoded, before);
        assert.equal(
          known.read(bytes, before, before + encoded.length),
          new TextDecoder("utf-8", { ignoreBOM: true }).decode(encoded),
        );
      }
    }),
  );
});
