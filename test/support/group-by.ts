/** Values by what `of` says of each, in the order of their first ones. */
export function groupBy<T, K>(values: Iterable<T>, of: (value: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const value of values) {
    const group = groups.get(of(value));
    if (group === undefined) groups.set(of(value), [value]);
    else group.push(value);
  }
  return groups;
}
