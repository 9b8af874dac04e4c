import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { misnumberedApi, strayHandlers } from "./architecture/api-numbers.ts";
import { codeOnly } from "./architecture/code-only.ts";
import { importCycles } from "./architecture/cycles.ts";
import { forbiddenHabits, lostCleanup, shapelessFile } from "./architecture/habits.ts";
import { importsOf } from "./architecture/imports.ts";
import { codeInEntryPoint, forbiddenImports } from "./architecture/layers.ts";
import { readSources, sourceFile } from "./architecture/source-file.ts";

const ROOT = new URL("../", import.meta.url);
const present = (path: string): boolean => existsSync(new URL(path, ROOT));
const library = readSources(ROOT, ["mod.ts", "protocol", "src"].filter(present));
const everything = [...library, ...readSources(ROOT, ["test", "bench", "examples", "scripts"].filter(present))];
const paths = library.map((file) => file.path);

describe("the repository", () => {
  test("library imports only what its layers allow", () => {
    assert.deepEqual(library.flatMap(forbiddenImports), []);
  });

  test("library has no import cycles", () => {
    assert.deepEqual(importCycles(library), []);
  });

  test("library leaves time, chance, globals and text as code alone", () => {
    assert.deepEqual(library.flatMap(forbiddenHabits), []);
  });

  test("entry points only re-export", () => {
    assert.deepEqual(library.filter((file) => /(^|\/)mod\.ts$/.test(file.path)).flatMap(codeInEntryPoint), []);
  });

  test("files are short and named after what they hold", () => {
    assert.deepEqual(everything.flatMap(shapelessFile), []);
  });

  test("tests clean up on every runtime", () => {
    assert.deepEqual(everything.flatMap(lostCleanup), []);
  });

  test("message files carry their API's key, and handlers mirror them", async () => {
    const messages = paths.filter((path) => path.startsWith("protocol/messages/"));
    const handlers = paths.filter((path) => path.startsWith("src/broker/handlers/"));
    assert.ok(messages.length > 0);
    const exported = await Promise.all(messages.map((path) => import(new URL(path, ROOT).href)));
    assert.deepEqual(
      messages.flatMap((path, i) => misnumberedApi(path, exported[i])),
      [],
    );
    assert.deepEqual(strayHandlers(handlers, messages), []);
  });
});

