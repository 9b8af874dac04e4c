import type { StateLine } from "./run-state.ts";
export function summary(rounds: readonly StateLine[]): string {
  return `${rounds.length} rounds`;
}
