/** When the certificates of a process end. */
import { X509Certificate } from 'node:crypto'
import type { MetricsRegistry, Sample } from './registry.ts'

const SECOND_MS = 1000

/** PEM by what the certificate is for: `node` and `authority` of a node's connections, `http` of its HTTP API. */
export type CertificatesInUse = Readonly<Record<string, Uint8Array | string | undefined>>

/** `inUse` is asked at each scrape; a certificate is parsed once. */
export function addCertificateMetrics(registry: MetricsRegistry, inUse: () => CertificatesInUse): void {
  const parsed = new Map<string, { readonly pem: Uint8Array | string; readonly endSeconds: number }>()
  const endOf = (certificate: string, pem: Uint8Array | string): number => {
    const known = parsed.get(certificate)
    if (known?.pem === pem) return known.endSeconds
    const endSeconds = Date.parse(new X509Certificate(pem).validTo) / SECOND_MS
    parsed.set(certificate, { pem, endSeconds })
    return endSeconds
  }
  registry.gauge({
    name: 'basalt_certificate_expiry_timestamp_seconds',
    help: 'When a certificate ends that this process shows or believes, in seconds since 1970',
    labelNames: ['certificate'],
    collect: () =>
      Object.entries(inUse()).flatMap(([certificate, pem]): Sample[] =>
        pem === undefined ? [] : [{ labels: { certificate }, value: endOf(certificate, pem) }],
      ),
  })
}
