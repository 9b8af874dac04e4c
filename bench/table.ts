export interface Row {
  readonly name: string;
  readonly value: number | undefined;
  readonly note: string;
}

/** Prints rows of names and numbers under a heading. */
export function printTable(title: string, unit: string, rows: readonly Row[]): void {
  const width = Math.max(title.length, ...rows.map(({ name }) => name.length)) + 2;
  const format = (value: number | undefined): string =>
    value?.toLocaleString("en-US", { maximumFractionDigits: 2 }) ?? "-";
  const numbers = Math.max(unit.length, ...rows.map(({ value }) => format(value).length));
  console.log(`${title.padEnd(width)}${unit.padStart(numbers)}`);
  for (const { name, value, note } of rows) {
    console.log(`${name.padEnd(width)}${format(value).padStart(numbers)}${note === "" ? "" : `   (${note})`}`);
  }
  console.log();
}
