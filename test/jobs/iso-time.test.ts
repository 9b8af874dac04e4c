import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isoTime, readIsoTime } from "../../src/jobs/iso-time.ts";

const encoder = new TextEncoder();
const read = (text: string): number => readIsoTime(encoder.encode(text));

test("S1.2 a time is read as it was written", () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), (date) => {
      assert.equal(read(date.toISOString()), date.getTime());
      assert.equal(isoTime(date.getTime()), date.toISOString());
    }),
  );
});

test("S1.2 other forms of ISO 8601 are read as JavaScript reads them, and what is no time is none", () => {
  for (const text of ["2027-01-01T12:00:00Z", "2027-01-01T13:00:00+01:00", "2027-01-01", "+010000-01-01T00:00:00.000Z"])
    assert.equal(read(text), Date.parse(text), text);
  const none = ["", "soon", "2027-13-01T00:00:00.000Z", "2027-02-30T00:00:00.000Z", "2027-01-01T24:00:01.000Z"];
  for (const text of [...none, "2027-01-01T00:60:00.000Z", "2027-00-01T00:00:00.000Z"])
    assert.ok(Number.isNaN(read(text)), text);
});

test("S1.2 any 24 bytes give a time or none", () => {
  const digits = fc.stringMatching(/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/);
  fc.assert(
    fc.property(digits, (text) => {
      const time = read(text);
      if (!Number.isNaN(time) && !text.includes("T24:")) assert.equal(new Date(time).toISOString(), text);
    }),
  );
});
