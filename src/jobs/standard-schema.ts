import { type PayloadIssue, PayloadRefusedError } from "./errors.ts";

/**
 * A schema of any library that follows the Standard Schema specification, version 1 (standardschema.dev): Zod, Valibot,
 * ArkType and others. Only its types and this shape are used, so no such library is a dependency.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly "~standard": StandardSchemaProperties<Input, Output>;
}

export interface StandardSchemaProperties<Input = unknown, Output = Input> {
  readonly version: 1;
  /** The library's name. */
  readonly vendor: string;
  readonly validate: (value: unknown) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
  /** Never there at run time: it carries the two types. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
}

/** `issues` is there if and only if the value is refused. */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly StandardSchemaIssue[] };

export interface StandardSchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema takes. */
export type InputOf<S extends StandardSchemaV1> = NonNullable<S["~standard"]["types"]>["input"];
/** What a schema gives. */
export type OutputOf<S extends StandardSchemaV1> = NonNullable<S["~standard"]["types"]>["output"];

/**
 * What the schema makes of a value: at once where it judges at once, else a promise. A refusal is a
 * {@link PayloadRefusedError} that names `job`, thrown or rejected with.
 */
export function validate<O>(schema: StandardSchemaV1<unknown, O>, value: unknown, job: string): O | Promise<O> {
  const result = schema["~standard"].validate(value);
  return isPromise(result) ? result.then((settled) => accept(settled, job)) : accept(result, job);
}

/** Whether `value` is an object that can be awaited. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function";
}

function accept<O>(result: StandardSchemaResult<O>, job: string): O {
  if (result.issues === undefined) return result.value;
  throw new PayloadRefusedError(job, result.issues.map(toIssue));
}

function toIssue({ message, path = [] }: StandardSchemaIssue): PayloadIssue {
  let text = "payload";
  for (const part of path) {
    const key = typeof part === "object" ? part.key : part;
    text += typeof key === "number" ? `[${key}]` : `.${String(key)}`;
  }
  return { message, path: text };
}
