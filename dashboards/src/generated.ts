/** Files of the repository that are made of code, by their paths from the root. */
import { CLUSTER } from './cluster.ts'
import { type Dashboard, dashboardText } from './grafana.ts'
import { metricsPage } from './metrics-page.ts'
import { VOLUME } from './volume.ts'

export const DASHBOARDS: readonly Dashboard[] = [CLUSTER, VOLUME]

export const generatedFiles = (): readonly { readonly path: string; readonly text: string }[] => [
  ...DASHBOARDS.map((dashboard) => ({
    path: `dashboards/${dashboard.uid}.json`,
    text: dashboardText(dashboard),
  })),
  { path: 'docs/metrics.md', text: metricsPage() },
]
