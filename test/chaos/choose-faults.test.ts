import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chanceOf } from "../../src/testing/chance.ts";
import { seedOfRound } from "./chance.ts";
import { readOptions } from "./chaos-options.ts";
import { chooseFaults, FAULT_KINDS, FAULTS, type Fault, type FaultKind } from "./choose-faults.ts";

const SESSION = 3_000;

function choose(seed: number, count: number, kinds: readonly FaultKind[] = FAULT_KINDS): Fault[][] {
  const random = chanceOf(seed);
  return Array.from({ length: count }, () => chooseFaults(random, { kinds, session: SESSION }));
}

describe("the choice of faults", () => {
  test("is the same for a seed, and another for others", () => {
    assert.deepEqual(choose(5, 50), choose(5, 50));
    assert.notDeepEqual(choose(5, 50), choose(6, 50));
    const seeds = Array.from({ length: 100 }, (_, round) => seedOfRound(5, round));
    assert.equal(new Set([...seeds, ...seeds.map((_, round) => seedOfRound(6, round))]).size, 200);
  });

  test("has every kind, alone and beside others, and never two that do not go together", () => {
    const all = choose(1, 3_000);
    for (const kind of FAULT_KINDS) {
      const own = all.filter((faults) => faults.some((fault) => fault.kind === kind));
      assert.ok(
        own.some(({ length }) => length === 1),
        `${kind} alone`,
      );
      assert.ok(
        own.some(({ length }) => length > 1),
        `${kind} with others`,
      );
    }
    for (const faults of all) {
      const where = faults.map(({ kind }) => FAULTS[kind].where);
      for (const [place, most] of [
        ["workers", 2],
        ["brokers", 1],
        ["network", 1],
        ["work", 1],
      ] as const)
        assert.ok(where.filter((each) => each === place).length <= most, JSON.stringify(faults));
      assert.ok(faults.filter(({ kind }) => ["roll", "surge", "growth"].includes(kind)).length <= 1);
      assert.equal(new Set(faults.map(({ kind }) => kind)).size, faults.length);
    }
  });

  test("freezes past the session, pauses within it", () => {
    for (const { kind, ms } of choose(2, 2_000).flat()) {
      if (kind === "freeze" || kind === "freezeKill") assert.ok(ms > SESSION);
      if (kind === "pause") assert.ok(ms < SESSION / 2);
    }
  });

  test("has only what can be done", () => {
    const kinds = new Set(
      choose(3, 500, ["kill", "brokerKill"])
        .flat()
        .map(({ kind }) => kind),
    );
    assert.deepEqual(kinds, new Set(["kill", "brokerKill"]));
    assert.deepEqual(
      choose(3, 1, ["kill"]).map(({ length }) => length),
      [1],
    );
  });
});

describe("the options of chaos", () => {
  const SCRIPT = fileURLToPath(import.meta.url);

  test("have defaults, and a script from the environment", () => {
    const options = readOptions([], { KAFKA_CLUSTER: SCRIPT });
    assert.deepEqual(options, {
      ...{ minutes: 30, folder: "chaos", script: SCRIPT, port: 29_092, kafkaVersion: undefined, seed: undefined },
      ...{ runtimes: undefined, workers: 4, faults: undefined },
    });
    const given = ["--minutes", "0.5", "--folder", "f", "--cluster", SCRIPT, "--port", "41000", "--seed", "3"];
    const more = [
      ...given,
      "--runtimes",
      "bun,node",
      "--workers",
      "6",
      "--kafka-version",
      "4.3.0",
      "--faults",
      "roll,cut",
    ];
    assert.deepEqual(readOptions(more, { KAFKA_CLUSTER: "nowhere", OTTLA_FAULT_CLUSTER: "nowhere" }), {
      ...{ minutes: 0.5, folder: "f", script: SCRIPT, port: 41_000, kafkaVersion: "4.3.0", seed: 3 },
      ...{ runtimes: ["bun", "node"], workers: 6, faults: ["roll", "cut"] },
    });
    assert.equal(readOptions(["--help"], {}), undefined);
  });

  test("are refused by name", () => {
    const refused: readonly (readonly [readonly string[], RegExp])[] = [
      [["--minutes", "0"], /^RangeError: --minutes 0: a number from 0\.1/],
      [["--minutes", "x"], /^RangeError: --minutes x/],
      [["--minutes", ""], /^RangeError: --minutes /],
      [["--port", "70000"], /^RangeError: --port 70000: a whole number/],
      [["--seed", "1.5"], /^RangeError: --seed 1\.5: a whole number/],
      [["--workers", "1"], /^RangeError: --workers 1/],
      [["--runtimes", "node,perl"], /^RangeError: --runtimes node,perl: "perl" is none of node, deno, bun/],
      [["--faults", "fire"], /^RangeError: --faults fire: "fire" is none of kill, freeze/],
      [["--folder", ""], /^RangeError: --folder: it is empty/],
      [["--cluster", "/no/such/file"], /^RangeError: --cluster \/no\/such\/file: there is no such file/],
      [["--hours", "1"], /--hours/],
    ];
    for (const [args, message] of refused)
      assert.throws(
        () => readOptions(args, { KAFKA_CLUSTER: SCRIPT }),
        (error) => message.test(String(error)),
        args.join(" "),
      );
    assert.throws(() => readOptions([], {}), /--cluster: name a script/);
  });
});
