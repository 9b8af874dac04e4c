import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readFigures } from "../bench/growth/figures.ts";
import { MEASURES } from "../bench/growth/measures.ts";
import { generatedPart, withParts } from "../bench/growth/render/page-parts.ts";
import { plot } from "../bench/growth/render/plot.ts";

const DOCS = fileURLToPath(new URL("../docs/", import.meta.url));
const figures = readFigures(`${DOCS}performance/figures.json`);
const HINT = "node --conditions=ottla-source bench/growth/main.ts --render";

test("docs/performance.md has the tables that its figures make", () => {
  const page = readFileSync(`${DOCS}performance.md`, "utf8");
  assert.equal(
    page,
    withParts(page, MEASURES, (measure) => generatedPart(measure, figures[measure.name])),
    HINT,
  );
});

test("docs/performance/ has the plots that its figures make, and nothing else", () => {
  const measured = MEASURES.filter(({ name }) => figures[name] !== undefined);
  for (const measure of measured) {
    const path = `${DOCS}performance/${measure.name}.svg`;
    assert.ok(existsSync(path), `${path} is missing: ${HINT}`);
    assert.equal(readFileSync(path, "utf8"), plot(measure, figures[measure.name]!), HINT);
  }
  const wanted = ["figures.json", ...measured.map(({ name }) => `${name}.svg`)];
  assert.deepEqual(readdirSync(`${DOCS}performance`).sort(), wanted.sort());
});

test("each measure tells of what it plots, and has points in its short form", () => {
  for (const { name, columns, panels, points } of MEASURES) {
    const keys = columns.map(({ key }) => key);
    assert.deepEqual(
      panels.flatMap((panel) => panel.keys).filter((key) => !keys.includes(key)),
      [],
      name,
    );
    const runtime = { name: "any", file: "any", args: [] };
    assert.ok(points({ isQuick: true, runtimes: [runtime] }).length > 0, name);
    assert.ok(points({ isQuick: false, runtimes: [runtime] }).length > 0, name);
  }
  assert.equal(new Set(MEASURES.map(({ name }) => name)).size, MEASURES.length);
});
