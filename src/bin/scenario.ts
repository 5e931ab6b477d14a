/** `basalt run` and `basalt scenario …`: scenarios that prove the product, on clusters that they start themselves. */
import type { ArgumentDescription, DaemonCommand, FlagDescription, FlagValues, Noun } from '../cli/program.ts'

export const SCENARIO_NOUN: Noun = {
  words: ['scenario'],
  summary: 'check, list and document scenarios, the files that basalt run runs',
  more: `Examples:
  basalt run scenarios/ha/failover.yaml
  basalt run scenarios --ci --junit results.xml
  basalt scenario validate scenarios
  basalt scenario actions wait_volume`,
}

const PATHS: ArgumentDescription = {
  name: 'PATH',
  help: 'scenarios (YAML files), or folders of them',
  isList: true,
}
const JSON_FLAG: FlagDescription = { name: 'json', placeholder: undefined, help: 'print JSON, for programs' }
const VAR: FlagDescription = {
  name: 'var',
  placeholder: 'NAME=VALUE',
  help: 'another value of a variable; may be repeated',
  isList: true,
}
const VARIANT: FlagDescription = {
  name: 'variant',
  placeholder: 'NAME',
  help: 'another variant of each scenario that has it, or all',
}
const TIER: FlagDescription = { name: 'tier', placeholder: 'TIER', help: 'only scenarios of this tier' }

/** Flags of everything that runs scenarios. */
const PLACE: readonly FlagDescription[] = [
  {
    name: 'backend',
    placeholder: 'NAME',
    choices: ['local', 'netns', 'vm', 'ssh'],
    help: 'where machines are: processes here, network namespaces, a virtual machine for hosts, other computers',
    default: 'local',
  },
  { name: 'nodes', placeholder: 'FILE', help: 'of the ssh backend: the computers (YAML)' },
  VAR,
  VARIANT,
  TIER,
  { name: 'output', placeholder: 'DIR', help: 'folder for the bundles of runs', default: 'basalt-runs' },
  { name: 'keep', placeholder: undefined, help: 'keep data and logs of all machines in the bundle' },
]

