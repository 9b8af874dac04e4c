/**
 * The regular expressions of consumer groups are those of RE2, which Kafka's broker compiles. Here JavaScript's do the
 * work: what both have is passed on, what only RE2 has and has an equal in JavaScript is rewritten, and what RE2 lacks
 * (looking around, references back) is refused, so that a pattern that works here works there.
 */

/** A pattern that RE2 would refuse, or that cannot be told apart from one. */
export class TopicPatternError extends Error {
  override readonly name = "TopicPatternError";
}

const POSIX: Readonly<Record<string, string>> = {
  alnum: "0-9A-Za-z",
  alpha: "A-Za-z",
  digit: "0-9",
  lower: "a-z",
  punct: "!-\\/:-@\\[-`{-~",
  upper: "A-Z",
  word: "0-9A-Za-z_",
  xdigit: "0-9A-Fa-f",
};

/** What is rewritten or refused, longest first. The rest of a pattern means the same to both. */
const TOKENS =
  /\\Q[\s\S]*?(?:\\E|$)|\\[pP](?:[A-Z]|\{\w+\})|\\[Aza-zA-Z0-9]|\\[\s\S]|\(\?P<|\(\?[imsU-]+[:)]|\(\?(?:<?[=!])|\[:(\^?)([a-z]+):\]|[*+?}]\+/g;

/** A test for whole names of topics. Throws a {@link TopicPatternError}. */
export function compileTopicPattern(pattern: string): (name: string) => boolean {
  const { flags, rest } = leadingFlags(pattern);
  const source = rest.replace(TOKENS, (token, negated: string | undefined, posix: string | undefined) => {
    if (posix !== undefined) return posixClass(posix, negated === "^");
    return rewrite(token);
  });
  try {
    const compiled = new RegExp(`^(?:${source})$`, flags);
    return (name) => compiled.test(name);
  } catch (error) {
    throw new TopicPatternError(error instanceof Error ? error.message : String(error));
  }
}

/** RE2's `(?is)` before everything else becomes JavaScript's flags. */
function leadingFlags(pattern: string): { flags: string; rest: string } {
  const found = /^\(\?([ims]+)\)/.exec(pattern);
  if (found === null) return { flags: "u", rest: pattern };
  return { flags: `u${[...new Set(found[1])].join("")}`, rest: pattern.slice(found[0].length) };
}

function rewrite(token: string): string {
  if (token.startsWith("\\Q")) return quote(token.slice(2).replace(/\\E$/, ""));
  if (/^\\[pP]./.test(token)) return unicodeClass(token);
  if (token === "(?P<") return "(?<";
  if (token.startsWith("(?=") || token.startsWith("(?!") || token.startsWith("(?<")) {
    throw new TopicPatternError(`RE2 does not look ahead or back: ${token}`);
  }
  if (token.startsWith("(?")) throw new TopicPatternError(`flags are read here only as the pattern's begin: ${token}`);
  if (token.length === 2 && token.endsWith("+")) throw new TopicPatternError(`RE2 has no repetition ${token}`);
  if (token === "\\A") return "^";
  if (token === "\\z") return "$";
  if (/^\\[1-9k]$/.test(token)) throw new TopicPatternError(`RE2 has no references back: ${token}`);
  // What RE2 lets be escaped without need, the flag u does not.
  if (/^\\[^a-zA-Z0-9^$\\.*+?()[\]{}|/-]$/.test(token)) return token.slice(1);
  return token;
}

/** RE2 writes a general category with one letter or two, and a script by its name alone. */
function unicodeClass(token: string): string {
  const name = token.replace(/^..\{?|\}$/g, "");
  return `${token.slice(0, 2)}{${name.length > 2 ? `Script=${name}` : name}}`;
}

function posixClass(name: string, negated: boolean): string {
  const ranges = POSIX[name];
  if (ranges === undefined) throw new TopicPatternError(`RE2 has no character class [:${name}:]`);
  if (negated) throw new TopicPatternError(`[:^${name}:] is not read here: write [^[:${name}:]]`);
  return ranges;
}

function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
