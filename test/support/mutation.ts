import fc from "fast-check";

/** Bytes that readers of sizes and counts stumble over: extremes of fixed widths, and varints of all lengths. */
export const STUMBLING: readonly (readonly number[])[] = [
  [0x00],
  [0x01],
  [0x7f],
  [0x80],
  [0xff],
  [0x7f, 0xff],
  [0x80, 0x00],
  [0xff, 0xff],
  [0x7f, 0xff, 0xff, 0xff],
  [0x80, 0x00, 0x00, 0x00],
  [0xff, 0xff, 0xff, 0xff],
  [0x00, 0xff, 0xff, 0xff],
  [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  // The greatest and the least that a number holds exactly: later than any Date.
  [0x00, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
  [0xff, 0xe0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01],
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0xff, 0xff, 0xff, 0xff, 0x0f],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
];

/** A change to some bytes, at a place given as a fraction of their length. */
export type Mutation = (bytes: Uint8Array) => Uint8Array;

const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

const at = (bytes: Uint8Array, fraction: number): number => Math.floor(fraction * bytes.length);

/** Puts `middle` in the place of what lies from `from` to `to`. */
function spliced(bytes: Uint8Array, from: number, to: number, middle: Uint8Array | readonly number[]): Uint8Array {
  const out = new Uint8Array(from + middle.length + (bytes.length - to));
  out.set(bytes.subarray(0, from));
  out.set(middle, from);
  out.set(bytes.subarray(to), from + middle.length);
  return out;
}

/** Changes as fuzzers make them. `others`: bytes to cross with. */
export function anyMutation(others: readonly Uint8Array[]): fc.Arbitrary<Mutation> {
  const flip = fc.tuple(place, fc.nat(7)).map(
    ([p, bit]): Mutation =>
      (bytes) => {
        const out = bytes.slice();
        if (out.length > 0) out[at(out, p)]! ^= 1 << bit;
        return out;
      },
  );
  const overwrite = fc.tuple(place, fc.constantFrom(...STUMBLING)).map(
    ([p, value]): Mutation =>
      (bytes) => {
        const from = at(bytes, p);
        return spliced(bytes, from, Math.min(bytes.length, from + value.length), value);
      },
  );
  const insert = fc.tuple(place, fc.constantFrom(...STUMBLING)).map(
    ([p, value]): Mutation =>
      (bytes) =>
        spliced(bytes, at(bytes, p), at(bytes, p), value),
  );
  const cut = place.map(
    (p): Mutation =>
      (bytes) =>
        bytes.slice(0, at(bytes, p)),
  );
  const remove = fc.tuple(place, fc.nat(12)).map(
    ([p, n]): Mutation =>
      (bytes) => {
        const from = at(bytes, p);
        return spliced(bytes, from, Math.min(bytes.length, from + n), []);
      },
  );
  const repeat = fc.tuple(place, place).map(
    ([p, q]): Mutation =>
      (bytes) => {
        const [from, to] = [at(bytes, Math.min(p, q)), at(bytes, Math.max(p, q))];
        return spliced(bytes, to, to, bytes.subarray(from, to));
      },
  );
  const cross = fc.tuple(place, place, fc.constantFrom(...others)).map(
    ([p, q, other]): Mutation =>
      (bytes) => {
        return spliced(bytes, at(bytes, p), bytes.length, other.subarray(at(other, q)));
      },
  );
  return fc.oneof(flip, overwrite, insert, cut, remove, repeat, cross);
}

/** One to four changes, one after the other. */
export function anyMutations(others: readonly Uint8Array[]): fc.Arbitrary<Mutation> {
  return fc.array(anyMutation(others), { minLength: 1, maxLength: 4 }).map(
    (mutations): Mutation =>
      (bytes) =>
        mutations.reduce((changed, mutate) => mutate(changed), bytes),
  );
}
