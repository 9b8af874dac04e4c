/** One of the fields of an expression: what its numbers may be, and how they are called. */
export interface CronField {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  /** From `least` on. */
  readonly words: readonly string[];
  /** What comes of a number that people write for another: midnight is 0, not 24. */
  readonly hint: string;
  /** When its numbers begin anew. */
  readonly round: string;
}

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/** In the order in which they are written. */
export const CRON_FIELDS: readonly [CronField, CronField, CronField, CronField, CronField, CronField] = [
  { name: "second", least: 0, most: 59, words: [], hint: "0 to 59", round: "minute" },
  { name: "minute", least: 0, most: 59, words: [], hint: "0 to 59", round: "hour" },
  { name: "hour", least: 0, most: 23, words: [], hint: "0 to 23, where midnight is 0,", round: "day" },
  { name: "day of month", least: 1, most: 31, words: [], hint: "1 to 31", round: "month" },
  { name: "month", least: 1, most: 12, words: MONTHS, hint: "1 to 12, or JAN to DEC,", round: "year" },
  {
    name: "day of week",
    least: 0,
    most: 6,
    words: WEEKDAYS,
    hint: "0 to 7, where 0 and 7 are Sunday, or SUN to SAT,",
    round: "week",
  },
];

/** What only fields of days have, and not in ranges. */
const SPECIAL = /^(?:\d*[LW]|LW|.*#.*)$/i;

/** Makes the error that says what is wrong with a field. */
export type Refusal = (problem: string) => Error;

/** The numbers that one item of a list stands for: `*`, a value or a range, each with a step or without. */
export function itemValues(item: string, field: CronField, refuse: Refusal): readonly number[] {
  const [range = "", step, ...more] = item.split("/");
  if (more.length > 0) throw refuse(`"${item}" has more than one step; a range and a step, as 0-30/5, are expected`);
  const [from, to] = rangeEnds(range, step !== undefined, field, refuse);
  return stepped(from, to, step === undefined ? 1 : stepOf(step, field, refuse), field);
}

function rangeEnds(range: string, hasStep: boolean, field: CronField, refuse: Refusal): [number, number] {
  if (range === "*") return [field.least, field.most];
  if (range === "") {
    throw refuse(hasStep ? `a step needs something before it, as */5` : `a value is missing; 5 or 5,10 is expected`);
  }
  const [first = "", last, ...more] = range.split("-");
  if (more.length > 0) throw refuse(`"${range}" is no range; two values, as 1-5, are expected`);
  const from = numberOf(first, field, refuse);
  if (last === undefined) return [from, hasStep ? field.most : from];
  return [from, numberOf(last, field, refuse)];
}

/** From one value to the other, past the field's end where the second is the smaller: FRI-MON, 22-2. */
function stepped(from: number, to: number, step: number, field: CronField): readonly number[] {
  const size = field.most - field.least + 1;
  const end = to < from ? to + size : to;
  const values: number[] = [];
  for (let at = from; at <= end; at += step) values.push(field.least + ((at - field.least) % size));
  return values;
}

function numberOf(text: string, field: CronField, refuse: Refusal): number {
  if (!/^\d+$/.test(text)) return wordOf(text, field, refuse);
  const value = Number(text);
  // Sunday is 0 and 7: as 7 it may end a range, and is not past the end.
  const most = field.words === WEEKDAYS ? 7 : field.most;
  if (value < field.least || value > most) throw refuse(`${shown(text)} is out of range; ${field.hint} is expected`);
  return value;
}

function wordOf(text: string, field: CronField, refuse: Refusal): number {
  const word = text.toUpperCase();
  const at = field.words.indexOf(word);
  if (at >= 0) return field.least + at;
  const meant = field.words.find((known) => word.startsWith(known));
  if (meant !== undefined) throw refuse(`${shown(text)} is no name; did you mean ${meant}?`);
  if (SPECIAL.test(text)) {
    throw refuse(
      `${shown(text)} cannot stand there; L, LW, 15W (days of month), 5L and MON#2 (days of week) are known`,
    );
  }
  throw refuse(
    text === ""
      ? `a value is missing; ${field.hint} is expected`
      : `${shown(text)} is no number; ${field.hint} is expected`,
  );
}

function stepOf(text: string, field: CronField, refuse: Refusal): number {
  const size = field.most - field.least + 1;
  const step = /^\d+$/.test(text) ? Number(text) : 0;
  if (step >= 1 && step <= size) return step;
  const why = step > size ? `, for it begins anew with each ${field.round}` : "";
  throw refuse(`a step of ${shown(text)} is not possible; 1 to ${size} is expected${why}`);
}

/** Of what somebody wrote, enough to find it again. */
export function shown(text: string): string {
  return `"${text.length > 20 ? `${text.slice(0, 20)}…` : text}"`;
}
