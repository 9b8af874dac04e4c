import process from "node:process";
import { type MeasuredPoint, rounded, type Values } from "./figures.ts";
import type { GrowthBench } from "./growth-bench.ts";
import type { Measure, Point } from "./measure.ts";

interface PreparedPoint {
  readonly point: Point;
  readonly round: (bench: GrowthBench) => Promise<Values>;
  readonly samples: Record<string, number[]>;
}

/** Measures all points of something, round by round: what changes on the machine meanwhile changes for all of them. */
export async function measureRounds(measure: Measure, bench: GrowthBench, rounds: number): Promise<MeasuredPoint[]> {
  const whole = bench.part();
  try {
    const prepared: PreparedPoint[] = [];
    for (const point of measure.points(bench)) {
      prepared.push({ point, round: await measure.prepare(whole, point), samples: {} });
    }
    for (let round = 1; round <= rounds; round++) {
      for (const each of prepared) {
        progress(`${measure.name}, round ${round} of ${rounds}: ${each.point.label ?? each.point.x}`);
        await measureOnce(each, bench);
      }
    }
    return prepared.map(({ point, samples }) => ({ ...point, samples }));
  } finally {
    progress("");
    await whole.close();
  }
}

async function measureOnce({ round, samples }: PreparedPoint, bench: GrowthBench): Promise<void> {
  const part = bench.part();
  try {
    for (const [key, value] of Object.entries(await round(part))) {
      samples[key] ??= [];
      samples[key].push(rounded(value));
    }
  } finally {
    await part.close();
  }
}

/** One line on a terminal, which the next one takes the place of. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}
