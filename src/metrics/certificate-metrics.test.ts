import { describe, expect, it } from 'vitest'
import { RealRandom } from '../io/random.ts'
import { makeAuthority } from '../master/security/certificate.ts'
import { addCertificateMetrics } from './certificate-metrics.ts'
import { MetricsRegistry } from './registry.ts'

describe('metrics of certificates', () => {
  it('say when each ends that is in use now', async () => {
    const notAfter = new Date('2028-01-01T00:00:00Z')
    const validity = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter }
    const { cert } = await makeAuthority(new RealRandom(), '8181269c-6394-4eb2-8b7b-37de6b51ca95', validity)
    const registry = new MetricsRegistry()
    let node: string | undefined = cert
    addCertificateMetrics(registry, () => ({ node, http: undefined }))
    const line = `basalt_certificate_expiry_timestamp_seconds{certificate="node"} ${notAfter.getTime() / 1000}`
    expect(await registry.render()).toContain(`${line}\n`)
    node = undefined
    expect(await registry.render()).not.toContain('certificate="')
  })
})
