/** Whether the cluster is well, at one look. */
import type { Row } from './grafana.ts'
import { figure, list, NONE_IS_BEST, NONE_IS_GOOD } from './queries.ts'

const ofHealth = (health: string): string => `sum(basalt_master_volumes{health="${health}"})`

export const health: Row = {
  title: 'Health',
  panels: [
    figure({
      title: 'Volumes, healthy',
      description: 'Volumes with all their replicas, in sync and served.',
      unit: 'short',
      expr: ofHealth('healthy'),
    }),
    figure({
      title: 'Volumes, degraded',
      description: 'Served, with a replica that is away or behind.',
      unit: 'short',
      expr: ofHealth('degraded'),
      thresholds: NONE_IS_BEST,
    }),
    figure({
      title: 'Volumes, rebuilding',
      description: 'Served, with a replica that is being made or resynced.',
      unit: 'short',
      expr: ofHealth('rebuilding'),
      thresholds: NONE_IS_BEST,
    }),
    figure({
      title: 'Volumes, unsafe',
      description: 'Not served, or one more failure loses them.',
      unit: 'short',
      expr: ofHealth('unsafe'),
      thresholds: NONE_IS_GOOD,
    }),
    figure({
      title: 'Servers, connected',
      description: 'Block servers that have a stream to the master.',
      unit: 'short',
      expr: 'sum(basalt_master_servers{connection="connected"})',
      thresholds: [[1, 'green']],
      isBadBelow: true,
    }),
    figure({
      title: 'Servers, lost',
      description: 'Block servers that the master knows and does not hear of.',
      unit: 'short',
      expr: 'sum(basalt_master_servers{connection="lost"})',
      thresholds: NONE_IS_GOOD,
    }),
    figure({
      title: 'Volumes without service',
      description: 'Volumes whose hosts are not served at this moment.',
      unit: 'short',
      expr: 'count(basalt_master_volume_serving == 0) or vector(0)',
      thresholds: NONE_IS_GOOD,
    }),
    figure({
      title: 'Promotions that wait',
      description: 'Volumes for which no primary can be made at this moment.',
      unit: 'short',
      expr: 'sum(basalt_master_promotions_pending)',
      thresholds: NONE_IS_GOOD,
    }),
    figure({
      title: 'Cluster locked',
      description: "1 while nothing is decided until 'basalt cluster recover'.",
      unit: 'short',
      expr: 'max(basalt_master_locked)',
      thresholds: NONE_IS_GOOD,
    }),
    figure({
      title: 'Alerts that fire',
      description: 'Alerts of Basalt that fire at this moment.',
      unit: 'short',
      expr: 'count(ALERTS{alertname=~"Basalt.*",alertstate="firing"}) or vector(0)',
      thresholds: NONE_IS_GOOD,
    }),
    figure({
      title: 'Jobs that run',
      description: 'Jobs of the master that have not ended.',
      unit: 'short',
      expr: 'sum(basalt_master_jobs_running)',
    }),
    figure({
      title: 'Sessions of hosts',
      description: 'iSCSI sessions and NVMe controllers that hosts have.',
      unit: 'short',
      expr: 'sum(basalt_iscsi_sessions) + sum(basalt_nvme_sessions)',
    }),
    list({
      title: 'Volumes that are not healthy',
      description: 'Each volume that is not healthy, and what it is; empty is good.',
      unit: 'short',
      expr: 'sum by (volume, health) (basalt_master_volume_health{health!="healthy"}) > 0',
    }),
    list({
      title: 'Servers',
      description: 'Every block server of the cluster: 1 while it is connected.',
      unit: 'short',
      expr: 'sum by (name, server) (basalt_master_server_connected)',
    }),
  ],
}