export const scenarioCommands: readonly DaemonCommand[] = [
  {
    name: 'run',
    description: 'run scenarios: each starts a cluster, does harm to it, and looks whether it keeps its word',
    args: [PATHS],
    flags: [
      ...PLACE,
      { name: 'ci', placeholder: undefined, help: 'only the variants of the CI set' },
      { name: 'junit', placeholder: 'FILE', help: 'results as JUnit XML, too' },
      { name: 'html', placeholder: 'FILE', help: 'the report as one page, too' },
      {
        name: 'baseline',
        placeholder: 'FILE',
        help: 'figures that benchmarks are held against (JSON lines)',
      },
      JSON_FLAG,
    ],
    run: async (flags, paths) => {
      const { runCommand } = await import('../../testrunner/commands/run.ts')
      return runCommand(
        {
          ...(await placeOptions(flags)),
          ...{ paths, isCi: flags.ci === true, isJson: flags.json === true },
          ...{ junit: textOf(flags.junit), html: textOf(flags.html), baseline: textOf(flags.baseline) },
        },
        await runnerPorts(),
      )
    },
  },
  {
    name: 'scenario validate',
    description: 'say what is wrong with scenarios, with file, line and column, and run nothing',
    args: [PATHS],
    flags: [VAR, JSON_FLAG],
    run: async (flags, paths) => {
      const { validateCommand } = await import('../../testrunner/commands/validate.ts')
      const variables = await variablesOf(flags)
      return validateCommand({ paths, variables, isJson: flags.json === true }, await readingPorts())
    },
  },
  {
    name: 'scenario list',
    description: 'list scenarios and what each proves',
    args: [{ name: 'PATH', help: 'a scenario, or a folder of them', isOptional: true }],
    flags: [JSON_FLAG],
    run: async (flags, [path = 'scenarios']) => {
      const { listCommand } = await import('../../testrunner/commands/list.ts')
      return listCommand({ path, isJson: flags.json === true }, await readingPorts())
    },
  },
  {
    name: 'scenario actions',
    description: 'document every action of scenarios and its parameters, or one',
    args: [{ name: 'ACTION', help: 'the action', isOptional: true }],
    flags: [JSON_FLAG],
    run: async (flags, [name]) => {
      const { actionsCommand } = await import('../../testrunner/commands/actions.ts')
      return actionsCommand({ name, isJson: flags.json === true }, await readingPorts())
    },
  },
  {
    name: 'scenario check',
    description: 'run each scenario without its fault, and demand that the steps that depend on it fail',
    args: [PATHS],
    flags: [
      ...PLACE,
      {
        name: 'without-faults',
        placeholder: undefined,
        help: 'what is checked; without it only what validate checks',
      },
      { name: 'ci', placeholder: undefined, help: 'only the variants of the CI set' },
      JSON_FLAG,
    ],
    run: async (flags, paths) => {
      const { checkCommand } = await import('../../testrunner/commands/check.ts')
      const options = {
        ...(await placeOptions(flags)),
        ...{ paths, isCi: flags.ci === true, isJson: flags.json === true },
        ...{ junit: undefined, html: undefined, baseline: undefined },
      }
      return checkCommand(
        { ...options, withoutFaults: flags['without-faults'] === true },
        await runnerPorts(),
      )
    },
  },
  {
    name: 'scenario report',
    description: 'make the reports of a run anew from its events, as after it was killed',
    args: [{ name: 'BUNDLE', help: 'folder of the run' }],
    flags: [
      { name: 'junit', placeholder: 'FILE', help: 'results as JUnit XML, too' },
      { name: 'html', placeholder: 'FILE', help: 'the report as one page, too' },
      JSON_FLAG,
    ],
    run: async (flags, [bundle = '']) => {
      const { reportCommand } = await import('../../testrunner/commands/report.ts')
      const junitPath = textOf(flags.junit)
      const htmlPath = textOf(flags.html)
      return reportCommand(
        {
          ...{ bundle, isJson: flags.json === true },
          ...(junitPath !== undefined && { junitPath }),
          ...(htmlPath !== undefined && { htmlPath }),
        },
        { stdout: process.stdout, stderr: process.stderr },
      )
    },
  },
]

const textOf = (value: FlagValues[string]): string | undefined =>
  typeof value === 'string' ? value : undefined

/** A list of flags comes with commas between; values may have commas, except before what looks like the next `NAME=`. */
async function variablesOf(flags: FlagValues) {
  const { parseVariables } = await import('../../testrunner/commands/given-variables.ts')
  return parseVariables(textOf(flags.var)?.split(/,(?=[A-Za-z_][\w-]*=)/) ?? [])
}

async function readingPorts() {
  const [{ CATALOG }, { diskFiles }] = await Promise.all([
    import('../../testrunner/actions/all.ts'),
    import('../../testrunner/reading/disk-files.ts'),
  ])
  return {
    ...{ catalog: CATALOG, files: diskFiles, outputWidth: process.stdout.columns },
    out: (text: string) => void process.stdout.write(text),
    err: (text: string) => void process.stderr.write(text),
  }
}

async function placeOptions(flags: FlagValues) {
  const { parseBackend, parseTier } = await import('../../testrunner/commands/options.ts')
  return {
    backend: parseBackend(textOf(flags.backend)),
    nodes: textOf(flags.nodes),
    variables: await variablesOf(flags),
    variant: textOf(flags.variant),
    tier: parseTier(textOf(flags.tier)),
    output: textOf(flags.output) ?? 'basalt-runs',
    isKept: flags.keep === true,
  }
}

async function runnerPorts() {
  const [{ openPorts }, { VERSION }] = await Promise.all([import('./ports.ts'), import('./version.ts')])
  const { clock, random, net, logger } = openPorts({ logLevel: 'error' })
  return {
    ...{ clock, random, net, logger, version: VERSION },
    ...{ stdout: process.stdout, stderr: process.stderr },
    onInterrupt: (listener: () => void): (() => void) => {
      const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
      for (const name of signals) process.on(name, listener)
      // between two events of a run nothing else may keep the process alive
      const alive = setInterval(() => undefined, 60_000)
      return () => {
        clearInterval(alive)
        for (const name of signals) process.off(name, listener)
      }
    },
  }
}
