import { InvalidOptionError } from "./errors.ts";

/** Milliseconds, or text as `"250ms"`, `"5s"`, `"1.5h"`, `"7d"`. Checked at run time: `"-5s"` and `"1e3s"` are refused. */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const TEXT = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/** Milliseconds of a duration. `option` names it in the {@link InvalidOptionError} that anything else gets. */
export function parseDuration(value: unknown, option: string): number {
  const ms = typeof value === "number" ? value : textToMs(value);
  if (ms === undefined || !Number.isFinite(ms) || ms < 0) {
    const shown = typeof value === "string" ? `"${value}"` : String(value);
    throw new InvalidOptionError(
      option,
      `${shown} is no duration: give milliseconds, or text as "250ms", "5s", "2h", "7d"`,
    );
  }
  return ms;
}

function textToMs(value: unknown): number | undefined {
  const match = typeof value === "string" ? TEXT.exec(value) : null;
  return match === null ? undefined : Number(match[1]) * UNITS[match[2]!]!;
}
