/** How often each of some keys comes. */
export interface KeyOptions {
  readonly keys: number;
  /** "zipf": the second key half as often as the first, the third a third as often, and so on. Default: all alike. */
  readonly spread?: "even" | "zipf";
}

/** Which key comes next, by chance, but in each process the same. */
export function keySeries({ keys, spread = "even" }: KeyOptions): () => number {
  const random = chance(keys);
  if (spread === "even") return () => Math.floor(random() * keys);
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let i = 0; i < keys; i++) {
    sum += 1 / (i + 1);
    sums[i] = sum;
  }
  return () => firstAbove(sums, random() * sum);
}

function firstAbove(sums: Float64Array, wanted: number): number {
  let [low, high] = [0, sums.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sums[middle]! > wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Below 1: a linear congruence is random enough for keys. */
function chance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
