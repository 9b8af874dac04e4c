/** Round numbers from 0 to at least `most`, at which an axis is marked. */
export function ticks(most: number, wanted = 5): number[] {
  if (!(most > 0) || !Number.isFinite(most)) return [0, 1];
  const raw = most / wanted;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= raw)!;
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

/** Neighbours taken together by their mean, so that there are at most `most`. */
export function thinned(values: readonly number[], most: number): { readonly values: number[]; readonly each: number } {
  const each = Math.max(1, Math.ceil(values.length / most));
  const found: number[] = [];
  for (let i = 0; i < values.length; i += each) {
    const part = values.slice(i, i + each);
    found.push(part.reduce((sum, value) => sum + value, 0) / part.length);
  }
  return { values: found, each };
}
