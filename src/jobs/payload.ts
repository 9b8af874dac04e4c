import { PayloadError } from "./errors.ts";

/** Deeper than any sane payload, and well within what JSON.stringify can do before its stack ends. */
const MAX_DEPTH = 500;

/**
 * Throws a {@link PayloadError} with the path of the first thing that JSON would change or lose: bigint, function,
 * symbol, NaN, ±Infinity, undefined or a hole in an array, symbol keys, instances of any class (Map, Set, Date, typed
 * arrays and your own), cycles, nesting beyond 500 levels.
 *
 * Two things pass although JSON writes them otherwise, because the reader sees no difference with `===` or a property
 * access: -0 arrives as 0, and a property that is undefined is left out.
 */
export function checkPayload(payload: unknown, path = "payload"): void {
  if (!isJson(payload, 0)) explain(payload, path, new Set());
}

/** The hot path: no path is built and no cycle looked for, as both show when a payload has failed anyway. */
function isJson(value: unknown, depth: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      if (value === null) return true;
      if (depth === MAX_DEPTH) return false;
      return Array.isArray(value) ? isJsonArray(value, depth + 1) : isJsonObject(value, depth + 1);
    default:
      return false;
  }
}

function isJsonArray(array: readonly unknown[], depth: number): boolean {
  for (let i = 0; i < array.length; i++) {
    if (!isJson(array[i], depth)) return false;
  }
  return true;
}

function isJsonObject(object: object, depth: number): boolean {
  if (!isPlain(object)) return false;
  // Twice as fast as Object.keys. What it may find beyond own properties, `explain` does not.
  for (const key in object) {
    const value = (object as Record<string, unknown>)[key];
    if (value !== undefined && !isJson(value, depth)) return false;
  }
  return Object.getOwnPropertySymbols(object).length === 0;
}

/** Has no class: its prototype is null, or an Object.prototype, of this realm or another. */
function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "isPrototypeOf");
}

/** Walks as the hot path does, and throws at what made it fail. */
function explain(value: unknown, path: string, ancestors: Set<object>): void {
  const problem = problemOf(value, ancestors);
  if (problem !== undefined) throw new PayloadError(path, problem);
  if (typeof value !== "object" || value === null) return;
  ancestors.add(value);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i];
      if (item === undefined) throw new PayloadError(`${path}[${i}]`, "is undefined: JSON would make it null");
      explain(item, `${path}[${i}]`, ancestors);
    }
  } else {
    for (const [key, item] of Object.entries(value)) {
      if (item !== undefined) explain(item, propertyPath(path, key), ancestors);
    }
  }
  ancestors.delete(value);
}

function problemOf(value: unknown, ancestors: ReadonlySet<object>): string | undefined {
  switch (typeof value) {
    case "number":
      return Number.isFinite(value) ? undefined : `is ${value}: JSON would make it null`;
    case "bigint":
      return "is a bigint: JSON has none, so give its text";
    case "function":
    case "symbol":
    case "undefined":
      return `is ${value === undefined ? "undefined" : `a ${typeof value}`}: JSON would lose it`;
    case "object":
      return value === null ? undefined : problemOfObject(value, ancestors);
    default:
      return undefined;
  }
}

function problemOfObject(object: object, ancestors: ReadonlySet<object>): string | undefined {
  if (ancestors.has(object)) return "is an object that contains itself: JSON cannot write a cycle";
  if (ancestors.size === MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels`;
  if (Array.isArray(object)) return undefined;
  if (!isPlain(object)) {
    const name = Object.getPrototypeOf(object).constructor?.name || "a class";
    return `is an instance of ${name}: JSON would change it, so give plain values (text, numbers, arrays, objects)`;
  }
  const [symbol] = Object.getOwnPropertySymbols(object);
  return symbol === undefined ? undefined : `has the key ${String(symbol)}: JSON would lose it`;
}

function propertyPath(path: string, key: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
}
