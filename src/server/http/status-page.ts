/**
 * The status page: one HTML document without anything from elsewhere, so that it works on a machine without
 * network and its content security policy can forbid all but itself. It polls `/status` and computes rates from
 * the counters; what it shows is set as text, never as markup.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

export const STATUS_PAGE: string = readFileSync(new URL('./status-page.html', import.meta.url), 'utf8')

const hashOf = (tag: 'script' | 'style'): string => {
  const content = new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(STATUS_PAGE)?.[1] ?? ''
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`
}

export const STATUS_PAGE_POLICY = [
  "default-src 'none'",
  `script-src ${hashOf('script')}`,
  `style-src ${hashOf('style')}`,
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