describe("the architecture check", () => {
  const problems = (path: string, text: string): number => forbiddenImports(sourceFile(path, text)).length;
  const habits = (path: string, text: string): string[] =>
    forbiddenHabits(sourceFile(path, text)).map((problem) => / has (.*?): /.exec(problem)![1]!);

  test("sees code only", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code, in a string.
    const text = 'a("x // y"); // b\n/* c */ d(/"[/`]/g); e = f / g; h(`i ${j({ k: "l" })} m`); n';
    const code = 'a("      ");     \n        d(        ); e = f / g; h(`   {j({ k: " " })}  `); n';
    assert.equal(codeOnly(text), code);
  });

  test("finds every form of import", () => {
    const text = [
      'import a, { b } from "./a.ts";',
      'import type { C } from "../c.ts";',
      'import "./d.ts";',
      'export * from "./e.ts";',
      "export {\n  f, // from g\n} from './f.ts';",
      'type G = import("./g.ts").G;',
      'const h = await import("node:fs");',
      "const i = await import(name);",
      'const j = "import k from \'./k.ts\'"; // import l from "./l.ts"',
      'const m = Array.from("./m.ts");',
    ].join("\n");
    const found = importsOf(sourceFile("src/net/x.ts", text));
    assert.deepEqual(
      found.map(({ target, specifier }) => target ?? specifier),
      "src/net/a.ts src/c.ts src/net/d.ts src/net/e.ts src/net/f.ts src/net/g.ts node:fs".split(" ").concat([null!]),
    );
    assert.deepEqual(
      found.map(({ line }) => line),
      [1, 2, 3, 4, 5, 8, 9, 10],
    );
  });

  test("refuses imports against the layers", () => {
    assert.equal(problems("protocol/a.ts", 'import { x } from "../src/net/x.ts";'), 1);
    assert.equal(problems("src/net/a.ts", 'import type { X } from "../client/x.ts";'), 1);
    assert.equal(problems("src/jobs/a.ts", 'import { x } from "../../protocol/x.ts";'), 1);
    assert.equal(problems("src/broker/a.ts", 'type X = import("../client/x.ts").X;'), 1);
    assert.equal(problems("src/new/a.ts", 'import { x } from "../../protocol/x.ts";'), 1);
    assert.equal(problems("src/client/a.ts", 'import { x } from "../net/x.ts";\nimport "../../protocol/x.ts";'), 0);
    assert.equal(problems("src/jobs/a.ts", 'import type { Clock } from "../net/clock.ts";'), 0);
    assert.equal(problems("src/cli/a.ts", 'import { x } from "../broker/x.ts";'), 0);
  });

  test("refuses entry points from inside, packages, built-in modules and computed names", () => {
    assert.equal(problems("src/testing/a.ts", 'import { createApp } from "../../mod.ts";'), 1);
    assert.equal(problems("src/client/a.ts", 'export { x } from "./mod.ts";'), 1);
    assert.equal(problems("src/client/a.ts", 'import { Kafka } from "ottla/kafka";'), 1);
    assert.equal(problems("src/client/a.ts", 'import { connect } from "node:net";'), 1);
    assert.equal(problems("src/cli/a.ts", 'import { connect } from "node:net";'), 1);
    assert.equal(problems("protocol/snappy.ts", 'import zlib from "node:zlib";'), 1);
    assert.equal(problems("src/jobs/a.ts", "await import(name);"), 1);
    assert.equal(problems("protocol/compression.ts", 'import zlib from "node:zlib";'), 0);
    assert.equal(problems("src/net/a.ts", 'import { connect } from "node:net";'), 0);
    assert.equal(problems("src/cli/a.ts", 'import fs from "node:fs";\nawait import(name);'), 0);
  });

  test("finds cycles, of types too", () => {
    const a = sourceFile("src/net/a.ts", 'import { b } from "./b.ts";');
    const b = sourceFile("src/net/b.ts", 'import type { C } from "./c.ts";');
    const c = sourceFile("src/net/c.ts", 'type A = import("./a.ts").A;');
    assert.deepEqual(importCycles([a, b, c]), ["src/net/a.ts → src/net/b.ts → src/net/c.ts → src/net/a.ts"]);
    assert.deepEqual(importCycles([a, b, sourceFile("src/net/c.ts", "export const c = 1;")]), []);
    assert.equal(importCycles([sourceFile("src/net/a.ts", 'import "./a.ts";')]).length, 1);
  });

  test("finds time and chance outside the clock", () => {
    const uses = [
      "Date.now",
      "new Date()",
      "Date(",
      "setTimeout",
      "globalThis.setInterval",
      "Math.random",
      "performance.",
      "randomUUID",
      "AbortSignal.timeout",
    ];
    for (const use of uses) {
      const text = use.endsWith("(") ? `${use})` : use.endsWith(".") ? `${use}now()` : `${use}`;
      assert.deepEqual(habits("src/jobs/a.ts", `const x = ${text};`), [use]);
      assert.deepEqual(habits("src/net/clock.ts", `const x = ${text};`), []);
    }
    assert.deepEqual(habits("src/jobs/a.ts", "work().finally(() => {}); try {} finally {}"), [".finally("]);
    const fine = "new Date(at); clock.now(); socket.setTimeout(1); queueMicrotask(f); type D = Date; /* Date.now() */";
    assert.deepEqual(habits("src/jobs/a.ts", fine), []);
  });

  test("finds what JSR, edge runtimes and public types refuse", () => {
    assert.deepEqual(habits("src/jobs/a.ts", "declare global { interface A {} }"), ["declare global"]);
    assert.deepEqual(habits("src/jobs/a.ts", '/// <reference types="node" />'), ['/// <reference types="node" />']);
    assert.deepEqual(habits("src/jobs/a.ts", 'new URL("a", import.meta.url)'), ["import.meta.url"]);
    assert.deepEqual(habits("src/jobs/a.ts", 'eval("1"); new Function("2"); const f: Function = g;'), [
      "eval(",
      "Function(",
    ]);
    assert.deepEqual(habits("src/jobs/a.ts", "Buffer.from(x); new ArrayBuffer(8);"), ["Buffer"]);
    assert.deepEqual(habits("src/net/a.ts", "Buffer.from(x)"), []);
  });

  test("finds long files and vague names", () => {
    const lines = (count: number): string => "a;\n".repeat(count);
    assert.equal(shapelessFile(sourceFile("src/net/a.ts", lines(401))).length, 1);
    assert.equal(shapelessFile(sourceFile("src/net/a.ts", lines(400))).length, 0);
    for (const name of ["types.ts", "src/net/utils.ts", "test/helpers.ts", "src/jobs/common.ts"]) {
      assert.equal(shapelessFile(sourceFile(name, "")).length, 1);
    }
    assert.equal(shapelessFile(sourceFile("src/jobs/error-types.ts", "")).length, 0);
  });

  test("finds cleanup that Deno would lose", () => {
    const body = 'test("a", (t) => { t.after(close); });';
    assert.equal(lostCleanup(sourceFile("test/a.test.ts", `describe("b", () => { ${body} });`)).length, 1);
    assert.equal(lostCleanup(sourceFile("test/a.test.ts", body)).length, 0);
    assert.equal(lostCleanup(sourceFile("test/a.test.ts", 'describe("b", () => { after(close); });')).length, 0);
  });

  test("finds code in entry points", () => {
    const reexports =
      '/** Why. */\nexport { a, type B } from "./a.ts";\nexport type { C } from "./c.ts";\nexport * as d from "./d.ts";';
    assert.deepEqual(codeInEntryPoint(sourceFile("mod.ts", reexports)), []);
    assert.equal(codeInEntryPoint(sourceFile("mod.ts", `${reexports}\nexport const e = 1;`)).length, 1);
  });

  test("finds wrong numbers of messages and handlers", () => {
    const heartbeat = { key: 12, name: "Heartbeat", request: {}, response: {} };
    assert.deepEqual(misnumberedApi("protocol/messages/12-heartbeat.ts", { heartbeat, other: 1 }), []);
    assert.deepEqual(misnumberedApi("protocol/messages/subscription.ts", { subscription: {} }), []);
    assert.equal(misnumberedApi("protocol/messages/13-heartbeat.ts", { heartbeat }).length, 1);
    assert.equal(misnumberedApi("protocol/messages/12-beat.ts", { heartbeat }).length, 1);
    assert.equal(misnumberedApi("protocol/messages/heartbeat.ts", { heartbeat }).length, 1);
    const messages = ["protocol/messages/12-heartbeat.ts"];
    assert.deepEqual(
      strayHandlers(["src/broker/handlers/12-heartbeat.ts", "src/broker/handlers/route.ts"], messages),
      [],
    );
    assert.equal(strayHandlers(["src/broker/handlers/13-heartbeat.ts"], messages).length, 1);
  });
});
