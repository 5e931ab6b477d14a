/**
 * A page for people: one HTML document without anything from elsewhere, so that it works on a machine without
 * network and its content security policy can forbid all but itself. Its one style and its one script are named by
 * their hashes.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { FastifyReply } from 'fastify'

export interface Page {
  readonly html: string
  /** The value of `content-security-policy`. */
  readonly policy: string
}

/** Reads the page; it has one `<style>` and one `<script>`, without attributes. */
export function readPage(file: URL): Page {
  const html = readFileSync(file, 'utf8')
  const hashOf = (tag: 'script' | 'style'): string => {
    const content = new RegExp(`<${tag}>(.*?)</${tag}>`, 's').exec(html)?.[1] ?? ''
    return `'sha256-${createHash('sha256').update(content).digest('base64')}'`
  }
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf('script')}`,
    `style-src ${hashOf('style')}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
  return { html, policy }
}

export function sendPage(reply: FastifyReply, { html, policy }: Page): FastifyReply {
  return reply
    .header('content-security-policy', policy)
    .header('referrer-policy', 'no-referrer')
    .type('text/html; charset=utf-8')
    .send(html)
}
