/** `basalt bench`: a load generator against a target, with its figures on stdout and its progress on a terminal. */
import type { DaemonCommand, FlagValues } from '../cli/program.ts'

export const benchCommand: DaemonCommand = {
  name: 'bench',
  description: 'put load on a target and measure it',
  flags: [
    { name: 'iscsi', placeholder: 'URL', help: 'iscsi://[USER%SECRET@]HOST[:PORT]/TARGET[/LUN]' },
    { name: 'nvme', placeholder: 'URL', help: 'nvme://HOST[:PORT]/NQN' },
    {
      name: 'rw',
      placeholder: 'LOAD',
      help: 'randread, randwrite, read, write, or mixed (random, 70 % reads)',
      default: 'randread',
    },
    { name: 'bs', placeholder: 'SIZE', help: 'size of one operation', default: '4k' },
    { name: 'qd', placeholder: 'N', help: 'commands under way on each connection', default: '32' },
    { name: 'seconds', placeholder: 'N', help: 'how long', default: '5' },
    {
      name: 'connections',
      placeholder: 'N',
      help: 'iSCSI sessions or NVMe I/O queues, each with one connection',
      default: '1',
    },
    {
      name: 'sync-every',
      placeholder: 'N',
      help: 'make durable after so many writes of a connection; 0 for never',
      default: '0',
    },
    { name: 'verify', placeholder: undefined, help: 'write blocks that say what they are, check every read' },
    {
      name: 'yes-destroy-data',
      placeholder: undefined,
      help: 'write also to a device that is not empty',
    },
    { name: 'json', placeholder: undefined, help: 'figures as one JSON document' },
  ],
  run: runBench,
}

async function runBench(flags: FlagValues): Promise<number> {
  const [{ openPorts }, { benchDisk }, { parseBenchOptions }, { describeResult }] = await Promise.all([
    import('./ports.ts'),
    import('../bench/disk-bench.ts'),
    import('../bench/options.ts'),
    import('../bench/result.ts'),
  ])
  const options = parseBenchOptions(flags)
  const { net, clock, random } = openPorts({ logLevel: 'warn' })
  const cpuMs = (): number => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  const { stdout, stderr } = process
  const clearLine = '\r\x1b[K'
  const result = await benchDisk({ net, clock, random, cpuMs }, options, (progress) => {
    if (!stderr.isTTY) return
    const { phase, elapsedSeconds, iops, mbPerSecond } = progress
    const figures = `${iops.toFixed(0)} IOPS, ${mbPerSecond.toFixed(1)} MB/s`
    stderr.write(`${clearLine}${phase} ${elapsedSeconds.toFixed(0)} s: ${figures}`)
  }).finally(() => stderr.isTTY && stderr.write(clearLine))
  const text = flags.json === true ? JSON.stringify(result, undefined, 2) : describeResult(result).join('\n')
  stdout.write(`${text}\n`)
  return 0
}
