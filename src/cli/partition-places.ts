/** Partitions in few words: "mails/1, users/0-3, users/5". */
export function placesOf(partitions: readonly { readonly topic: string; readonly partition: number }[]): string {
  const ranges: { readonly topic: string; readonly from: number; to: number }[] = [];
  const byTopic = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  const sorted = [...partitions].sort((a, b) => byTopic(a.topic, b.topic) || a.partition - b.partition);
  for (const { topic, partition } of sorted) {
    const last = ranges.at(-1);
    if (last?.topic === topic && last.to === partition - 1) last.to = partition;
    else ranges.push({ topic, from: partition, to: partition });
  }
  return ranges.map(({ topic, from, to }) => `${topic}/${from === to ? from : `${from}-${to}`}`).join(", ");
}
