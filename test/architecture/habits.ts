import { lineAt, type SourceFile } from "./source-file.ts";

interface Habit {
  readonly pattern: RegExp;
  readonly reason: string;
  /** Where it is allowed. */
  readonly except?: RegExp;
  /** Comments are looked at too. */
  readonly comments?: true;
}

const CLOCK = { except: /^src\/net\/clock\.ts$/, reason: "time and chance come from the Clock (src/net/clock.ts)" };

const HABITS: readonly Habit[] = [
  { pattern: /\bDate\s*\.\s*now\b|\bnew\s+Date\b\s*(?:\(\s*\)|(?![\s(]))|(?<!\bnew\s+|[\w$.])Date\s*\(/g, ...CLOCK },
  { pattern: /(?:(?<![\w$.])|\bglobalThis\.)(?:setTimeout|setInterval|setImmediate)\b/g, ...CLOCK },
  { pattern: /\bMath\s*\.\s*random\b|(?<![\w$.])performance\s*\.|\bprocess\s*\.\s*(?:hrtime|uptime)\b/g, ...CLOCK },
  { pattern: /\b(?:randomUUID|getRandomValues|randomBytes|randomInt|randomFill(?:Sync)?)\b/g, ...CLOCK },
  { pattern: /\bAbortSignal\s*\.\s*timeout\b/g, ...CLOCK },
  {
    pattern: /\.\s*finally\s*\(/g,
    reason: "it takes fewer turns on Bun: whenSettled (src/net/clock.ts) takes as many anywhere",
  },
  { pattern: /(?<![\w$.])Buffer\b/g, reason: "bytes are Uint8Array outside src/net", except: /^src\/net\// },
  { pattern: /\bdeclare\s+global\b/g, reason: "JSR refuses changes to global types" },
  { pattern: /^\s*\/\/\/\s*<reference\b.*/gm, reason: "JSR refuses reference directives", comments: true },
  {
    pattern: /\bimport\s*\.\s*meta\s*\.\s*(?:url|dirname|filename)\b/g,
    reason: "a remote module has no files beside it",
  },
  { pattern: /(?<![\w$.])eval\s*\(|(?<![\w$.])Function\s*\(/g, reason: "edge runtimes forbid code made from text" },
];

/** What a file of `protocol/` or `src/` uses and must not. */
export function forbiddenHabits(file: SourceFile): string[] {
  return HABITS.filter(({ except }) => !except?.test(file.path)).flatMap(({ pattern, reason, comments }) =>
    [...(comments ? file.text : file.code).matchAll(pattern)].map(
      (match) => `${file.path}:${lineAt(file.text, match.index)} has ${match[0].trim()}: ${reason}`,
    ),
  );
}

const MAX_LINES = 400;
const VAGUE_NAME = /(^|\/)(types?|utils?|helpers?|common|misc|index)\.(test\.)?ts$/;

/** A file that is too long, or whose name says nothing. */
export function shapelessFile(file: SourceFile): string[] {
  const lines = file.text.replace(/\n$/, "").split("\n").length;
  return [
    ...(lines > MAX_LINES
      ? [`${file.path} has ${lines} lines (at most ${MAX_LINES}): it holds more than one idea`]
      : []),
    ...(VAGUE_NAME.test(file.path) ? [`${file.path}: name the file after the one thing it holds`] : []),
  ];
}

/** Cleanup that would be lost: Deno 2.9 never calls `t.after` of a test inside a `describe`. */
export function lostCleanup(file: SourceFile): string[] {
  const after = /\b\w+\.after\s*\(/.exec(file.code);
  if (after === null || !/(?<![\w$.])describe\s*\(/.test(file.code)) return [];
  return [`${file.path}:${lineAt(file.text, after.index)} has t.after and describe: Deno loses the cleanup`];
}
