import { STUMBLING } from "../support/mutation.ts";
import type { Span } from "./field-spans.ts";
import type { Random } from "./random.ts";

/** An input, and where its fields are. */
export interface Known {
  readonly bytes: Uint8Array;
  readonly spans: readonly Span[];
}

const LONGEST = 16_384;
/** Changes at once, at most. */
const MOST = 5;

/** An input that is changed in some places, by its fields, or by any bytes. `words`: what the format is made of. */
export function mutated(random: Random, input: Known, other: Known, words: readonly Uint8Array[]): Uint8Array {
  let { bytes } = input;
  // Fields are where they were only until the first change of length.
  bytes =
    input.spans.length > 0 && !random.oneIn(4) ? byField(random, input, other) : anywhere(random, bytes, other, words);
  for (let left = random.int(MOST); left > 0; left--) {
    const isFieldwise = bytes.length === input.bytes.length && input.spans.length > 0 && !random.oneIn(3);
    bytes = isFieldwise ? byField(random, { ...input, bytes }, other) : anywhere(random, bytes, other, words);
  }
  return bytes.subarray(0, LONGEST);
}

function spliced(bytes: Uint8Array, from: number, to: number, middle: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(from + middle.length + bytes.length - to);
  out.set(bytes.subarray(0, from));
  out.set(middle, from);
  out.set(bytes.subarray(to), from + middle.length);
  return out;
}

function byField(random: Random, { bytes, spans }: Known, other: Known): Uint8Array {
  const at = random.int(spans.length);
  const { from, to } = spans[at]!;
  const last = spans[Math.min(spans.length - 1, at + random.int(6))]!;
  const end = Math.max(to, last.to);
  switch (random.int(8)) {
    case 0:
    case 1:
      return spliced(bytes, from, to, extreme(random, to - from));
    case 2:
      return spliced(bytes, from, to, nudged(random, bytes.subarray(from, to)));
    case 3:
      return spliced(bytes, from, to, random.pick(STUMBLING));
    case 4:
      return spliced(bytes, from, end, []);
    case 5:
      return counted(random, bytes, { from, to: end }, spans[at - 1 - random.int(3)]);
    case 6: {
      if (other.spans.length === 0) return spliced(bytes, from, to, other.bytes.subarray(0, 8));
      const theirs = random.int(other.spans.length);
      const theirLast = other.spans[Math.min(other.spans.length - 1, theirs + random.int(6))]!;
      const theirFrom = other.spans[theirs]!.from;
      return spliced(bytes, from, end, other.bytes.subarray(theirFrom, Math.max(theirFrom, theirLast.to)));
    }
    default: {
      const second = random.pick(spans);
      return spliced(bytes, from, to, bytes.subarray(second.from, second.to));
    }
  }
}

/** What is in `span` twice, and at times a field before it says so: a count, or a length, plain or zigzag. */
function counted(random: Random, bytes: Uint8Array, { from, to }: Span, before: Span | undefined): Uint8Array {
  const out = spliced(bytes, to, to, bytes.subarray(from, to));
  if (before !== undefined) out[before.to - 1]! += random.pick([0, 1, 1, 2, to - from, 2 * (to - from)]);
  return out;
}

/** As many bytes, that are the least, the most, or any number. */
function extreme(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length).fill(random.pick([0x00, 0xff, 0x7f, 0x80, 0x01]));
  const choice = random.int(5);
  if (choice === 0 && length > 0) bytes[0] = random.pick([0x7f, 0x80, 0x00]);
  if (choice === 1) for (let i = 0; i < length; i++) bytes[i] = random.int(256);
  if (choice === 2 && length > 0) bytes.fill(0, 0, length - 1)[length - 1] = random.int(256);
  return bytes;
}

/** The number, a little more or less. */
function nudged(random: Random, bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  const at = out.length - 1 - (random.oneIn(4) ? random.int(out.length) : 0);
  out[at]! += random.int(9) - 4;
  return out;
}

function anywhere(random: Random, bytes: Uint8Array, other: Known, words: readonly Uint8Array[]): Uint8Array {
  const from = random.int(bytes.length + 1);
  const to = Math.min(bytes.length, from + 1 + random.int(random.oneIn(3) ? 64 : 6));
  switch (random.int(words.length > 0 ? 11 : 9)) {
    case 0: {
      const out = bytes.slice();
      if (out.length > 0) out[from % out.length]! ^= 1 << random.int(8);
      return out;
    }
    case 1:
      return spliced(bytes, Math.min(from, to), to, [random.int(256)]);
    case 2:
    case 3: {
      const value = random.pick(STUMBLING);
      return spliced(bytes, from, random.oneIn(2) ? from : Math.min(bytes.length, from + value.length), value);
    }
    case 4:
      return spliced(bytes, from, to, []);
    case 5:
      return bytes.slice(0, from);
    case 6:
      return spliced(bytes, to, to, bytes.subarray(from, to));
    case 7: {
      const theirs = random.int(other.bytes.length + 1);
      return spliced(
        bytes,
        from,
        random.oneIn(2) ? bytes.length : from,
        other.bytes.subarray(theirs, theirs + random.int(200)),
      );
    }
    case 8:
      return spliced(bytes, from, to, extreme(random, to - from));
    default:
      return spliced(bytes, from, random.oneIn(2) ? to : from, random.pick(words));
  }
}
