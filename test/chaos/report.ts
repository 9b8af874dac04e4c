import { Html, html } from "../../bench/plot/html.ts";
import { GRACES } from "../kill/fault-run.ts";
import { COMMIT_INTERVAL } from "./chaos-run.ts";
import { CHECKED } from "./check-evidence.ts";
import { FAULTS } from "./choose-faults.ts";
import { plotRecoveries } from "./plot-recoveries.ts";
import { plotReruns } from "./plot-reruns.ts";
import { plotThroughput } from "./plot-throughput.ts";
import { STYLE } from "./report-style.ts";
import { STALL } from "./round-figures.ts";
import type { StateLine } from "./run-state.ts";
import { quantile, type RunSums, sumUp } from "./run-sums.ts";
import { minutes, number, seconds } from "./words.ts";

/** Rounds that are shown one by one. */
const MOST_PLOTS = 12;

/** One page that needs nothing else: what was done to the brokers and workers of these rounds, and what was seen. */
export function reportPage(rounds: readonly StateLine[]): string {
  const sums = sumUp(rounds);
  const title = "Ottla under chaos";
  return `<!doctype html>\n${
    html`<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title><style>${new Html(STYLE)}</style></head><body><main>
<h1>${title}</h1>
<p class="soft">Worker processes on several runtimes run jobs from three Kafka brokers, while processes, brokers and connections are hurt at random. After each round everything that was enqueued, run and stored is compared.</p>
${verdict(sums)}${tiles(sums)}${checks(sums)}${timeline(sums)}${faults(sums)}${again(sums)}${others(sums)}${each(sums)}${repeat(sums)}
</main></body></html>`.text
  }\n`;
}

function verdict({ played, problems, took, faults }: RunSums): Html {
  if (played.length === 0) return html`<p class="verdict">No round has come to its end yet.</p>`;
  if (problems.size === 0)
    return html`<p class="verdict good">✓ All that is guaranteed held through ${number(faults)} faults in ${minutes(took)}.</p>`;
  const lines = played.flatMap(({ round, firstProblems }) => firstProblems.map((line) => `round ${round}: ${line}`));
  return html`<p class="verdict bad">✗ Something that is guaranteed did not hold: ${[...problems.keys()].join(", ")}.</p><pre>${lines.slice(0, 40).join("\n")}</pre>`;
}

function tiles({ played, broken, took, counts, faults, kinds }: RunSums): Html {
  const stall = Math.max(0, ...kinds.map((kind) => Math.max(kind.longestStall, kind.longestStallTogether)));
  const shown: readonly (readonly [string, string])[] = [
    [
      minutes(took),
      `in ${number(played.length)} ${played.length === 1 ? "round" : "rounds"}${broken > 0 ? `, ${number(broken)} broken off` : ""}`,
    ],
    [number(faults), "faults"],
    [number(counts.enqueued), "jobs enqueued"],
    [number(counts.scheduled), "jobs scheduled"],
    [number(counts.starts), "attempts"],
    [number(counts.reruns), "re-runs after an end"],
    [number(counts.dead), "dead letters"],
    [number(counts.handed), "handed over in a transaction"],
    [number(counts.steps), `jobs with steps; ${number(counts.rowsAgain)} rows done again`],
    [number(counts.hired), `worker processes, ${number(counts.died)} killed`],
    [number(counts.assignments), "partitions assigned"],
    [seconds(stall), "longest stall of a partition"],
  ];
  return html`<div class="tiles">${shown.map(([value, what]) => html`<div class="tile"><b>${value}</b><span>${what}</span></div>`)}</div>`;
}

