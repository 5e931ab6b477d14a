/** What expressions of PromQL name. */

/** Metrics: what the products' names begin with, up, and ALERTS; each once. */
export function namesIn(expr: string): readonly string[] {
  const withoutStrings = expr.replace(/"[^"]*"/g, '""')
  return [...new Set(withoutStrings.match(/\b(?:(?:basalt|process|nodejs)_\w+|up|ALERTS)\b/g) ?? [])]
}
