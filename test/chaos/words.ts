/** A time in milliseconds, as one reads it. */
export function seconds(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  return ms < 100_000 ? `${(ms / 1_000).toFixed(1)} s` : minutes(ms);
}

export function minutes(ms: number): string {
  const all = Math.round(ms / 60_000);
  return all < 120 ? `${all} min` : `${Math.floor(all / 60)} h ${all % 60} min`;
}

/** With thin spaces between thousands. */
export function number(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, "\u{2009}");
}
