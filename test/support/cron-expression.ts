import fc from "fast-check";

/** An expression, and what it says by means of its own: nothing here reads text. */
export interface CronExpression {
  readonly text: string;
  /** As its text has it: `*` or a step in one of the fields of time. */
  readonly repeats: boolean;
  /** Whether it ticks on a day, so many after 1 January 1970. */
  readonly isOn: (day: number) => boolean;
  /** Whether it ticks when a local clock shows this: ms, as if it were UTC. */
  readonly isAt: (local: number) => boolean;
}

/** One item of a list, or a field. */
interface Part<T> {
  readonly text: string;
  readonly has: (value: T) => boolean;
}

interface NumberField {
  readonly least: number;
  readonly most: number;
  readonly words: readonly string[];
}

interface Day {
  readonly month: number;
  readonly date: number;
  readonly weekday: number;
  /** Of its month. */
  readonly length: number;
  /** The weekday of the month's first day. */
  readonly first: number;
}

const DAY_MS = 86_400_000;
const SIXTY: NumberField = { least: 0, most: 59, words: [] };
const HOUR: NumberField = { least: 0, most: 23, words: [] };
const DATE: NumberField = { least: 1, most: 31, words: [] };
const MONTH: NumberField = { least: 1, most: 12, words: "jan feb mar apr may jun jul aug sep oct nov dec".split(" ") };
const WEEKDAY: NumberField = { least: 0, most: 6, words: "sun mon tue wed thu fri sat".split(" ") };
const ANY = { text: "*", has: () => true };

/** `goesAround`: also with ranges that end before they begin, which croner refuses. */
export function cronExpression(goesAround: boolean): fc.Arbitrary<CronExpression> {
  const numbers = (field: NumberField) => listOf(numberPart(field, goesAround));
  const often = <T>(any: Part<T>, other: fc.Arbitrary<Part<T>>) => fc.oneof(fc.constant(any), other);
  return fc
    .record({
      seconds: often(undefined as never, numbers(SIXTY)),
      minutes: often(ANY, numbers(SIXTY)),
      hours: often(ANY, numbers(HOUR)),
      dates: often(ANY, fc.oneof({ weight: 9, arbitrary: listOf(datePart(goesAround)) }, fc.constant(LAST_WORKDAY))),
      months: often(ANY, numbers(MONTH)),
      weekdays: often(ANY, listOf(weekdayPart(goesAround))),
      both: fc.nat(4).map((n) => n === 0),
    })
    .map(({ seconds, minutes, hours, dates, months, weekdays, both }) => {
      const week = { ...weekdays, text: `${both ? "+" : ""}${weekdays.text}` };
      const texts = [minutes, hours, dates, months, week].map(({ text }) => text);
      const times = [seconds ?? { text: "0", has: (value: number) => value === 0 }, minutes, hours] as const;
      const isOn = dayRule(dates, months, weekdays, both);
      return {
        text: (seconds === undefined ? texts : [seconds.text, ...texts]).join(" "),
        repeats: times.some(({ text }) => /[*/?]/.test(text)),
        isOn,
        isAt: (local) => isAtTime(times, local) && isOn(Math.floor(local / DAY_MS)),
      };
    });
}

function isAtTime(
  [seconds, minutes, hours]: readonly [Part<number>, Part<number>, Part<number>],
  local: number,
): boolean {
  const at = new Date(local);
  return hours.has(at.getUTCHours()) && minutes.has(at.getUTCMinutes()) && seconds.has(at.getUTCSeconds());
}

function dayRule(dates: Part<Day>, months: Part<number>, weekdays: Part<Day>, both: boolean): (day: number) => boolean {
  const [anyDate, anyWeekday] = [dates, weekdays].map(({ text }) => text === "*" || text === "?");
  const join = anyDate || anyWeekday || both ? "every" : "some";
  return (number) => {
    const day = dayOf(number);
    return months.has(day.month) && [dates, weekdays][join]((part) => part.has(day));
  };
}

function dayOf(number: number): Day {
  const at = new Date(number * DAY_MS);
  const [year, month] = [at.getUTCFullYear(), at.getUTCMonth()];
  return {
    month: month + 1,
    date: at.getUTCDate(),
    weekday: at.getUTCDay(),
    length: new Date(Date.UTC(year, month + 1, 0)).getUTCDate(),
    first: new Date(Date.UTC(year, month, 1)).getUTCDay(),
  };
}

function listOf<T>(part: fc.Arbitrary<Part<T>>): fc.Arbitrary<Part<T>> {
  return fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => ({
    text: parts.map(({ text }) => text).join(","),
    has: (value) => parts.some((each) => each.has(value)),
  }));
}

