import assert from "node:assert/strict";
import { test } from "node:test";
import { runExample } from "./example-process.ts";

test("S7.1 S7.5 example sets, lists, moves and cancels reminders, which go off once and not early", {
  timeout: 120_000,
}, async () => {
  const { code, output, errors } = await runExample("reminders/main.ts", { OTTLA_EXAMPLE_QUICK: "1" });
  assert.equal(code, 0, output + errors);
  assert.equal(errors, "");
  const rings = [...output.matchAll(/^\S+ {2}rings {6}"(.+)" for (Ada|Bob|Eve): \d+ ms late$/gm)];
  const ofUser = (name: string): string[] => rings.flatMap(([, text, user]) => (user === name ? [text!] : []));
  // Each user has a key: what is due for others may overtake on a slow machine.
  assert.deepEqual(["Ada", "Bob", "Eve"].map(ofUser), [
    ["water the plants"],
    ["stretch", "stand up"],
    ["tea is ready"],
  ]);
  assert.match(output, /list +5 are waiting(?:\n .+){5}\n/);
  assert.match(output, /reschedule "stand up" for Bob, for \S+: rescheduled/);
  assert.match(output, /cancel +"the meeting" for Eve: cancelled/);
  assert.match(output, /list +4 are waiting/);
  assert.match(output, /cancel +"tea is ready" for Eve: tooLate/);
  for (const unwanted of ["✗", "\r", "\x1b"]) assert.ok(!output.includes(unwanted), output);
});
