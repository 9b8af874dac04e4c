import type { Import } from "./run.ts";
import { readStrikes } from "./strikes.ts";

/** Files that each user brings. */
const FILES = 2;
/** Who flies for others, or for themselves. */
const NO_AIRLINES = new Set(["MILITARY", "BUSINESS"]);

/** Two files each of the airlines with the most strikes, `rows` at most of each airline; each user's in order. */
export function makeImports(users: number, rows: number): Import[] {
  const airlines = [...readStrikes()]
    .filter(([name]) => !NO_AIRLINES.has(name))
    .sort(([, a], [, b]) => b.length - a.length)
    .slice(0, users);
  return airlines.flatMap(([user, strikes]) => {
    const count = Math.min(strikes.length, rows);
    return Array.from({ length: FILES }, (_, i): Import => {
      const [from, to] = [Math.floor((i * count) / FILES), Math.floor(((i + 1) * count) / FILES)];
      return { id: `${nameOf(user)} ${i + 1}`, user, from, to };
    });
  });
}

/** "American", "US Airways". */
export function nameOf(user: string): string {
  const short = user.replace(/\*$/, "").replace(/ (?:AIR ?LINES|EXPRESS)$/, "");
  return short.replace(/[A-Z]{3,}/g, (word) => (word === "UPS" ? word : word[0] + word.slice(1).toLowerCase()));
}
