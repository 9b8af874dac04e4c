import { strict as assert } from "node:assert";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  correlationIdOf,
  decodeRequestHeader,
  decodeResponse,
  encodeRequest,
  encodeRequestParts,
  encodeResponse,
  expectEnd,
  FrameSplitter,
} from "../../protocol/frame.ts";
import { produce } from "../../protocol/messages/00-produce.ts";
import { heartbeat } from "../../protocol/messages/12-heartbeat.ts";
import { apiVersions } from "../../protocol/messages/18-api-versions.ts";
import { DecodeError, Reader } from "../../protocol/reader.ts";
import { WORTH_GATHERING } from "../../protocol/writer.ts";
import { apis } from "../support/messages.ts";

const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");
const flexibleSince = (key: number): number => apis.find((one) => one.key === key)?.flexibleSince ?? 0;
const body = { groupId: "g", generationId: 2, memberId: "m" };

describe("request frame", () => {
  test("a request frame is its size, header and body; a flexible one has tagged fields after an old client id", () => {
    const old = encodeRequest(heartbeat, 0, 7, "me", body);
    assert.equal(hex(old), `00000016${"000c"}${"0000"}${"00000007"}${"00026d65"}${"000167"}${"00000002"}${"00016d"}`);
    const flexible = encodeRequest(heartbeat, 4, 7, "me", body);
    assert.equal(hex(flexible), `00000017${"000c000400000007"}${"00026d65"}00${"026700000002026d"}${"0000"}`);
  });

  test("decodeRequestHeader gives back the header and leaves the reader at the body", () => {
    for (const clientId of [null, "", "é"]) {
      for (const api of apis) {
        for (let version = api.minVersion; version <= api.maxVersion; version++) {
          const reader = new Reader(encodeRequest(api, version, -5, clientId, {}), 4);
          const header = decodeRequestHeader(reader, flexibleSince);
          assert.deepEqual(header, { apiKey: api.key, apiVersion: version, correlationId: -5, clientId });
          api.request.decode(reader, version);
          assert.equal(reader.remaining, 0);
        }
      }
    }
  });

  test("decodeRequestHeader skips tagged fields that it does not know", () => {
    const frame = Uint8Array.from(Buffer.from(`000c000400000007${"ffff"}${"01"}${"0902aabb"}${"01"}`, "hex"));
    const reader = new Reader(frame);
    assert.equal(decodeRequestHeader(reader, flexibleSince).clientId, null);
    assert.equal(reader.int8(), 1);
  });

  test("a frame in parts is the same frame, with its whole size first, and long records are not copied", () => {
    const records = new Uint8Array(WORTH_GATHERING).fill(3);
    const body = {
      acks: -1,
      topicData: [
        {
          name: "t",
          partitionData: [
            { index: 0, records },
            { index: 1, records },
          ],
        },
      ],
    };
    for (const version of [3, 9]) {
      const parts = encodeRequestParts(produce, version, 1, "c", body);
      assert.equal(parts.filter((part) => part === records).length, 2);
      assert.deepEqual(Buffer.concat(parts), Buffer.from(encodeRequest(produce, version, 1, "c", body)));
    }
  });

  test("a frame is the same whatever size was expected", () => {
    for (const size of [0, 1, 5000]) {
      assert.deepEqual(encodeRequest(heartbeat, 4, 1, "c", body, size), encodeRequest(heartbeat, 4, 1, "c", body));
      assert.deepEqual(encodeResponse(heartbeat, 4, 1, {}, size), encodeResponse(heartbeat, 4, 1, {}));
    }
  });
});

describe("response frame", () => {
  test("decodeResponse gives back what encodeResponse wrote, in every version of every API", () => {
    for (const api of apis) {
      for (let version = api.minVersion; version <= api.maxVersion; version++) {
        const frame = encodeResponse(api, version, 99, {}).subarray(4);
        assert.equal(correlationIdOf(frame), 99);
        assert.deepEqual(encodeResponse(api, version, 99, decodeResponse(api, version, frame)).subarray(4), frame);
      }
    }
  });

  test("ApiVersions has a header without tagged fields in its flexible versions too, other APIs do not", () => {
    assert.equal(
      hex(encodeResponse(apiVersions, 3, 1, { errorCode: 35 })),
      `0000000c${"00000001"}${"0023"}01${"00000000"}00`,
    );
    assert.equal(
      hex(encodeResponse(heartbeat, 4, 1, { errorCode: 35 })),
      `0000000c${"00000001"}00${"00000000"}${"0023"}00`,
    );
    assert.equal(
      hex(encodeResponse(heartbeat, 3, 1, { errorCode: 35 })),
      `0000000a${"00000001"}${"00000000"}${"0023"}`,
    );
  });

  test("bytes left over are refused, with the message's name", () => {
    const frame = encodeResponse(heartbeat, 3, 1, {});
    const longer = Uint8Array.from([...frame.subarray(4), 0]);
    assert.throws(() => decodeResponse(heartbeat, 3, longer), {
      name: "DecodeError",
      message: "Heartbeat response v3: 1 bytes left over",
    });
    assert.throws(() => expectEnd(new Reader(longer), "it"), /it: 11 bytes left over/);
  });
});

