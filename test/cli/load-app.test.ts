import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { loadApp } from "../../src/cli/load-app.ts";
import { run } from "../../src/cli/mod.ts";
import { enableTypeScript } from "../../src/cli/typescript.ts";
import { FIXTURES, fakeIo } from "./fake-io.ts";

async function worker(...argv: string[]): Promise<string> {
  const io = fakeIo();
  assert.equal(await run(["worker", ...argv], io), 2);
  assert.equal(io.out(), "");
  return io.err();
}

describe("a module on the command line", () => {
  test("must be there", async () => {
    assert.match(await worker(), /no MODULE is named/);
    assert.match(await worker("nowhere-near.ts"), /there is no file nowhere-near\.ts \(.*nowhere-near\.ts\)/);
    assert.match(await worker("shpo.ts"), /there is no file shpo\.ts .*did you mean .*shop\.ts\?/);
    assert.match(await worker("."), /\. is a folder: name the file/);
  });

  test("must load: what it throws, or cannot import, is told without the runtime's own frames", async () => {
    const thrown = await worker("throws.ts");
    assert.match(thrown, /throws\.ts cannot be loaded: RangeError: no such tenant\n {2}at .*throws\.ts:1/);
    assert.ok(thrown.split("\n").length <= 5, thrown);
    const missing = await worker("imports-missing.ts");
    assert.match(missing, /imports-missing\.ts cannot be loaded: .*nowhere\.ts/);
    assert.doesNotMatch(missing, /node:internal|ext:/);
  });

  test("must export an app", async () => {
    assert.match(await worker("no-app.ts"), /no-app\.ts exports no app: add `export \{ app \} from "\.\/app\.ts";`/);
    assert.match(await worker("other-copy.ts"), /"app" of other-copy\.ts is an app of another copy of ottla/);
  });

  test("must hold jobs, and a group for its workers", async () => {
    assert.match(await worker("no-jobs.ts"), /app "app" of no-jobs\.ts has no jobs: import the files/);
    assert.match(await worker("no-group.ts"), /app "app" of no-group\.ts has no group/);
  });

  test("may export several apps when --app chooses one", async () => {
    assert.match(
      await worker("two-apps.ts"),
      /two-apps\.ts exports several apps \(bank, shop\): choose one with --app/,
    );
    assert.match(await worker("two-apps.ts", "--app", "bnk"), /exports no app "bnk"; did you mean "bank"\?/);
    const bank = await loadApp(["two-apps.ts"], "bank", { cwd: FIXTURES });
    assert.deepEqual([bank.name, bank.state.registry.names], ["bank", ["pay"]]);
    const both = await loadApp(["no-app.ts", "two-apps.ts"], "shop", { cwd: FIXTURES });
    assert.deepEqual(both.state.registry.names, ["sell"]);
  });

  test("may come with others, of which one exports the app", async () => {
    const { state, modules } = await loadApp(["no-app.ts", "shop.ts"], undefined, { cwd: FIXTURES });
    assert.deepEqual(state.registry.names, ["send-mail", "tick", "wait"]);
    assert.deepEqual(modules, ["no-app.ts", "shop.ts"]);
  });

  test("is worked on for queues that its jobs have", async () => {
    assert.match(
      await worker("shop.ts", "--queues", "mials"),
      /no job of .*shop\.ts has queue "mials"; did you mean "mails"\?/,
    );
  });
});

describe("TypeScript on the command line", () => {
  const old = { versions: { node: "20.19.0" }, execArgv: [], env: {}, features: {} };
  const folder = join(tmpdir(), "no-such-project");

  test("needs tsx on a Node that does not erase types", async () => {
    await assert.rejects(enableTypeScript([join(folder, "worker.ts")], folder, old), (error: Error) => {
      assert.match(error.message, /Node 20\.19\.0 does not run TypeScript \(.*worker\.ts\): install tsx/);
      return (error as { exitCode?: number }).exitCode === 2;
    });
  });

  test("needs nothing where the runtime, or a loader of the user's own, reads it", async () => {
    const files = [join(folder, "worker.ts")];
    await enableTypeScript([join(folder, "worker.js")], folder, old);
    await enableTypeScript(files, folder, { ...old, features: { typescript: "strip" } });
    await enableTypeScript(files, folder, { ...old, versions: { node: "20.19.0", bun: "1.3.0" } });
    await enableTypeScript(files, folder, { ...old, versions: { node: "20.19.0", deno: "2.5.0" } });
    await enableTypeScript(files, folder, { ...old, execArgv: ["--import", "tsx"] });
    await enableTypeScript(files, folder, { ...old, env: { NODE_OPTIONS: "--enable-source-maps --import=tsx" } });
  });
});
