import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileTopicPattern, TopicPatternError } from "../../src/broker/topic-pattern.ts";

describe("topic patterns", () => {
  test("match whole names", () => {
    const matches = compileTopicPattern("tenant-\\d+|jobs");
    for (const name of ["tenant-1", "tenant-22", "jobs"]) assert.ok(matches(name), name);
    for (const name of ["a-tenant-1", "tenant-1a", "tenant-", "jobs2"]) assert.ok(!matches(name), name);
  });

  test("are read as RE2 reads them where JavaScript has another word", () => {
    const pairs: [string, string, string][] = [
      ["(?i)JOBS", "jobs", "job"],
      ["(?P<name>a)b", "ab", "b"],
      ["\\Aab\\z", "ab", "abc"],
      ["\\Qa.b\\E", "a.b", "axb"],
      ["[[:alpha:]_]+", "a_b", "a-b"],
      ["[^[:digit:]]+", "ab", "a1"],
      ["a\\_b", "a_b", "ab"],
      ["\\pL+", "ab", "a1"],
      ["\\p{Greek}+", "αβ", "ab"],
    ];
    for (const [pattern, fits, doesNot] of pairs) {
      assert.ok(compileTopicPattern(pattern)(fits), `${pattern} ${fits}`);
      assert.ok(!compileTopicPattern(pattern)(doesNot), `${pattern} ${doesNot}`);
    }
  });

  test("are refused where RE2 would refuse them", () => {
    for (const pattern of [
      "a(",
      "[a",
      "a(?=b)",
      "a(?!b)",
      "(?<=a)b",
      "(?<!a)b",
      "(a)\\1",
      "(?<n>a)\\k<n>",
      "a**",
      "[[:no:]]",
      "a++",
    ]) {
      assert.throws(() => compileTopicPattern(pattern), TopicPatternError, pattern);
    }
  });
});
