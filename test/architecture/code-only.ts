const QUIET = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'/y;
const REGEX = /\/(?![/*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y;
const TEMPLATE_PART = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{)/y;
/** A slash after one of these starts a regular expression; elsewhere it divides. */
const BEFORE_REGEX = /(?:^|[=(,:;!&|?{}[+*%<>~^-]|\b(?:return|typeof|case|in|of|throw|void|yield|await))\s*$/;

/**
 * The text with comments, regular expressions and the insides of strings turned to spaces: what is left is code, at the
 * places where it was. Code inside a template's `${}` stays.
 */
export function codeOnly(text: string): string {
  // One entry for each template that is open at this place: the braces open inside its `${}`.
  const templates: number[] = [];
  let out = "";
  while (out.length < text.length) {
    const at = out.length;
    const char = text[at]!;
    const quiet = matchAt(QUIET, text, at);
    if (quiet !== undefined) out += blank(quiet, char === "/" ? 0 : 1);
    else if (char === "`" || (char === "}" && templates.at(-1) === 0)) {
      if (char === "}") templates.pop();
      const part = matchAt(TEMPLATE_PART, text, at + 1) ?? text.slice(at + 1);
      if (part.endsWith("${")) templates.push(0);
      out += char + blank(part.slice(0, -1), 0) + part.slice(-1);
    } else {
      if (templates.length > 0 && (char === "{" || char === "}"))
        templates[templates.length - 1]! += char === "{" ? 1 : -1;
      const regex = char === "/" && BEFORE_REGEX.test(out.slice(-40)) ? matchAt(REGEX, text, at) : undefined;
      out += regex === undefined ? char : blank(regex, 0);
    }
  }
  return out;
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Spaces in place of `text`, without its line ends and its `kept` outermost characters on each side. */
function blank(text: string, kept: number): string {
  const inner = text.slice(kept, text.length - kept).replace(/[^\n]/g, " ");
  return text.slice(0, kept) + inner + text.slice(text.length - kept);
}
