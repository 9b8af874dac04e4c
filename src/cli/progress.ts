import type { Clock } from "../net/clock.ts";
import type { CliIo } from "./io.ts";
import { note } from "./output.ts";

/** Milliseconds between two lines. */
const EVERY = 1_000;

/** Says on standard error how far something has got, each second: what is quickly done says nothing. */
export function progressNotes(io: CliIo, clock: Clock, verb: string): (done: number, of: number) => void {
  let toldAt = clock.monotonic();
  return (done, of) => {
    const now = clock.monotonic();
    if (now - toldAt < EVERY) return;
    toldAt = now;
    note(io, `${verb} ${done} of ${of}`);
  };
}