/** `stream` cut at the given places. */
function cut(stream: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [...new Set(places.map((place) => place % (stream.length + 1)))].sort((a, b) => a - b);
  return [0, ...at].map((from, i) => stream.slice(from, at[i] ?? stream.length));
}

describe("FrameSplitter", () => {
  test("FrameSplitter gives the same frames however the stream is cut", () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 });
    fc.assert(
      fc.property(frames, fc.array(fc.nat(), { maxLength: 12 }), (bodies, places) => {
        const stream = Buffer.concat(
          bodies.flatMap((one) => {
            const size = Buffer.alloc(4);
            size.writeInt32BE(one.length);
            return [size, one];
          }),
        );
        const splitter = new FrameSplitter(40);
        const got = cut(Uint8Array.from(stream), places).flatMap((chunk) => splitter.push(chunk));
        assert.deepEqual(got, bodies);
      }),
    );
  });

  test("FrameSplitter keeps nothing of a chunk, whose memory may hold the next one", () => {
    const splitter = new FrameSplitter(100);
    const chunk = new Uint8Array(12);
    const push = (...bytes: number[]): number[][] => {
      chunk.fill(255);
      chunk.set(bytes);
      return splitter.push(chunk.subarray(0, bytes.length)).map((frame) => [...frame]);
    };
    assert.deepEqual(push(0, 0, 0, 2, 8, 9, 0, 0), [[8, 9]]);
    assert.deepEqual(push(0, 40, 1, 2), []);
    assert.deepEqual(push(...new Array<number>(12).fill(3)), []);
    assert.deepEqual(push(...new Array<number>(12).fill(4)), []);
    assert.deepEqual(push(...new Array<number>(12).fill(5)), []);
    const frame = [1, 2, ...[3, 4, 5].flatMap((byte) => new Array<number>(12).fill(byte)), 6, 7];
    assert.deepEqual(push(6, 7, 0, 0, 0, 0, 0, 0, 0, 1, 9), [frame, [], [9]]);
  });

  test("FrameSplitter gives a frame that came in pieces exactly its own memory, and none to a mere claim", () => {
    const splitter = new FrameSplitter(1 << 29);
    const before = process.memoryUsage().arrayBuffers;
    assert.deepEqual(splitter.push(Uint8Array.of(0x1f, 0, 0, 0, 1, 2, 3)), []);
    assert.ok(process.memoryUsage().arrayBuffers - before < 1 << 20);
    const other = new FrameSplitter(1 << 29);
    assert.deepEqual(other.push(Uint8Array.of(0, 0, 0, 9, 1, 2)), []);
    assert.deepEqual(other.push(Uint8Array.of(3, 4, 5)), []);
    const frames = other.push(Uint8Array.of(6, 7, 8, 9, 0, 0, 0, 1, 5, 0));
    assert.deepEqual(
      frames.map((frame) => [...frame]),
      [[1, 2, 3, 4, 5, 6, 7, 8, 9], [5]],
    );
    assert.equal(frames[0]!.buffer.byteLength, 9);
  });

  test("FrameSplitter refuses a size that no Kafka node sends, as soon as it has been read", () => {
    const sizes: [string, Uint8Array][] = [
      ["11", Uint8Array.of(0, 0, 0, 11)],
      ["-1", Uint8Array.of(255, 255, 255, 255)],
      ["1213486160", Buffer.from("HTTP/1.1 400")],
    ];
    for (const [size, chunk] of sizes) {
      const splitter = new FrameSplitter(10);
      assert.deepEqual(splitter.push(chunk.subarray(0, 3)), []);
      assert.throws(
        () => splitter.push(chunk.subarray(3)),
        (error) => error instanceof DecodeError && error.message.includes(`a frame of ${size} bytes (at most 10`),
      );
    }
    assert.equal(new FrameSplitter(10).push(Uint8Array.of(0, 0, 0, 10, ...new Array(10).fill(1))).length, 1);
  });
});
