import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DecodeError, Reader } from "../../protocol/reader.ts";
import { type Feedback, Fuzzer } from "./fuzzer.ts";
import { allowing, type FuzzTarget } from "./target.ts";

/** What a decoder says itself of where it has been: on every runtime the same. */
class Places implements Feedback {
  readonly #seen = new Set<string>();
  readonly #known = new Set<string>();

  been(place: string): void {
    this.#seen.add(place);
  }
  hasNew(): boolean {
    const isNew = [...this.#seen].some((place) => !this.#known.has(place));
    this.#seen.clear();
    return isNew;
  }
  grew(): boolean {
    const news = [...this.#seen].filter((place) => !this.#known.has(place));
    for (const place of news) this.#known.add(place);
    this.#seen.clear();
    return news.length > 0;
  }
}

/** A list of numbers with its count; a certain list is not dealt with. */
function listTarget(places: Places, secret: readonly number[]): FuzzTarget {
  return {
    name: "list",
    watched: /none/,
    seeds: () => [Uint8Array.of(0, 2, 0, 0, 0, 1, 0, 0, 0, 2)],
    run(input) {
      const read = allowing([DecodeError], () => {
        const reader = new Reader(input);
        return Array.from({ length: Math.min(100, reader.uint16()) }, () => reader.uint32());
      });
      if (read === undefined) return places.been("refused");
      for (let i = 0; i < secret.length; i++) {
        if (read[i] !== secret[i]) return;
        places.been(`as far as ${i}`);
      }
      throw new TypeError("not dealt with");
    },
  };
}

async function fuzz(seed: number, secret: readonly number[], most: number): Promise<{ fuzzer: Fuzzer; ran: string[] }> {
  const places = new Places();
  const ran: string[] = [];
  const runs = (input: Uint8Array): void => void ran.push(Buffer.from(input).toString("hex"));
  const fuzzer = new Fuzzer(listTarget(places, secret), places, seed, runs);
  await fuzzer.begin([], []);
  while (fuzzer.inputs < most && fuzzer.findings.length === 0) await fuzzer.step();
  return { fuzzer, ran };
}

describe("the fuzzer", () => {
  test("finds its way, place by place, to what no change at once would find", async () => {
    const secret = [0x7fffffff, 0, 0x80000000];
    const { fuzzer } = await fuzz(1, secret, 400_000);
    const [finding] = fuzzer.findings;
    assert.equal((finding?.error as Error | undefined)?.message, "not dealt with");
    assert.deepEqual([...finding!.input.subarray(2, 14)], [0x7f, 255, 255, 255, 0, 0, 0, 0, 128, 0, 0, 0]);
    assert.ok(fuzzer.kept.length >= 2, `${fuzzer.kept.length} inputs on the way`);
  });

  test("goes the same way again from the same seed", async () => {
    const [first, again, other] = [await fuzz(7, [5], 3_000), await fuzz(7, [5], 3_000), await fuzz(8, [5], 3_000)];
    assert.deepEqual(again.ran, first.ran);
    assert.notDeepEqual(other.ran, first.ran);
  });

  test("keeps an input without what it does not need", async () => {
    const places = new Places();
    const target = listTarget(places, []);
    const seeds = (): Uint8Array[] => [new Uint8Array(200)];
    const run = (input: Uint8Array): void => {
      if (input.includes(0x42)) places.been("42");
    };
    const fuzzer = new Fuzzer({ ...target, seeds, run, words: ["B"] }, places, 1);
    await fuzzer.begin([], []);
    while (fuzzer.kept.length === 0) await fuzzer.step();
    assert.deepEqual([...fuzzer.kept[0]!], [0x42]);
  });
});