function checks({ problems, played }: RunSums): Html {
  const rows = [
    ...Object.entries(CHECKED),
    ...[...problems.keys()].flatMap((id) => (id in CHECKED ? [] : [[id, "Nothing else goes wrong."] as const])),
  ];
  return html`<h2>What was checked</h2>
<p class="soft">By the numbers of <code>docs/guarantees.md</code>, which says where each promise ends. All processes note what they do on disk before they go on; these ledgers are merged, and held against all that the brokers have stored: the queue, the dead letters, the schedule topic, saved steps, and every offset that was committed.</p>
<div class="scroll"><table><tr><th></th><th>Promise</th><th class="n">Result</th></tr>
${rows.map(([id, text]) => {
  const count = problems.get(id) ?? 0;
  const result =
    played.length === 0
      ? html`–`
      : count === 0
        ? html`<span class="good">✓ held</span>`
        : html`<span class="bad">✗ ${number(count)}</span>`;
  return html`<tr><td>${id}</td><td>${text}</td><td class="n">${result}</td></tr>`;
})}</table></div>`;
}

function timeline({ played }: RunSums): Html {
  if (played.length === 0) return html``;
  return html`<h2>Throughput</h2>
<p class="soft">Jobs that ended in each second, and when which faults were there. At the end of each round nothing is enqueued any more, and the rest is finished.</p>
${plotThroughput(played, "Jobs per second over the whole run, with faults")}`;
}

function faults({ kinds, played }: RunSums): Html {
  if (played.length === 0) return html``;
  const rows = kinds.map((kind) => {
    const { where, text } = FAULTS[kind.kind];
    const at = (q: number): string => seconds(quantile(kind.recoveries, q));
    const stall = (ms: number, count: number): string => (count === 0 ? "–" : seconds(ms));
    return html`<tr><td><span class="dot ${where}"></span>${text}</td><td class="n">${number(kind.alone)}</td><td class="n">${number(kind.together)}</td><td class="n">${at(0.5)}</td><td class="n">${at(0.9)}</td><td class="n">${at(1)}</td><td class="n">${stall(kind.longestStall, kind.alone)}</td><td class="n">${stall(kind.longestStallTogether, kind.together)}</td></tr>`;
  });
  return html`<h2>Faults and recovery</h2>
<p class="soft">Recovery is the time from the first sign of a fault until no partition stands still any more: it includes the fault itself, as far as anything stood still. Still is a partition in which for ${seconds(STALL)} nothing begins or ends; 0 means that none was. A worker that dies in silence is given up by its group after its session: 3 s, or with the newer protocol the brokers' 10 s.</p>
<div class="scroll"><table><tr><th>Fault</th><th class="n">Alone</th><th class="n">With others</th><th class="n">Recovery, median</th><th class="n">90 %</th><th class="n">Longest</th><th class="n">Longest stall</th><th class="n">With others</th></tr>${rows}</table></div>
<p class="soft">Each dot is one recovery; hollow ones came with other faults, and the stroke is the median of those that came alone.</p>
${plotRecoveries(kinds)}`;
}

function again({ sudden, others, counts, played }: RunSums): Html {
  if (played.length === 0) return html``;
  const share = ((100 * counts.reruns) / Math.max(1, counts.ended)).toFixed(2);
  return html`<h2>Re-runs</h2>
<p class="soft">A job runs again only if it had not been committed when its worker was killed, frozen or expelled (S3.1). Workers commit every ${seconds(COMMIT_INTERVAL)} here. ${number(counts.reruns)} of ${number(counts.ended)} ends were of that kind (${share} %). The plots show how long before the worker's end those jobs had ended, for at most 100 of each round.</p>
<div class="halves"><div><b>A worker died or froze</b><p class="soft">Half within ${seconds(quantile(sudden, 0.5))}, all within ${seconds(quantile(sudden, 1))}.</p>${plotReruns(sudden, COMMIT_INTERVAL, "Age of re-runs where a worker died or froze")}</div>
<div><b>Brokers or connections were away, or a worker was expelled</b><p class="soft">Half within ${seconds(quantile(others, 0.5))}, all within ${seconds(quantile(others, 1))}: no commit gets through meanwhile.</p>${plotReruns(others, COMMIT_INTERVAL, "Age of re-runs where brokers or connections were away")}</div></div>`;
}

