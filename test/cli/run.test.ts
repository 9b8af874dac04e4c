import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { run } from "../../src/cli/mod.ts";
import { VERSION } from "../../src/net/version.ts";
import { fakeIo } from "./fake-io.ts";

async function ottla(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const io = fakeIo();
  const code = await run(argv, io);
  return { code, out: io.out(), err: io.err() };
}

const COMMANDS = ["dev", "worker", "enqueue", "topics", "scheduled", "recurring", "blocked", "dead", "broker"];

describe("ottla", () => {
  test("--help lists commands, exit codes and variables on standard output", async () => {
    const { code, out, err } = await ottla("--help");
    assert.deepEqual([code, err], [0, ""]);
    for (const word of [...COMMANDS, "Exit codes", "KAFKA_BROKERS", "NO_COLOR"]) {
      assert.ok(out.includes(word), word);
    }
    assert.deepEqual((await ottla("-h")).out, out);
    assert.deepEqual((await ottla("help")).out, out);
  });

  test("COMMAND --help tells of that command and its options", async () => {
    for (const command of COMMANDS) {
      const { code, out } = await ottla(command, "--help");
      assert.equal(code, 0);
      assert.ok(out.includes(`ottla ${command}`) && out.includes("--help"), out);
      assert.deepEqual((await ottla("help", command)).out, out);
    }
    assert.match((await ottla("worker", "-h")).out, /--concurrency N .*--queues A,B .*--shutdown-timeout DURATION/s);
  });

  test("--version is the package's version", async () => {
    assert.deepEqual(await ottla("--version"), { code: 0, out: `${VERSION}\n`, err: "" });
  });

  test("without a command shows the help on standard error and fails", async () => {
    const { code, out, err } = await ottla();
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, /Commands/);
  });

  test("refuses unknown commands and options, and says which was probably meant", async () => {
    const cases: [string[], RegExp][] = [
      [["wrker"], /unknown command "wrker"; did you mean "worker"\?/],
      [["frobnicate"], /unknown command "frobnicate"; there are dev, worker/],
      [["--versoin"], /unknown option --versoin; did you mean --version\?/],
      [["worker", "shop.ts", "--concurency", "3"], /unknown option --concurency; did you mean --concurrency\?/],
      [["broker", "--dta", "dir"], /unknown option --dta; did you mean --data\?/],
      [["worker", "-x"], /unknown option -x/],
      [["topics", "plan", "shop.ts", "--json=yes"], /--json takes no value/],
      [["worker", "shop.ts", "--queues"], /--queues needs a value: --queues A,B/],
      [["worker", "shop.ts", "--queues", "--json"], /--queues needs a value/],
      [["worker", "--app", "a", "--app=b"], /--app is given twice/],
      [["worker", "shop.ts", "--concurrency", "many"], /--concurrency is "many": a whole number from 1/],
      [["worker", "shop.ts", "--queues", "mails,"], /--queues is "mails,"/],
      [["worker", "shop.ts", "--timeout", "soon"], /--timeout: "soon" is no duration/],
      [["broker", "--port", "65536"], /--port is "65536": a whole number from 0 to 65535/],
      [["broker", "9092"], /ottla broker takes no argument, and "9092" is given/],
      [["topics"], /plan or apply is expected/],
      [["topics", "aply", "shop.ts"], /plan or apply is expected, and "aply" is given/],
      [["enqueue", "shop.ts"], /MODULE and JOB are expected/],
      [["enqueue", "shop.ts", "tick", "1", "2"], /"2" is one argument too many/],
    ];
    for (const [argv, message] of cases) {
      const { code, out, err } = await ottla(...argv);
      assert.deepEqual([code, out], [2, ""], argv.join(" "));
      assert.match(err, message);
      assert.ok(!err.includes("    at "), err);
    }
  });

  test("colours for a terminal only, and not against NO_COLOR", async () => {
    const help = async (env: Record<string, string>, isTTY: boolean): Promise<string> => {
      const io = fakeIo({ env, isTTY });
      await run(["--help"], io);
      return io.out();
    };
    const plain = await help({}, false);
    assert.ok(!plain.includes("\u001b"));
    assert.ok((await help({ NO_COLOR: "" }, true)).includes("\u001b["));
    assert.equal(await help({ NO_COLOR: "1" }, true), plain);
    assert.equal(await help({ TERM: "dumb" }, true), plain);
  });
});
