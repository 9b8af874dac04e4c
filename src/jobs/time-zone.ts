import { describe } from "./check-options.ts";
import { InvalidOptionError } from "./errors.ts";
import { nearest } from "./suggestion.ts";

const SECOND = 1_000;
const DAY = 86_400_000;
/** Before it no zone has changed its clocks: local mean time, without the surprises that old years have in store. */
const FIRST = Date.UTC(1800, 0, 1);
/** Clocks are read this far apart. No zone has ever kept an offset for less than 3.9 days (Africa/Freetown, 1939). */
const STEP = 2 * DAY;
/** So much is read at once: some 200 reads, of a microsecond or two each. */
const SPAN = 400 * DAY;
/** Offsets are from -16 to +15 hours, so what local clocks have shown may matter for so long. */
const MEMORY = 2 * DAY;
const MAX_SPANS = 100;
/** Two runtimes take these for zones, but as ICU understands them: BST would be Bangladesh's, IST India's. The third refuses them. */
const ABBREVIATION = /^(?!(?:utc|gmt|uct|cet|met|eet|wet|est|mst|hst|prc|roc|rok)$)[a-z]{3}$/i;
const OFFSET = /^(?:utc|gmt)?\s*[+-]\s*\d/i;
const LONGEST_NAME = 60;

/**
 * A while in which a zone's clocks keep one offset; times in ms since 1970, local ones as if they were UTC. It may be
 * followed by one of the same offset.
 */
export interface ZonePeriod {
  readonly start: number;
  /** The first instant that does not belong to it any more. */
  readonly end: number;
  /** Local time less UTC, ms. */
  readonly offset: number;
  /**
   * Local times below this one have been shown or left out before `start`. Where it lies before the local time of
   * `start`, the times between are left out; where it lies behind, those between are shown once more.
   */
  readonly passed: number;
}

/** The clocks of a region. Made by {@link timeZone} alone, once for each name: `Intl` is slow, and knows no transitions. */
export class TimeZone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;
  readonly #spans = new Map<number, readonly ZonePeriod[]>();
  /** Asked for most often again. */
  #latest: ZonePeriod;
  readonly #first: ZonePeriod;

  constructor(name: string, format: Intl.DateTimeFormat) {
    this.name = name;
    this.#format = format;
    const offset = this.#read(FIRST);
    this.#first = { start: Number.NEGATIVE_INFINITY, end: FIRST, offset, passed: Number.NEGATIVE_INFINITY };
    this.#latest = this.#first;
  }

  /** The period that an instant is in. */
  periodAt(ms: number): ZonePeriod {
    const latest = this.#latest;
    if (ms >= latest.start && ms < latest.end) return latest;
    const found = ms < FIRST ? this.#first : this.#span(Math.floor((ms - FIRST) / SPAN)).find(({ end }) => ms < end)!;
    this.#latest = found;
    return found;
  }

  #span(index: number): readonly ZonePeriod[] {
    const known = this.#spans.get(index);
    if (known !== undefined) return known;
    if (this.#spans.size === MAX_SPANS) this.#spans.clear();
    const periods = this.#find(FIRST + index * SPAN, FIRST + (index + 1) * SPAN);
    this.#spans.set(index, periods);
    return periods;
  }

  #find(from: number, to: number): readonly ZonePeriod[] {
    const found: ZonePeriod[] = [];
    let start = from - MEMORY;
    let offset = this.#read(start);
    let passed = start + offset;
    for (let at = start; at < to; at += STEP) {
      const until = Math.min(to, at + STEP);
      if (this.#read(until) === offset) continue;
      const end = this.#changeBetween(at, until, offset);
      found.push({ start, end, offset, passed });
      passed = end + offset;
      start = end;
      offset = this.#read(end);
    }
    if (start < to) found.push({ start, end: to, offset, passed });
    return found.filter(({ end }) => end > from).map((period) => cutAt(from, period));
  }

  /** The first instant with another offset, given that there is one: after `from`, at `to` at the latest. */
  #changeBetween(from: number, to: number, offset: number): number {
    let [before, after] = [from, to];
    while (after - before > SECOND) {
      const middle = before + Math.floor((after - before) / 2 / SECOND) * SECOND;
      if (this.#read(middle) === offset) before = middle;
      else after = middle;
    }
    return after;
  }

  /** The offset at an instant of whole seconds, from the only thing that `Intl` is asked: what the clock shows. */
  #read(ms: number): number {
    const [month, day, year, hour, minute, second] = this.#format.format(ms).match(/\d+/g)!.map(Number);
    return Date.UTC(year!, month! - 1, day, hour, minute, second) - ms;
  }
}

/** What of a period is at or after `from`. */
function cutAt(from: number, period: ZonePeriod): ZonePeriod {
  if (period.start >= from) return period;
  return { ...period, start: from, passed: Math.max(period.passed, from + period.offset) };
}

const zones = new Map<string, TimeZone>();

/**
 * The zone of an IANA name, as `"Europe/Berlin"` or `"UTC"`, in any case. `option` names it in the
 * {@link InvalidOptionError} that anything else gets: abbreviations and offsets too, for they know no daylight saving.
 */
export function timeZone(name: unknown, option: string): TimeZone {
  if (typeof name !== "string" || name === "") {
    throw new InvalidOptionError(
      option,
      `${describe(name)} given, a time zone as "Europe/Berlin" or "UTC" is expected`,
    );
  }
  const key = name.toLowerCase();
  const known = zones.get(key);
  if (known !== undefined) return known;
  const format = OFFSET.test(name) || ABBREVIATION.test(name) ? undefined : formatOf(name);
  if (format === undefined) throw new InvalidOptionError(option, `${describe(name)} is no time zone; ${hintFor(name)}`);
  const own = format.resolvedOptions().timeZone;
  const zone = new TimeZone(own.toLowerCase() === key ? own : name, format);
  zones.set(key, zone);
  return zone;
}

function formatOf(name: string): Intl.DateTimeFormat | undefined {
  const date = { year: "numeric", month: "numeric", day: "numeric" } as const;
  const time = { hour: "numeric", minute: "numeric", second: "numeric", hourCycle: "h23" } as const;
  try {
    return new Intl.DateTimeFormat("en-US-u-ca-gregory-nu-latn", { ...date, ...time, timeZone: name });
  } catch {
    return undefined;
  }
}

function hintFor(name: string): string {
  if (OFFSET.test(name)) return `an offset knows no daylight saving: name a place, as "Europe/Berlin", or "UTC"`;
  if (ABBREVIATION.test(name)) return `such letters mean several places: name one, as "Europe/Berlin"`;
  if (name.length > LONGEST_NAME) return `an IANA name as "Europe/Berlin" is expected`;
  const all = ["UTC", ...Intl.supportedValuesOf("timeZone")];
  const city = name.trim().replaceAll(" ", "_").toLowerCase();
  const meant = all.find((each) => each.toLowerCase().endsWith(`/${city}`)) ?? nearest(name, all);
  return meant === undefined ? `an IANA name as "Europe/Berlin" is expected` : `did you mean "${meant}"?`;
}
