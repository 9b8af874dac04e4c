import { isWellFormed } from "./well-formed.ts";

/** How far a job with steps has got. */
export interface Progress {
  /** Names of finished steps, in order. */
  readonly steps: readonly string[];
  /** The step that was begun and has not ended. */
  readonly step: StepProgress | undefined;
  /** How often the job was interrupted, or failed, after having made progress. */
  readonly resumptions: number;
  /** Milliseconds since 1970 before which it does not go on, or 0. */
  readonly resumeAt: number;
}

export interface StepProgress {
  readonly name: string;
  /** JSON. Undefined: none was set. */
  readonly cursor: string | undefined;
}

export const NO_PROGRESS: Progress = { steps: [], step: undefined, resumptions: 0, resumeAt: 0 };

/** Bytes of {@link encodeProgress} at most: it has to fit into a record beside the job's own payload. */
export const MAX_PROGRESS_BYTES = 262_144;

/** JSON: `{"steps":[…],"step":{"name":…,"cursor":…},"resumptions":…,"resumeAt":…}`, without what is not there. */
export function encodeProgress({ steps, step, resumptions, resumeAt }: Progress): string {
  const parts = [`"steps":${JSON.stringify(steps)}`];
  if (step !== undefined) {
    const cursor = step.cursor === undefined ? "" : `,"cursor":${step.cursor}`;
    parts.push(`"step":{"name":${JSON.stringify(step.name)}${cursor}}`);
  }
  if (resumptions > 0) parts.push(`"resumptions":${resumptions}`);
  if (resumeAt > 0) parts.push(`"resumeAt":${Math.ceil(resumeAt)}`);
  return `{${parts.join(",")}}`;
}

/** Undefined: this version did not write it, nor one that it knows. */
export function decodeProgress(text: string): Progress | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof read !== "object" || read === null) return undefined;
  const { steps, step, resumptions = 0, resumeAt = 0 } = read as Readonly<Record<string, unknown>>;
  if (!Array.isArray(steps) || !steps.every(isStepName) || !isCount(resumptions) || !isCount(resumeAt))
    return undefined;
  const current = step === undefined ? undefined : readStep(step);
  return current === null ? undefined : { steps, step: current, resumptions, resumeAt };
}

function readStep(value: unknown): StepProgress | null {
  if (typeof value !== "object" || value === null) return null;
  const { name, cursor } = value as Readonly<Record<string, unknown>>;
  return isStepName(name) ? { name, cursor: cursor === undefined ? undefined : JSON.stringify(cursor) } : null;
}

/** Text that is written as it is. */
export function isStepName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && isWellFormed(value);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
