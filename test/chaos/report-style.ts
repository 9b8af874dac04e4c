/** The page's style, for light and dark. */
export const STYLE: string = `
:root { color-scheme: light dark; --page: #fcfcfb; --card: #fff; --ink: #16181d; --soft: #5c6370; --rule: #e3e5e9;
  --good: #13795b; --good-back: #e5f4ee; --bad: #b3261e; --bad-back: #fbe9e7; --line: #2a78d6; --area: #2a78d622;
  --workers: #2a78d6; --brokers: #d9541e; --network: #12946a; --work: #8a4fd0; }
@media (prefers-color-scheme: dark) { :root { --page: #131417; --card: #1b1d21; --ink: #e8eaee; --soft: #9aa1ad;
  --rule: #2e3238; --good: #5fd0a5; --good-back: #12312a; --bad: #ff8a80; --bad-back: #3a1a18; --line: #5a9df0;
  --area: #5a9df022; --workers: #5a9df0; --brokers: #f0814d; --network: #35c08e; --work: #b48cf0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { font-size: 26px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 40px 0 6px; }
p { margin: 4px 0 12px; max-width: 76ch; } .soft { color: var(--soft); }
.verdict { max-width: none; margin: 18px 0; padding: 12px 16px; border-radius: 8px; font-weight: 600; }
.good { color: var(--good); } .bad { color: var(--bad); }
.verdict.good { background: var(--good-back); } .verdict.bad { background: var(--bad-back); }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 10px; margin: 16px 0; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 10px 12px; }
.tile b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; } .tile span { color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 13px; vertical-align: bottom; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--rule); } td.n, th.n { text-align: right; white-space: nowrap; }
td:last-child, th:last-child { padding-right: 0; }
.dot { display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 7px; }
.dot.workers { background: var(--workers); } .dot.brokers { background: var(--brokers); }
.dot.network { background: var(--network); } .dot.work { background: var(--work); }
.plot { display: block; width: 100%; height: auto; margin: 8px 0; } .halves { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 24px; }
.plot text { fill: var(--ink); font: 12px system-ui, sans-serif; } .plot .tick { fill: var(--soft); font-size: 11px; }
.grid { stroke: var(--rule); } .border { stroke: var(--soft); stroke-dasharray: 2 3; opacity: 0.6; }
.line { fill: none; stroke: var(--line); stroke-width: 1.4; stroke-linejoin: round; } .area { fill: var(--area); } .bar { fill: var(--line); }
.promise { stroke: var(--bad); stroke-dasharray: 4 3; } .median { stroke: var(--ink); stroke-width: 2; }
svg .workers { fill: var(--workers); stroke: var(--workers); } svg .brokers { fill: var(--brokers); stroke: var(--brokers); }
svg .network { fill: var(--network); stroke: var(--network); } svg .work { fill: var(--work); stroke: var(--work); }
svg rect[class] { stroke: none; } svg circle { fill-opacity: 0.75; stroke-width: 1.2; } svg .hollow { fill: none; opacity: 0.7; }
code, pre { font: 13px/1.5 ui-monospace, monospace; background: var(--card); border: 1px solid var(--rule); border-radius: 6px; }
code { padding: 1px 5px; } pre { padding: 10px 12px; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
details { margin: 8px 0; } summary { cursor: pointer; }
`;