function numberPart(field: NumberField, goesAround: boolean): fc.Arbitrary<Part<number>> {
  const { least, most } = field;
  const size = most - least + 1;
  const value = fc.integer({ min: least, max: most });
  const pair = fc.tuple(value, value).map(([a, b]) => (goesAround || a <= b ? [a, b] : [b, a]) as [number, number]);
  const step = fc.oneof(fc.integer({ min: 1, max: Math.min(size, 8) }), fc.integer({ min: 1, max: size }));
  const far = (from: number, to: number) => (to - from + size) % size;
  const written = (number: number) => textOf(number, field);
  return fc.oneof(
    value.chain((only) => written(only).map((text) => ({ text, has: (each: number) => each === only }))),
    pair.chain(([a, b]) =>
      fc.tuple(written(a), written(b)).map(([from, to]) => {
        return { text: `${from}-${to}`, has: (each: number) => far(a, each) <= far(a, b) };
      }),
    ),
    fc.tuple(pair, step).map(([[a, b], n]) => {
      return { text: `${a}-${b}/${n}`, has: (each: number) => far(a, each) <= far(a, b) && far(a, each) % n === 0 };
    }),
    fc
      .tuple(value, step)
      .map(([a, n]) => ({ text: `${a}/${n}`, has: (each: number) => each >= a && (each - a) % n === 0 })),
    fc.tuple(fc.constantFrom("*", "?"), step).map(([any, n]) => {
      return { text: `${any}/${n}`, has: (each: number) => (each - least) % n === 0 };
    }),
  );
}

/** A number, or its name in any case. */
function textOf(number: number, { least, words }: NumberField): fc.Arbitrary<string> {
  const word = words[number - least];
  const texts = [String(number), `0${number}`];
  return fc.constantFrom(
    ...(word === undefined ? texts : [...texts, word, word.toUpperCase(), `${word[0]!.toUpperCase()}${word.slice(1)}`]),
  );
}

const LAST_WORKDAY: Part<Day> = {
  text: "LW",
  has: (day) =>
    isWorkday(day.date, day) && day.date + 3 > day.length && !later(day).some((date) => isWorkday(date, day)),
};

function datePart(goesAround: boolean): fc.Arbitrary<Part<Day>> {
  const last: Part<Day> = { text: "L", has: ({ date, length }) => date === length };
  const nearest = fc.integer({ min: 1, max: 31 }).map((wanted): Part<Day> => {
    return { text: `${wanted}W`, has: (day) => wanted <= day.length && day.date === nearestTo(wanted, day) };
  });
  const plain = numberPart(DATE, goesAround).map(({ text, has }) => ({ text, has: ({ date }: Day) => has(date) }));
  return fc.oneof({ weight: 4, arbitrary: plain }, fc.constant(last), nearest);
}

function weekdayPart(goesAround: boolean): fc.Arbitrary<Part<Day>> {
  const sunday: Part<number> = { text: "7", has: (weekday) => weekday === 0 };
  const toSunday = fc.integer({ min: 1, max: 6 }).map((from): Part<number> => {
    return { text: `${from}-7`, has: (weekday) => weekday >= from || weekday === 0 };
  });
  const plain = fc.oneof({ weight: 5, arbitrary: numberPart(WEEKDAY, goesAround) }, fc.constant(sunday), toSunday);
  const count = fc.constantFrom<(1 | 2 | 3 | 4 | 5 | "L")[]>(1, 2, 3, 4, 5, "L");
  const counted = fc.tuple(plain, count, fc.boolean()).map(([{ text, has }, nth, hash]): Part<Day> => {
    const fits = ({ date, length }: Day) => (nth === "L" ? date + 7 > length : Math.ceil(date / 7) === nth);
    return {
      text: nth === "L" && !hash ? `${text}L` : `${text}#${nth}`,
      has: (day) => has(day.weekday) && fits(day),
    };
  });
  return fc.oneof(
    plain.map(({ text, has }) => ({ text, has: ({ weekday }: Day) => has(weekday) })),
    counted,
  );
}

function isWorkday(date: number, { first }: Day): boolean {
  const weekday = (first + date - 1) % 7;
  return weekday !== 0 && weekday !== 6;
}

function later({ date, length }: Day): number[] {
  return Array.from({ length: length - date }, (_, i) => date + 1 + i);
}

/** The workday of the month with the least distance to a date: never two, for they lie on both sides of a weekend. */
function nearestTo(wanted: number, day: Day): number {
  const workdays = later({ ...day, date: 0 }).filter((date) => isWorkday(date, day));
  return workdays.reduce((best, each) => (Math.abs(each - wanted) < Math.abs(best - wanted) ? each : best));
}
