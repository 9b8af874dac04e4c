import assert from "node:assert/strict";
import { test } from "node:test";
import { createApp } from "../../src/jobs/app.ts";
import { testApp } from "../../src/testing/mod.ts";
import { QUIET } from "../support/quiet-logger.ts";

test("S4.6 under the test kit a key is parked, released as time passes, and runs in order", async (t) => {
  let isMended = false;
  const app = createApp({
    ...{ group: "g", logger: QUIET },
    queues: { mails: { whenExhausted: "park", maxRetries: 0 } },
  });
  const mail = app.job<{ to: string; n: number }>({
    name: "mail",
    queue: "mails",
    partitioner: ({ payload }) => payload.to,
    perform: ({ to }) => {
      if (to === "ada" && !isMended) throw new Error("no such host");
    },
  });
  const kit = await testApp(app);
  t.after(() => kit.close());
  for (let n = 0; n < 3; n++) for (const to of ["ada", "bob"]) await mail.performLater({ to, n });
  await kit.drain();
  kit.assertPerformed(mail, { to: "bob", n: 2 });
  kit.assertNotPerformed(mail, { to: "ada", n: 0 });
  assert.deepEqual(
    (await app.parked.list()).map(({ key, jobs }) => [key, jobs]),
    [["ada", 3]],
  );
  isMended = true;
  await app.parked.release({ queue: "mails" });
  await kit.advance("1s");
  kit.assertPerformed(mail, { to: "ada", n: 2 });
  kit.assertPerformedInOrder(mail, ({ payload }) => payload.to);
  assert.deepEqual(await app.parked.list(), []);
});
