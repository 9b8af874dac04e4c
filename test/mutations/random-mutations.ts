import { codeOnly } from "../architecture/code-only.ts";

/** A change of one line, which nobody has chosen. */
export interface RandomMutation {
  readonly file: string;
  /** From 1 on. */
  readonly line: number;
  readonly before: string;
  readonly after: string;
  /** The file with the change. */
  readonly text: string;
}

/** What becomes of code, where a line has it. */
const CHANGES: readonly (readonly [find: RegExp, put: string])[] = [
  [/ === /g, " !== "],
  [/ !== /g, " === "],
  [/ < /g, " <= "],
  [/ <= /g, " < "],
  [/ > /g, " >= "],
  [/ >= /g, " > "],
  [/ && /g, " || "],
  [/ \|\| /g, " && "],
  [/ \+ 1\b/g, ""],
  [/ - 1\b/g, ""],
  [/ \+ /g, " - "],
  [/\btrue\b/g, "false"],
  [/\bfalse\b/g, "true"],
  [/\bMath\.max\(/g, "Math.min("],
  [/\bMath\.min\(/g, "Math.max("],
  [/\bif \((?!!)/g, "if (!"],
  [/\bawait /g, "void "],
  [/\?\.\(/g, "?.bind("],
];
/** A whole statement on a line of its own, with what makes it conditional: without it, the code still reads. */
const STATEMENT =
  /^\s+(?:if \(.*\) )?(?:return|this\.|void |await |delete |\w+\.|\w+\(|\w+(?:\.#?\w+)* [+-]?= )[^{}]*;$/;
/** Types, plain fields of constructors, and what only tells somebody of something. */
const QUIET =
  /^\s*(?:import|export (?:type|interface)|readonly|type|interface)\b|\): [^=]*;$|this\.#?(\w+) = \1;|\b(?:logger|log)\.|Error\(/;

/** Every change of one line that is tried in this file. */
export function mutationsOf(file: string, text: string): RandomMutation[] {
  const lines = text.split("\n");
  const code = codeOnly(text).split("\n");
  const found: RandomMutation[] = [];
  for (const [i, before] of lines.entries()) {
    if (QUIET.test(before)) continue;
    const put = (after: string): void => {
      found.push({ file, line: i + 1, before, after, text: lines.with(i, after).join("\n") });
    };
    if (STATEMENT.test(before) && isWhole(code[i]!)) put("");
    for (const [find, replacement] of CHANGES)
      for (const { index, 0: what } of code[i]!.matchAll(find))
        put(before.slice(0, index) + replacement + before.slice(index + what.length));
  }
  return found;
}

function isWhole(line: string): boolean {
  return [..."()[]"].map((bracket) => line.split(bracket).length).every((n, i, all) => n === all[i ^ 1]);
}
