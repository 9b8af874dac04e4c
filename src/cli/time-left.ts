const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
  ["s", 1],
];

/** How long it is until then, in its two largest units: "3d 4h", "12s", "now"; "overdue 5m 10s". */
export function timeLeft(ms: number): string {
  const seconds = Math.floor(Math.abs(ms) / 1_000);
  if (seconds === 0) return "now";
  const largest = UNITS.findIndex(([, size]) => seconds >= size);
  let left = seconds;
  const parts: string[] = [];
  for (const [unit, size] of UNITS.slice(largest, largest + 2)) {
    if (left >= size) parts.push(`${Math.floor(left / size)}${unit}`);
    left %= size;
  }
  return `${ms < 0 ? "overdue " : ""}${parts.join(" ")}`;
}