function others({ byRuntime, failures, verdicts, closings, counts }: RunSums): Html {
  const list = (map: ReadonlyMap<string, number>, none: string): string =>
    map.size === 0 ? none : [...map].map(([name, count]) => `${number(count)} ${name}`).join(", ");
  return html`<h2>Besides</h2><div class="scroll"><table>
<tr><td>Jobs that ended well, by runtime</td><td>${list(byRuntime, "none")}</td></tr>
<tr><td>Enqueues that were not acknowledged, of ${number(counts.calls)}</td><td>${list(failures, "none")}</td></tr>
<tr><td>Requests to cancel or move scheduled jobs</td><td>${list(verdicts, "none")}</td></tr>
<tr><td>Shutdowns in good order (deadline ${seconds(GRACES.shutdownTimeout)})</td><td>${number(closings.length)}: half within ${seconds(quantile(closings, 0.5))}, all within ${seconds(quantile(closings, 1))}</td></tr>
<tr><td>Offsets stored</td><td>${number(counts.commits)}</td></tr></table></div>`;
}

function each({ played }: RunSums): Html {
  if (played.length === 0) return html``;
  const rows = played.map((round) => {
    const { counts, problems, partitions } = round;
    const isGood = Object.keys(problems).length === 0;
    const faults = round.passages.reduce((sum, passage) => sum + passage.faults.length, 0);
    return html`<tr><td>${round.round}</td><td>${round.groupProtocol}</td><td class="n">${partitions[0] === partitions[1] ? partitions[0] : `${partitions[0]} → ${partitions[1]}`}</td><td class="n">${seconds(round.took)}</td><td class="n">${faults}</td><td class="n">${number(counts.enqueued + counts.scheduled)}</td><td class="n">${number(counts.starts)}</td><td class="n">${number(counts.reruns)}</td><td class="n">${number(counts.dead)}</td><td class="n">${isGood ? html`<span class="good">✓</span>` : html`<span class="bad">✗</span>`}</td></tr>`;
  });
  const shown = played.slice(-MOST_PLOTS);
  return html`<h2>Rounds</h2><details ${played.length <= 15 ? new Html("open") : html``}><summary>One by one</summary>
<div class="scroll"><table><tr><th>Round</th><th>Group protocol</th><th class="n">Partitions</th><th class="n">Took</th><th class="n">Faults</th><th class="n">Jobs</th><th class="n">Attempts</th><th class="n">Re-runs</th><th class="n">Dead</th><th class="n"></th></tr>${rows}</table></div></details>
<details><summary>Throughput of ${played.length > shown.length ? `the last ${shown.length}` : "each"}</summary>${shown.map((round) => html`<p><b>Round ${round.round}</b> <span class="soft">${round.groupProtocol}</span></p>${plotThroughput([round], `Jobs per second in round ${round.round}`)}`)}</details>`;
}

function repeat({ played, took }: RunSums): Html {
  const last = played.at(-1);
  if (last === undefined) return html``;
  const commits = [...new Set(played.map(({ commit }) => commit))];
  const versions = new Map<string, Set<string>>();
  for (const round of played)
    for (const [name, version] of Object.entries(round.versions))
      versions.set(name, (versions.get(name) ?? new Set()).add(version));
  return html`<h2>To repeat it</h2>
<pre>npm run chaos -- --minutes ${Math.ceil(took / 60_000)} --seed ${last.seed} --workers ${last.workers} --runtimes ${Object.keys(
    last.versions,
  )
    .filter((name) => name !== "kafka")
    .join(",")} --cluster SCRIPT</pre>
<p class="soft">Commit ${commits.join(", ")}, seed ${last.seed}; ${[...versions].map(([name, all]) => `${name === "kafka" ? "" : `${name} `}${[...all].join(", ")}`).join("; ")}. The seed decides which faults come in which order, not how the processes' turns fall.</p>`;
}
