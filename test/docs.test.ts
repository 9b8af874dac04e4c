import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const root = new URL("../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

/** The sentences of each section that workers keep. */
const SENTENCES: Readonly<Record<string, number>> = { S2: 9, S3: 12, S4: 9, S5: 5, S6: 5, S7: 9, S8: 12 };

interface Row {
  readonly number: string;
  readonly tests: readonly string[];
}

function rows(): Row[] {
  return [...read("docs/guarantees.md").matchAll(/^\| (S\d\.\d+) +\|.*\| ([^|]+) \|$/gm)].map((match) => {
    return { number: match[1]!, tests: match[2]!.split(",").map((name) => name.trim()) };
  });
}

/** A test's file by its name in the page: a suite of the conformance tests is no test file itself. */
function fileOf(name: string): string {
  const [suite, test] = [`test/${name}.ts`, `test/${name}.test.ts`];
  return existsSync(new URL(test, root)) ? test : suite;
}

test("docs/guarantees.md has each promise, and the tests that it names carry its number", () => {
  const found = rows();
  const wanted = Object.entries(SENTENCES).flatMap(([section, count]) =>
    Array.from({ length: count }, (_, i) => `${section}.${i + 1}`),
  );
  assert.deepEqual(
    found.map(({ number }) => number),
    wanted,
  );
  const missing = found.flatMap(({ number, tests }) =>
    tests.filter((name) => !carries(fileOf(name), number)).map((name) => `${number}: ${name}`),
  );
  assert.deepEqual(missing, [], "name tests that carry the number");
});

function carries(file: string, number: string): boolean {
  if (!existsSync(new URL(file, root))) return false;
  const text = read(file);
  if (new RegExp(`["\`][^"\`\\n]*\\b${number.replace(".", "\\.")}\\b`).test(text)) return true;
  // "S8.1-5" stands for all five.
  return [...text.matchAll(/\b(S\d)\.(\d+)-(\d+)\b/g)].some(([, section, first, last]) => {
    const [own, sentence] = number.split(".") as [string, string];
    return section === own && Number(sentence) >= Number(first) && Number(sentence) <= Number(last);
  });
}

test("links between documents lead somewhere", () => {
  const pages = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    ...readdirSync(new URL("docs/", root)).flatMap((name) => (name.endsWith(".md") ? [`docs/${name}`] : [])),
  ];
  const broken = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
      .map((match) => match[1]!)
      .filter((link) => !existsSync(new URL(link, new URL(page, root))))
      .map((link) => `${page}: ${link}`),
  );
  assert.deepEqual(broken, []);
});
