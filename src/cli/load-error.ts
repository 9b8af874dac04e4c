import { stripVTControlCharacters } from "node:util";

/** Of a module's own frames, those that are shown. */
const FRAMES = 3;

/** What a runtime's import threw, in as few lines as say what is wrong and where: each runtime says it in its own way. */
export function explainLoadError(error: unknown, path: string): string {
  if (!(error instanceof Error)) return positioned(error) ?? `it threw ${describeThrown(error)}`;
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.map((each: unknown) => explainLoadError(each, path)).join("\n  ");
  }
  const code = (error as { code?: unknown }).code;
  const message = stripVTControlCharacters(error.message).replace(/^SyntaxError: /, "");
  const at = positioned(error) ?? [heading(error, message), ...ownFrames(error)].join("\n");
  return [at, hint(error, code, path)].filter((part) => part !== "").join("\n");
}

/** Bun's build messages carry the place in a field, and are no errors. */
function positioned(error: unknown): string | undefined {
  const { message, position } = error as {
    message?: string;
    position?: { file: string; line: number; column: number };
  };
  if (position === undefined || position === null || message === undefined) return undefined;
  return `${message}\n  at ${position.file}:${position.line}:${position.column}`;
}

function describeThrown(value: unknown): string {
  const message = (value as { message?: unknown } | null)?.message;
  return typeof message === "string" ? message : (JSON.stringify(value) ?? String(value));
}

/** Node puts the place of a syntax error, and the line with a mark under it, before the stack. */
function heading(error: Error, message: string): string {
  const named = error.name === "Error" || message.includes(error.name) ? message : `${error.name}: ${message}`;
  const place = /^(?!\w*Error)(\S.*:\d+)\n/.exec(error.stack ?? "")?.[1];
  return place === undefined ? named : `${named}\n  at ${place}`;
}

function ownFrames({ stack = "", message }: Error): string[] {
  const frames: string[] = [];
  const afterMessage = stack.slice(Math.max(0, stack.indexOf(message)) + message.length);
  for (const line of afterMessage.split("\n").slice(1)) {
    const frame = stripVTControlCharacters(line.trim());
    // What comes after the runtime's own frames is whoever imported the module: us.
    if (/\(?(node|ext|native|internal):/.test(frame) || frame.includes("importModule")) break;
    if (frame.startsWith("at ") && !frame.startsWith("at async file:")) frames.push(`  ${frame}`);
  }
  return frames.slice(0, FRAMES);
}

function hint(error: Error, code: unknown, path: string): string {
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
    return 'Node erases types only: rewrite it, or run it with tsx (NODE_OPTIONS="--import tsx")';
  }
  if (code === "ERR_UNKNOWN_FILE_EXTENSION") {
    return 'this runtime does not import such files: with tsx in the project, NODE_OPTIONS="--import tsx" lets it';
  }
  const isUnplaced = error.name === "SyntaxError" && !(error.stack ?? "").includes(path);
  return isUnplaced ? `in that module or one that it imports; \`node --check ${path}\` shows the line` : "";
}
