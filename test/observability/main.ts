/**
 * `npm run test:observability`: what Basalt shows of itself, with a real Prometheus on a cluster as `basalt dev` makes it. Rules
 * and their unit tests pass promtool; every process shows what docs/metrics.md lists; no expression of an alert or a panel is
 * wrong, and every panel has something to show while the cluster lives through what clusters live through; a server that
 * hangs, and is killed, makes alerts fire, which end when it is back. The last line of the output is `N passed, N failed`; the
 * exit status is 0 when nothing failed, 1 when something did, 2 for a wrong call.
 */
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Cli } from '../e2e/cluster/fixture/cli.ts'
import { Dev } from '../e2e/cluster/fixture/dev.ts'
import { freePorts } from '../e2e/kernel/fixture/ports.ts'
import { Report } from '../e2e/kernel/fixture/report.ts'
import { alertExpressions, hasData, hurriedRules, panelsOf, RULES, undocumented } from './checks.ts'
import { Life, MOVING, VOLUME } from './life.ts'
import { missing, Prometheus, promtool } from './prometheus.ts'

/** For an alert to fire or to end, and for panels to get their data. */
const PATIENCE_MS = 60_000
const INTERVAL = '1s'
/** A server that hangs makes all of these fire. */
const OF_A_LOST_SERVER = ['BasaltServerDown', 'BasaltServerLost', 'BasaltVolumeDegraded'] as const

const report = new Report((line) => console.log(line))

/** One check: it passes unless it throws. */
async function check(caseName: string, name: string, run: () => unknown): Promise<void> {
  const began = performance.now()
  let notes: string[] = []
  try {
    await run()
  } catch (error) {
    notes = (error instanceof Error ? error.message : String(error)).split('\n').slice(0, 20)
  }
  const seconds = (performance.now() - began) / 1000
  report.add({ caseName, name, passed: notes.length === 0, seconds, notes })
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + PATIENCE_MS
  while (!(await holds())) {
    if (Date.now() > endMs) throw new Error(`waited ${PATIENCE_MS} ms for ${what}`)
    await delay(500)
  }
}

async function checkRules(): Promise<void> {
  report.title('rules')
  await check('rules', 'promtool check rules', () => promtool('check', 'rules', RULES))
  for (const path of globSync(join(dirname(RULES), '*.test.yaml')).sort()) {
    await check('rules', `promtool test rules ${path.slice(path.lastIndexOf('/') + 1)}`, () =>
      promtool('test', 'rules', path),
    )
  }
}

/** `HOST:PORT` of each server's HTTP API. */
function serversOf(dev: Dev): readonly string[] {
  const { ports } = JSON.parse(readFileSync(join(dev.directory, 'dev.json'), 'utf8')) as {
    ports: { servers: readonly { http: number }[] }
  }
  return ports.servers.map(({ http }) => `127.0.0.1:${http}`)
}

async function checkCluster(folder: string): Promise<void> {
  const dev = await Dev.start(join(folder, 'dev'))
  const life = new Life(dev, new Cli({ BASALT_MASTER: dev.url }))
  const rules = join(folder, 'hurried.rules.yaml')
  writeFileSync(rules, hurriedRules())
  const http = serversOf(dev)
  const [port = 0] = await freePorts(1)
  const jobs = [
    { job: 'basalt-server', targets: http },
    { job: 'basalt-master', targets: [new URL(dev.url).host] },
  ]
  let prometheus: Prometheus | undefined
  try {
    prometheus = await Prometheus.start({ directory: folder, port, jobs, rules, interval: INTERVAL })
    await live(prometheus, life)
    await checkExpositions(dev.url, http[0] ?? '')
    await checkFault(prometheus, life, http)
    await checkExpressions(prometheus)
  } finally {
    await prometheus?.stop()
    await life.end()
    await dev.stop()
  }
}

async function live(prometheus: Prometheus, life: Life): Promise<void> {
  report.title('a cluster lives')
  await check('life', 'volumes are made, and hosts read, write and flush', () => life.begin())
  await check('life', 'snapshot, backup, schedule, scrub, token', () => life.protect())
  await check('life', 'a replica moves', () => life.move())
  await check('life', 'no alert of loss fires meanwhile', async () => {
    const lost = (await prometheus.alerts()).filter(
      ({ labels, state }) => state === 'firing' && labels.severity === 'critical',
    )
    if (lost.length > 0) throw new Error(lost.map(({ labels }) => JSON.stringify(labels)).join('\n'))
  })
}

async function checkExpositions(master: string, server: string): Promise<void> {
  report.title('metrics and their documentation')
  for (const [process, url] of [
    ['master', master],
    ['server', `http://${server}`],
  ] as const) {
    await check('metrics', `a ${process} shows what docs/metrics.md lists`, async () => {
      const odd = await undocumented(process, url)
      if (odd.length > 0) throw new Error(odd.join('\n'))
    })
  }
}

async function checkFault(prometheus: Prometheus, life: Life, http: readonly string[]): Promise<void> {
  report.title('a server hangs, and is killed')
  const instance = http.at(-1) ?? ''
  const pid = await pidOf(instance)
  const firing = async (name: string): Promise<boolean> =>
    (await prometheus.alerts()).some(({ labels, state }) => labels.alertname === name && state === 'firing')
  process.kill(pid, 'SIGSTOP')
  try {
    for (const name of OF_A_LOST_SERVER) {
      await check('fault', `${name} fires`, () => until(name, () => firing(name)))
    }
    await check('fault', 'it says which server, and what to do', async () => {
      const alert = (await prometheus.alerts()).find(
        ({ labels }) => labels.alertname === 'BasaltServerDown' && labels.instance === instance,
      )
      if (alert?.annotations.summary !== `Block server ${instance} does not answer`) {
        throw new Error(JSON.stringify(alert))
      }
    })
  } finally {
    process.kill(pid, 'SIGKILL')
  }
  await life.startLoad()
  for (const name of OF_A_LOST_SERVER) {
    await check('fault', `${name} ends when the server is back`, () =>
      until(`the end of ${name}`, async () => !(await firing(name))),
    )
  }
}

async function pidOf(instance: string): Promise<number> {
  const { server } = (await (await fetch(`http://${instance}/status`)).json()) as { server: { pid: number } }
  return server.pid
}

async function checkExpressions(prometheus: Prometheus): Promise<void> {
  report.title('alerts')
  await check('alerts', 'Prometheus evaluates every rule', async () => {
    const errors = await prometheus.ruleErrors()
    if (errors.length > 0) throw new Error(errors.join('\n'))
  })
  await check('alerts', 'every expression is answered', async () => {
    for (const { expr } of alertExpressions()) await prometheus.history(expr)
  })
  report.title('panels')
  for (const panel of panelsOf([VOLUME, MOVING])) {
    await check('panels', panel.name, () => until('data', () => hasData(prometheus, panel)))
  }
}

// what runs ends with this process, also when it is ended
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

const why = missing()
if (process.argv.length > 2) {
  console.error('usage: npm run test:observability')
  process.exitCode = 2
} else if (why !== undefined) {
  console.error(`prometheus and promtool are not there: ${why}`)
  process.exitCode = 2
} else {
  await checkRules()
  const folder = mkdtempSync(join(tmpdir(), 'basalt-observability-'))
  await check('cluster', 'the cluster starts and stops', () => checkCluster(folder))
  if (report.failures() > 0) report.title(`left in ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
  console.log(report.summary())
  process.exitCode = report.failures() === 0 ? 0 : 1
}
