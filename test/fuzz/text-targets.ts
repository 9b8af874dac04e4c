import assert from "node:assert/strict";
import { compileTopicPattern, TopicPatternError } from "../../src/broker/topic-pattern.ts";
import { parseArguments } from "../../src/cli/arguments.ts";
import { UsageError } from "../../src/cli/cli-error.ts";
import { parsePayload } from "../../src/cli/parse-payload.ts";
import { splitPlaces } from "../../src/cli/record-places.ts";
import { parseAddress } from "../../src/client/address.ts";
import { InvalidArgumentError } from "../../src/client/errors.ts";
import { parseCron } from "../../src/jobs/cron.ts";
import { parseDuration } from "../../src/jobs/duration.ts";
import { InvalidOptionError } from "../../src/jobs/errors.ts";
import { nextTick } from "../../src/jobs/next-tick.ts";
import { parseStateKey, stateKey } from "../../src/jobs/state-topic.ts";
import { timeZone } from "../../src/jobs/time-zone.ts";
import { allowing, type FuzzTarget, textOf, texts } from "./target.ts";

const BERLIN = timeZone("Europe/Berlin", "timeZone");
const FROM = Date.UTC(2026, 2, 29);

const cron: FuzzTarget = {
  name: "cron",
  watched: /\/src\/jobs\/(cron|next-tick|month-length|suggestion)/,
  isText: true,
  words: [
    "*",
    "*/",
    "?",
    "L",
    "LW",
    "W",
    "#",
    "-",
    ",",
    "/",
    "MON",
    "FRI",
    "JAN",
    "@daily",
    "0 0 29 2 *",
    "7",
    "31",
    "59",
  ],
  seeds: texts(
    ...[
      "0 3 * * *",
      "*/5 * * * * *",
      "0-30/5 1,2 1-7 JAN-MAR MON",
      "@hourly",
      "0 0 L * *",
      "0 0 LW * 5#3",
      "30 2 29 2 *",
    ],
  ),
  run(input) {
    const schedule = allowing([InvalidOptionError], () => parseCron(textOf(input), "cron"));
    if (schedule === undefined) return;
    const first = nextTick(schedule, FROM, BERLIN);
    assert.ok(first === undefined || (first > FROM && first % 1_000 === 0), String(first));
    if (first === undefined) return;
    const second = nextTick(schedule, first, BERLIN);
    assert.ok(second === undefined || second > first, String(second));
  },
};

const SPECS = { queue: { value: "QUEUE", help: "" }, json: { help: "" } };

/** What users write on the command line: an argument a line, the first the payload. */
const commandLine: FuzzTarget = {
  name: "command-line",
  watched: /\/src\/(cli\/(arguments|parse-payload|record-places)|jobs\/(duration|suggestion)|client\/address)/,
  isText: true,
  words: [
    "--queue",
    "--json",
    "--",
    "=",
    "-h",
    "\n",
    "1e999",
    "9007199254740993",
    "ms",
    "localhost:9092",
    "[::1]:1",
    "t/0/1",
  ],
  seeds: texts(
    '{"a":1.5,"b":[null,"x"]}\n--queue=q\n--json',
    "-1\n--queue\nq\nt/0/12\n5s\nlocalhost:9092\n[::1]:9092",
    "1.5h",
  ),
  run(input) {
    const [payload = "", ...argv] = textOf(input).split("\n");
    const read = allowing([UsageError], () => ({ payload: parsePayload(payload) }));
    if (read !== undefined) assert.deepEqual(JSON.parse(JSON.stringify(read.payload)), JSON.parse(payload));
    const parsed = allowing([UsageError], () => parseArguments(argv, SPECS));
    splitPlaces(parsed?.positionals ?? []);
    for (const text of argv) {
      const ms = allowing([InvalidOptionError], () => parseDuration(text, "wait"));
      assert.ok(ms === undefined || ms >= 0);
      const address = allowing([InvalidArgumentError], () => parseAddress(text));
      assert.ok(address === undefined || (address.port > 0 && address.port < 65_536 && address.host !== ""));
      const key = parseStateKey(text);
      if (key !== undefined) assert.deepEqual(parseStateKey(stateKey(key)), key);
    }
  },
};

const topicPattern: FuzzTarget = {
  name: "topic-pattern",
  watched: /\/src\/broker\/topic-pattern\.ts/,
  isText: true,
  words: [
    "[[:alpha:]]",
    "[[:^digit:]]",
    "\\Q",
    "\\E",
    "(?i)",
    "(?P<n>",
    "(?=",
    "\\pL",
    "\\p{Greek}",
    "\\z",
    "*+",
    "\\1",
    "(?U)",
  ],
  seeds: texts("tenant-.+-jobs", "[[:alpha:]_]+", "\\Qa.b\\E|c", "(?i)ab(?P<x>c)?", "\\d{1,3}[^a-z]\\.x", "(?-i:a)"),
  run(input) {
    const matches = allowing([TopicPatternError], () => compileTopicPattern(textOf(input)));
    // Short names: how long JavaScript takes for a hostile pattern is not what is looked at here.
    for (const name of ["a.b", "tenant-7", "ABC"]) assert.equal(typeof (matches?.(name) ?? false), "boolean");
  },
};

export const textTargets: readonly FuzzTarget[] = [cron, commandLine, topicPattern];
