/** Of the report's page; light or dark as the reader's system is. */
export const STYLE = `
:root { color-scheme: light dark; --back: #fff; --text: #1c2127; --soft: #5f6b7a; --edge: #d8dee6; --card: #f6f8fa;
  --good: #1a7f47; --bad: #c8321f; --idle: #8a94a3; --line: #2563c9; --harm: rgba(200, 50, 31, .13); }
@media (prefers-color-scheme: dark) { :root { --back: #14181d; --text: #e4e8ee; --soft: #97a3b3; --edge: #323b46;
  --card: #1c2229; --good: #4cc38a; --bad: #ff7a66; --idle: #77828f; --line: #6aa5ff; --harm: rgba(255, 122, 102, .16); } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1180px; padding: 24px; background: var(--back); color: var(--text);
  font: 14px/1.5 system-ui, sans-serif; }
h1 { font-size: 22px; margin: 0 0 4px; } h2 { font-size: 18px; margin: 36px 0 4px; } h3 { font-size: 15px; margin: 22px 0 6px; }
a { color: var(--line); } p { margin: 4px 0; } .soft { color: var(--soft); }
.badge { display: inline-block; padding: 1px 9px; border-radius: 10px; font-size: 12px; font-weight: 600; color: var(--back);
  background: var(--idle); vertical-align: middle; }
.badge.passed { background: var(--good); } .badge.failed, .badge.unfinished { background: var(--bad); }
table { border-collapse: collapse; width: 100%; margin: 6px 0; } .scroll { overflow-x: auto; }
th, td { text-align: left; padding: 4px 10px 4px 0; border-bottom: 1px solid var(--edge); vertical-align: top; }
th { color: var(--soft); font-weight: 600; } td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.passed { color: var(--good); } td.failed, td.unfinished { color: var(--bad); font-weight: 600; } td.skipped { color: var(--idle); }
code, pre { font: 12.5px/1.45 ui-monospace, monospace; } pre { margin: 4px 0; padding: 8px 10px; background: var(--card);
  border: 1px solid var(--edge); border-radius: 6px; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
.failure { border-left: 4px solid var(--bad); padding: 4px 12px; margin: 10px 0; background: var(--card); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(420px, 1fr)); gap: 12px; }
svg { width: 100%; height: auto; display: block; font: 11px system-ui, sans-serif; }
svg.plot, svg.timeline { border: 1px solid var(--edge); border-radius: 6px; background: var(--card); }
svg text { fill: var(--text); } svg text.tick { fill: var(--soft); } svg text.title, svg text.phase-label { font-weight: 600; }
svg .grid { stroke: var(--edge); } svg .line { fill: none; stroke: var(--line); stroke-width: 1.5; } svg .dot { fill: var(--line); }
svg rect.harm { fill: var(--harm); } svg .bar { fill: var(--idle); rx: 2px; } svg .bar.step.passed { fill: var(--good); }
svg .bar.step.failed, svg .bar.step.unfinished { fill: var(--bad); } svg .bar.phase { fill: var(--soft); }
svg line.mark { stroke-dasharray: 3 3; } svg line.harm { stroke: var(--bad); } svg line.healed { stroke: var(--good); }
svg text.harm { fill: var(--bad); } svg text.healed { fill: var(--good); }
details > summary { cursor: pointer; color: var(--soft); }
`
