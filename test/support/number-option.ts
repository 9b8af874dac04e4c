/** What a number of the command line may be. */
export interface NumberBounds {
  /** Default 0. */
  readonly least?: number;
  /** Default: there is none. */
  readonly most?: number;
  /** 0 is none. */
  readonly isPositive?: boolean;
  readonly isWhole?: boolean;
}

const DECIMAL = /^(?:\d+\.?\d*|\.\d+)$/;

/** Reads a number that was given as `--option text`; `fallback` where it was not. Throws a RangeError that names both. */
export function numberOption<T>(
  option: string,
  text: string | undefined,
  fallback: T,
  { least = 0, most = Number.POSITIVE_INFINITY, isPositive = false, isWhole = false }: NumberBounds = {},
): number | T {
  if (text === undefined) return fallback;
  const value = DECIMAL.test(text) ? Number(text) : Number.NaN;
  const isFine = Number.isFinite(value) && value >= least && value <= most && !(isPositive && value === 0);
  if (isFine && (!isWhole || Number.isInteger(value))) return value;
  const range = isPositive ? "above 0" : `from ${least}${Number.isFinite(most) ? ` to ${most}` : " on"}`;
  throw new RangeError(`--${option} ${text}: a ${isWhole ? "whole " : ""}number ${range} is wanted`);
}
