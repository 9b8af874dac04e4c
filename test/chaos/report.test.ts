import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { thinned, ticks } from "../../bench/plot/scale.ts";
import { madeRound } from "./made-round.ts";
import { reportPage } from "./report.ts";
import { costOf, reruns, throughput } from "./round-figures.ts";
import { quantile, sumUp } from "./run-sums.ts";
import { summary } from "./summary.ts";
import { seconds } from "./words.ts";

const HOSTILE = `</text><script>alert(1)</script>"' onload='x' &amp; \u0000\ud800`;
/** Tags that a page must close. */
const PAIRS = ["html", "body", "main", "table", "tr", "td", "th", "svg", "text", "title", "details", "pre", "p", "div"];

function assertWhole(page: string): void {
  for (const tag of PAIRS) {
    const opened = page.match(new RegExp(`<${tag}[\\s>]`, "g"))?.length ?? 0;
    assert.equal(page.match(new RegExp(`</${tag}>`, "g"))?.length ?? 0, opened, tag);
  }
  assert.doesNotMatch(page, /NaN|undefined|\[object|Infinity/);
  assert.doesNotMatch(page, /(src|href)=|url\(|@import/, "it needs nothing from elsewhere");
}

describe("the chaos report", () => {
  test("is a whole page of no rounds, of one that was broken off, of one and of many", () => {
    assertWhole(reportPage([]));
    assert.match(reportPage([]), /No round has come to its end/);
    assertWhole(reportPage([{ round: 1, seed: 7, broken: "killed" }]));
    assertWhole(reportPage([madeRound(1)]));
    const many = reportPage(Array.from({ length: 120 }, (_, i) => madeRound(i + 1)));
    assertWhole(many);
    assert.ok(many.length < 1_500_000, `${many.length} characters`);
    assert.match(many, /✓ All that is guaranteed held through/);
  });

  test("is a whole page of a round in which nothing happened", () => {
    const none = { passages: [], throughput: [], reruns: { sudden: [], others: [] }, closings: [], byRuntime: {} };
    assertWhole(reportPage([madeRound(1, { ...none, took: 0, verdicts: {}, failures: {} })]));
  });

  test("shows what it is given as text, whatever that is", () => {
    const page = reportPage([
      madeRound(1, {
        ...{ commit: HOSTILE, groupProtocol: HOSTILE, firstProblems: [HOSTILE], problems: { [HOSTILE]: 1 } },
        ...{
          versions: { kafka: HOSTILE, [HOSTILE]: HOSTILE },
          failures: { [HOSTILE]: 3 },
          byRuntime: { [HOSTILE]: 1 },
        },
        verdicts: { [HOSTILE]: 1 },
      }),
    ]);
    assertWhole(page);
    assert.doesNotMatch(page, /<script|onload='/);
    assert.match(page, /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
    assert.ok(page.isWellFormed() && !page.includes("\0"));
  });

  test("tells what does not hold, on the page and in the summary", () => {
    const rounds = [madeRound(1), madeRound(2, { problems: { "S8.1": 2 }, firstProblems: ["S8.1 the commit passes"] })];
    assert.match(reportPage(rounds), /✗ Something that is guaranteed did not hold: S8\.1/);
    assert.match(reportPage(rounds), /round 2: S8\.1 the commit passes/);
    assert.match(summary(rounds), /✗ S8\.1: 2/);
    assert.match(summary([madeRound(1)]), /✓ \d+ promises held/);
  });

  test("adds rounds up, and tells faults that came alone from others", () => {
    const fault = { kind: "kill", ms: 0 } as const;
    const passage = { from: 0, over: 0, to: 9_000, stall: 2_000, recovery: 3_000 };
    const passages = [
      { ...passage, faults: [fault] },
      { ...passage, faults: [fault, { kind: "roll", ms: 0 } as const], stall: 7_000, recovery: 8_000 },
      { ...passage, faults: [fault], stall: 100, recovery: 0 },
    ];
    const sums = sumUp([
      madeRound(1, { passages }),
      { round: 2, seed: 7, broken: "stopped" },
      madeRound(3, { passages }),
    ]);
    const kill = sums.kinds.find(({ kind }) => kind === "kill")!;
    assert.deepEqual([kill.alone, kill.together, kill.longestStall, kill.longestStallTogether], [4, 2, 2_000, 7_000]);
    assert.deepEqual(
      [kill.recoveries, kill.recoveriesTogether],
      [
        [0, 0, 3_000, 3_000],
        [8_000, 8_000],
      ],
    );
    assert.deepEqual([sums.faults, sums.broken, sums.counts.dead], [8, 1, 360]);
  });
});

describe("the figures of a round", () => {
  const at = { topic: "q", partition: 0, by: "w0" };

  test("are the longest stall of any partition, and when the last of them was over", () => {
    const times = new Map([
      [0, [0, 900, 1_100, 4_300, 4_400, 9_000]],
      [1, [0, 500, 2_600, 3_000, 3_500]],
    ]);
    // What had stood still before counts from then on.
    assert.deepEqual(costOf(times, { from: 1_000, to: 5_000 }), { stall: 4_600, recovery: 8_000 });
    assert.deepEqual(costOf(times, { from: 1_000, to: 4_000 }), { stall: 3_200, recovery: 3_300 });
    assert.deepEqual(costOf(times, { from: 200, to: 800 }), { stall: 2_100, recovery: 2_400 });
    assert.deepEqual(costOf(new Map(), { from: 0, to: 1 }), { stall: 0, recovery: 0 });
  });

  test("are jobs that ended in each second", () => {
    const ends = [10, 20, 1_500, 2_999].map((at_) => ({ ...at, what: "end" as const, offset: 1, ok: true, at: at_ }));
    assert.deepEqual(throughput([...ends, { ...ends[0]!, ok: false }], 0, 3_000), [2, 1, 1]);
  });

  test("are how long before its worker's end a job had ended that ran again, and why", () => {
    const job = { ...at, offset: 5 };
    const start = { ...job, what: "start" as const, key: "k", attempt: 1 };
    const end = { ...job, what: "end" as const, ok: true };
    const again = { ...start, by: "w1", at: 9_000 };
    const before = [
      { ...start, at: 100 },
      { ...end, at: 200 },
    ];
    const died = { what: "died" as const, by: "w0", at: 350 };
    assert.deepEqual(reruns([...before, died, again], []), [{ age: 150, isSudden: true }]);
    assert.deepEqual(reruns([...before, died, again], [{ from: 100, to: 300 }]), [{ age: 150, isSudden: false }]);
    const lost = { ...at, what: "lost" as const, at: 700 };
    assert.deepEqual(reruns([...before, lost, again], []), [{ age: 500, isSudden: false }]);
    assert.deepEqual(reruns([{ ...start, at: 100 }, died, again], []), []);
  });
});

describe("plots", () => {
  test("have axes of round numbers that hold everything", () => {
    assert.deepEqual(ticks(97, 5), [0, 20, 40, 60, 80, 100]);
    assert.deepEqual(ticks(100, 5), [0, 20, 40, 60, 80, 100]);
    assert.deepEqual(ticks(0.3, 3), [0, 0.1, 0.2, 0.3]);
    for (const nothing of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) assert.deepEqual(ticks(nothing), [0, 1]);
  });

  test("take neighbours together where there are too many", () => {
    assert.deepEqual(thinned([1, 3, 5, 7, 9], 3), { values: [2, 6, 9], each: 2 });
    assert.deepEqual(thinned([], 3), { values: [], each: 1 });
  });

  test("have words for times, and quantiles for few", () => {
    assert.deepEqual([0, 999, 1_000, 99_900, 119_000, 7_260_000].map(seconds), [
      "0 ms",
      "999 ms",
      "1.0 s",
      "99.9 s",
      "2 min",
      "2 h 1 min",
    ]);
    assert.equal(seconds(Number.NaN), "–");
    assert.deepEqual([quantile([1, 2, 3], 0.5), quantile([1, 2, 3], 1)], [2, 3]);
    assert.ok(Number.isNaN(quantile([], 0.5)));
  });
});
