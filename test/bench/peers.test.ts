import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Outcome } from "../../bench/peers/cost-of.ts";
import { parsePeersOptions } from "../../bench/peers/peers-options.ts";
import { peersReport } from "../../bench/peers/peers-report.ts";
import { UsageError } from "../../bench/usage-error.ts";

const outcome = (found: Outcome["found"]): Outcome => ({ found, cpu: 10, memory: 100 });

describe("the peers bench", () => {
  test("compares with the best of the others: the highest rate, the lowest latency", () => {
    const rates = new Map([
      ["ottla", [outcome({ rate: 300 }), outcome({ rate: 100 }), outcome({ rate: 200 })]],
      ["one", [outcome({ rate: 100 })]],
      ["other", [outcome({ rate: 50 })]],
    ]);
    const latencies = new Map([
      ["ottla", [outcome({ p50: 1, p99: 8 })]],
      ["one", [outcome({ p50: 2, p99: 4 })]],
    ]);
    const report = peersReport(
      new Map([
        ["work", rates],
        ["latency", latencies],
      ]),
      "ottla",
    );
    assert.match(report, /^ottla +200 \(100–300\) +× 2\.00 +10 +100$/m);
    assert.match(report, /^other +50 +× 0\.50/m);
    assert.match(report, /^ottla +1 +× 0\.50 +8 +× 2\.00/m);
  });

  test("says so where there is nobody to compare with", () => {
    const alone = peersReport(new Map([["work", new Map([["ottla", [outcome({ rate: 5 })]]])]]), "ottla");
    assert.match(alone, /^ottla +5 +– /m);
  });

  test("chooses peers and scenarios, and says what is wrong", () => {
    const { kind, peers, scenarios, rounds } = parsePeersOptions(["jobs", "--only", "ottla,bullmq", "--rounds", "5"])!;
    assert.deepEqual([kind, peers.map(({ name }) => name), rounds], ["jobs", ["ottla", "bullmq"], 5]);
    assert.deepEqual(scenarios, ["enqueue", "work", "latency"]);
    assert.equal(parsePeersOptions(["kafka", "--quick"])!.rounds, 1);
    assert.equal(parsePeersOptions(["--help"]), undefined);
    const refused: readonly (readonly [readonly string[], RegExp])[] = [
      [[], /say jobs or kafka/],
      [["mail"], /say jobs or kafka/],
      [["jobs", "--only", "kafkajs"], /--only: there is no kafkajs, but ottla, bullmq/],
      [["kafka", "--scenarios", "work"], /--scenarios: there is no work, but produce100/],
      [["jobs", "--rounds", "1.5"], /--rounds is 1\.5/],
    ];
    for (const [args, message] of refused) {
      assert.throws(
        () => parsePeersOptions(args),
        (error: Error) => error instanceof UsageError && message.test(error.message),
      );
    }
  });
});
