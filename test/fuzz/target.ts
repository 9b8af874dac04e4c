/** Something that is given bytes by others, and has to deal with any. */
export interface FuzzTarget {
  readonly name: string;
  /** The files whose blocks are to be reached. */
  readonly watched: RegExp;
  /** Whether its inputs are text. */
  readonly isText?: boolean;
  /** What the format is made of. */
  readonly words?: readonly string[];
  /** Inputs to begin with. */
  readonly seeds: () => readonly Uint8Array[];
  /** Throws where the input is not dealt with as it is to be: with a value that holds what was promised, or a named error. */
  run(input: Uint8Array): unknown;
}

type ErrorClass = abstract new (...args: never) => Error;

/** What `work` gives; undefined where it ends with one of the errors that it may end with. */
export function allowing<T>(errors: readonly ErrorClass[], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (errors.some((one) => error instanceof one)) return undefined;
    throw error;
  }
}

export async function allowingLater<T>(errors: readonly ErrorClass[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (errors.some((one) => error instanceof one)) return undefined;
    throw error;
  }
}

const encoder = new TextEncoder();

export function texts(...all: readonly string[]): () => readonly Uint8Array[] {
  return () => all.map((text) => encoder.encode(text));
}

export function textOf(input: Uint8Array): string {
  return new TextDecoder().decode(input);
}
