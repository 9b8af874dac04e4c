import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type MeasureFigures, rounded, spread } from "../../bench/growth/figures.ts";
import { parseGrowthOptions } from "../../bench/growth/growth-options.ts";
import { MEASURES } from "../../bench/growth/measures.ts";
import { keySeries } from "../../bench/growth/programs/key-series.ts";
import { linearAxis, logAxis, sizeAxis } from "../../bench/growth/render/axis.ts";
import { figure, short } from "../../bench/growth/render/format.ts";
import { markdownTable } from "../../bench/growth/render/markdown-table.ts";
import { emptyPage, generatedPart, withParts } from "../../bench/growth/render/page-parts.ts";
import { plot } from "../../bench/growth/render/plot.ts";
import { UsageError } from "../../bench/usage-error.ts";

const lanes = MEASURES.find(({ name }) => name === "lanes")!;
const environment = { runtime: "a runtime", broker: "a broker", machine: "a machine", date: "a day", commit: "abc" };
const figures: MeasureFigures = {
  environment,
  isQuick: false,
  rounds: 3,
  points: [
    { x: 1, samples: { waiting: [180, 190, 185], ideal: [200, 200, 200], empty: [30_000, 31_000, 29_000] } },
    {
      x: 64,
      samples: { waiting: [9_000, 9_500, 9_100], ideal: [12_800, 12_800, 12_800], empty: [28_000, 28_500, 27_000] },
    },
  ],
};

describe("figures", () => {
  test("are told by their median, the least and the most", () => {
    assert.deepEqual(spread([3, 1, 2]), { median: 2, least: 1, most: 3 });
    assert.deepEqual(spread([4, 1, 2, 3]), { median: 2.5, least: 1, most: 4 });
    assert.equal(spread([]), undefined);
    assert.equal(spread(undefined), undefined);
    assert.equal(rounded(123_456), 123_500);
  });

  test("are written with as many digits as say something", () => {
    assert.deepEqual([81_234.5, 45.67, 1.234, 0].map(figure), ["81,235", "45.7", "1.23", "0"]);
    assert.deepEqual([1_000_000, 1_500, 900, 0.5].map(short), ["1M", "1.5k", "900", "0.5"]);
  });
});

describe("the growth bench's command line", () => {
  test("chooses measures, rounds and a folder", () => {
    const all = parseGrowthOptions([], MEASURES)!;
    assert.deepEqual([all.measures.length, all.rounds, all.isQuick], [MEASURES.length, 3, false]);
    assert.ok(all.folder.endsWith("docs"));
    const some = parseGrowthOptions(["--quick", "--only", "keys, lanes", "--out", "/elsewhere"], MEASURES)!;
    assert.deepEqual(
      some.measures.map(({ name }) => name),
      ["keys", "lanes"],
    );
    assert.deepEqual([some.rounds, some.folder], [1, "/elsewhere"]);
    assert.ok(!parseGrowthOptions(["--quick"], MEASURES)!.folder.endsWith("docs"), "quick figures stay apart");
    assert.equal(parseGrowthOptions(["--help"], MEASURES), undefined);
  });

  test("says what is wrong", () => {
    const refused: readonly (readonly [readonly string[], RegExp])[] = [
      [["--only", "lames"], /no measure "lames", but .*lanes/],
      [["--rounds", "0"], /--rounds is 0/],
      [["--rounds", "many"], /--rounds is many/],
      [["--loud"], /--loud/],
    ];
    for (const [args, message] of refused) {
      assert.throws(
        () => parseGrowthOptions(args, MEASURES),
        (error: Error) => error instanceof UsageError && message.test(error.message),
      );
    }
  });
});

describe("key series", () => {
  const counts = (spreadOf: "even" | "zipf", keys: number, draws: number): number[] => {
    const next = keySeries({ keys, spread: spreadOf });
    const found = new Array<number>(keys).fill(0);
    for (let i = 0; i < draws; i++) found[next()]! += 1;
    return found;
  };

  test("has all keys about equally often, or the second half as often as the first", () => {
    const even = counts("even", 10, 10_000);
    assert.ok(Math.min(...even) > 800 && Math.max(...even) < 1_200, `${even}`);
    const [first, second, third] = counts("zipf", 10, 10_000) as [number, number, number];
    assert.ok(Math.abs(first / second - 2) < 0.3 && Math.abs(first / third - 3) < 0.5, `${first} ${second} ${third}`);
    assert.deepEqual(counts("zipf", 1, 5), [5]);
  });

  test("is the same in each process", () => {
    assert.deepEqual(counts("zipf", 100, 1_000), counts("zipf", 100, 1_000));
  });
});

describe("axes", () => {
  test("begin at 0, or at a power of ten, and have all values on them", () => {
    const linear = linearAxis([12, 87]);
    assert.deepEqual([linear.at(0), linear.ticks.at(-1)], [0, { at: 1, text: "100" }]);
    const log = logAxis([30, 4_000]);
    assert.deepEqual(
      log.ticks.map(({ text }) => text),
      ["10", "100", "1k", "10k"],
    );
    assert.ok(log.at(30) > 0 && log.at(4_000) < 1);
    assert.deepEqual([logAxis([]).ticks.length >= 2, linearAxis([]).ticks.length], [true, 2]);
  });

  test("have a place for 0 where sizes span decades", () => {
    const axis = sizeAxis([0, 10_000, 1_000_000], true);
    const [zero, ten, million] = [0, 10_000, 1_000_000].map(axis.at) as [number, number, number];
    assert.ok(zero >= 0 && zero < ten && ten < million && million <= 1);
    assert.equal(sizeAxis([5], true).at(5), 0.5);
  });
});

describe("pages", () => {
  test("have a row a point, in columns of one width", () => {
    const rows = markdownTable(lanes, figures).split("\n");
    assert.equal(rows.length, 4);
    assert.equal(new Set(rows.map((row) => row.length)).size, 1);
    assert.match(rows[2]!, /^\| 1 .*\| +185 \(180–190\) \| +200 \| +30,000 \(29,000–31,000\) \|$/);
  });

  test("have plots that need nothing else, and tell what is in them", () => {
    const svg = plot(lanes, figures);
    assert.match(
      svg,
      /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" [^>]*role="img" aria-label="Throughput against lanes/,
    );
    assert.match(svg, /<title>Throughput against lanes<\/title>/);
    assert.equal(svg.match(/<circle /g)?.length, 6);
    assert.doesNotMatch(svg, /NaN|Infinity|undefined|href|url\(/);
  });

  test("say that there are no figures, or that they are those of a short run", () => {
    assert.match(generatedPart(lanes, undefined), /--only lanes/);
    assert.doesNotMatch(generatedPart(lanes, figures), /short form/);
    assert.match(generatedPart(lanes, { ...figures, isQuick: true }), /short form/);
    assert.match(
      generatedPart(lanes, figures),
      /Medians of 3 rounds.*a runtime; a broker; a machine; a day, commit abc/,
    );
  });

  test("keep what stands between the generated parts", () => {
    const page = emptyPage(MEASURES).replace("## ", "By hand.\n\n## ");
    const once = withParts(page, MEASURES, ({ name }) => `part of ${name}`);
    assert.ok(once.includes("By hand.") && once.includes("part of lanes"));
    assert.equal(
      withParts(once, MEASURES, ({ name }) => `part of ${name}`),
      once,
    );
    assert.throws(() => withParts("# Nothing", MEASURES, () => ""), /the page needs these lines/);
  });
});
