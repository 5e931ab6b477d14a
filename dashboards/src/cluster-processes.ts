/** Hosts that use the cluster, and the processes that it is made of. */
import type { Row } from './grafana.ts'
import { graph, quantile, quantiles, rate } from './queries.ts'

export const hosts: Row = {
  title: 'Hosts',
  panels: [
    graph({
      title: 'Sessions',
      description: 'iSCSI sessions and NVMe controllers of hosts, on all servers.',
      unit: 'short',
      isStacked: true,
      queries: [
        { expr: 'sum(basalt_iscsi_sessions)', legend: 'iSCSI' },
        { expr: 'sum(basalt_nvme_sessions)', legend: 'NVMe/TCP' },
      ],
    }),
    graph({
      title: 'Sessions that begin',
      description:
        'Sessions that hosts begin in a second. Hosts that come back again and again lose their path in between.',
      unit: 'ops',
      queries: [{ expr: rate('basalt_sessions_begun_total', 'protocol'), legend: '{{protocol}}' }],
    }),
    graph({
      title: 'Operations that wait for limits',
      description: 'Operations of hosts that wait for the limits of their volume at this moment.',
      unit: 'short',
      queries: [{ expr: 'sum by (volume) (basalt_qos_waiting_operations)', legend: '{{volume}}' }],
    }),
  ],
}

export const processes: Row = {
  title: 'Processes',
  panels: [
    graph({
      title: 'Delay of the event loop',
      description: 'By how much timers are late, one in a hundred: a process answers so much later.',
      unit: 's',
      thresholds: [[0.25, 'red']],
      queries: [
        {
          expr: quantile(0.99, 'nodejs_eventloop_delay_seconds', 'job, instance'),
          legend: '{{job}} {{instance}}',
        },
      ],
    }),
    graph({
      title: 'CPU',
      description: 'Processor time of each process, in cores.',
      unit: 'cores',
      queries: [
        {
          expr: 'rate(process_cpu_seconds_total{job=~"basalt-.*"}[$__rate_interval])',
          legend: '{{job}} {{instance}}',
        },
      ],
    }),
    graph({
      title: 'Memory',
      description: 'Memory of each process.',
      unit: 'bytes',
      queries: [{ expr: 'process_resident_memory_bytes{job=~"basalt-.*"}', legend: '{{job}} {{instance}}' }],
    }),
    graph({
      title: 'Up for',
      description: 'Time since each process started: what falls to 0 was started anew.',
      unit: 's',
      queries: [
        { expr: 'time() - process_start_time_seconds{job=~"basalt-.*"}', legend: '{{job}} {{instance}}' },
      ],
    }),
    graph({
      title: 'Open files',
      description: 'Open file descriptors of each process.',
      unit: 'short',
      queries: [{ expr: 'process_open_fds{job=~"basalt-.*"}', legend: '{{job}} {{instance}}' }],
    }),
    graph({
      title: 'Clocks',
      description: 'By how much the clock of each process differs from that of Prometheus.',
      unit: 's',
      thresholds: [[2, 'red']],
      queries: [
        {
          expr: 'abs(basalt_time_seconds - timestamp(basalt_time_seconds))',
          legend: '{{job}} {{instance}}',
        },
      ],
    }),
    graph({
      title: 'Registry',
      description: 'Time until a change of the cluster is durable at the master.',
      unit: 's',
      queries: quantiles('basalt_master_registry_commit_seconds'),
    }),
    graph({
      title: 'Events',
      description: "Events of the cluster's log in a second, by severity.",
      unit: 'ops',
      queries: [{ expr: rate('basalt_master_events_total', 'severity'), legend: '{{severity}}' }],
    }),
    graph({
      title: 'Certificates and tokens end',
      description: 'Time until the first certificate and the first token end, of those that do.',
      unit: 's',
      queries: [
        {
          expr: 'min by (certificate) (basalt_certificate_expiry_timestamp_seconds) - time()',
          legend: 'certificate {{certificate}}',
        },
        {
          expr: 'min by (token) (basalt_master_token_expiry_timestamp_seconds) - time()',
          legend: 'token {{token}}',
        },
      ],
    }),
  ],
}
