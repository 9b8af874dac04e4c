/** A part of a value: objects may leave properties out, at any depth; lists and everything else are given whole. */
export type Match<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: Match<T[K]> | undefined }
    : T;

/** Whether `value` has everything that `expected` says. A property that is expected as undefined may be missing. */
export function matches(value: unknown, expected: unknown): boolean {
  if (Object.is(value, expected)) return true;
  if (typeof value !== "object" || typeof expected !== "object" || value === null || expected === null) return false;
  if (Array.isArray(expected)) return Array.isArray(value) && isSameList(value, expected);
  // Schemas may make dates and such of what was sent: they are what they are written as.
  if (!isPlain(expected)) return isPlain(value) ? false : asText(value) === asText(expected);
  return Object.entries(expected).every(([name, part]) => matches((value as Record<string, unknown>)[name], part));
}

function isSameList(value: readonly unknown[], expected: readonly unknown[]): boolean {
  return value.length === expected.length && expected.every((part, i) => isSame(value[i], part));
}

/** Inside lists nothing may be left out. */
function isSame(value: unknown, expected: unknown): boolean {
  return matches(value, expected) && matches(expected, value);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A value in a line of a message. */
export function asText(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch {
    // Bigints and cycles, which a schema may make.
  }
  text ??= String(value);
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST - 1)}…`;
}

const LONGEST = 120;
