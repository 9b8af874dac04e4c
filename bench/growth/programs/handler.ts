import { createHash } from "node:crypto";

/** What a job does: nothing, wait as one does for a database, or compute. */
export interface HandlerOptions {
  readonly does: "nothing" | "waits" | "computes";
  /** Of computing, about as long: where processors are short, it takes longer. */
  readonly ms: number;
}

/** A hash, since what engines make of a loop in JavaScript changes from one call to another. */
export const HASHED_A_MS = 500_000;

export function handler({ does, ms }: HandlerOptions): () => unknown {
  if (does === "nothing") return () => undefined;
  if (does === "waits") return () => new Promise<void>((resolve) => setTimeout(resolve, ms));
  const bytes = new Uint8Array(ms * HASHED_A_MS);
  return () => {
    createHash("sha256").update(bytes).digest();
    return undefined;
  };
}
