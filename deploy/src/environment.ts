/** The reference of environment variables, made from the tables of settings. */
import { flagsOf } from '../../src/cli/services.ts'
import type { AnySettings } from '../../src/config/config-file.ts'
import { variableOf } from '../../src/config/settings.ts'
import { CSI_SETTINGS } from '../../src/csi/server/csi-config.ts'
import { MASTER_SETTINGS } from '../../src/master/config/master-config.ts'
import { SERVER_SETTINGS } from '../../src/server/config/server-config.ts'
import { TARGET_SETTINGS } from '../../src/server/config/settings.ts'

const DAEMONS: readonly {
  readonly command: string
  readonly page: string
  readonly settings: AnySettings
}[] = [
  { command: 'basalt master', page: 'master.md', settings: MASTER_SETTINGS as AnySettings },
  { command: 'basalt server', page: 'block-server.md', settings: SERVER_SETTINGS as AnySettings },
  { command: 'basalt target', page: 'configuration.md', settings: TARGET_SETTINGS as AnySettings },
  { command: 'basalt csi', page: 'csi.md', settings: CSI_SETTINGS as AnySettings },
]

const INTRODUCTION = `# Environment variables

Made from the tables of settings by \`npm run deploy:manifests\`; what is changed here by hand is lost.

A daemon reads each of its settings from a flag (\`--log-level\`), else from a variable (\`BASALT_LOG_LEVEL\`), else from the file
that \`--config\` or \`BASALT_CONFIG\` names ([configuration.md](configuration.md)). A list has commas in its variable. SIGHUP takes
over what is marked; other changes need a restart. Secrets have no variables, but for the token of the command line: variables
are seen by whoever sees the process.
`

const PROCESS = `## Of every process

${table(
  ['variable', 'meaning'],
  [
    ['`BASALT_CONFIG`', 'file with settings of a daemon, as `--config`'],
    ['`CSI_ENDPOINT`', 'socket of `basalt csi` where `--endpoint` and `BASALT_ENDPOINT` say none'],
    ['`UV_THREADPOOL_SIZE`', 'threads for disks; 16 unless set: a disk that hangs must not hold all of them'],
    [
      '`NODE_EXTRA_CA_CERTS`',
      'further authorities (PEM) that are believed, for object stores with certificates of their own',
    ],
  ],
)}`

/** docs/environment.md. */
export function environmentPage(): string {
  const daemons = DAEMONS.map(
    ({ command, page, settings }) =>
      `## ${command}\n\nMore in [${page}](${page}).\n\n${table(
        ['variable', 'default', 'SIGHUP', 'meaning'],
        Object.entries(settings).map(([name, setting]) => [
          `\`${variableOf(name)}\``,
          setting.default === undefined || setting.default === ''
            ? setting.required
              ? 'required'
              : ''
            : `\`${setting.default}\``,
          setting.reloads ? 'yes' : '',
          setting.help,
        ]),
      )}`,
  )
  return `${[INTRODUCTION, PROCESS, ...daemons, commandLine()].join('\n')}`
}

function commandLine(): string {
  const flags = [...flagsOf('master'), ...flagsOf('target')].filter(({ variable }) => variable !== undefined)
  return `## The command line

For commands that talk to a master or a target.

${table(
  ['variable', 'default', 'meaning'],
  [
    ...flags.map(({ variable, default: value, help }) => [
      `\`${variable}\``,
      value === undefined ? '' : `\`${value}\``,
      help,
    ]),
    ['`BASALT_TOKEN`', '', 'the token itself, of `basalt csi` too; `--token-file` wins'],
  ],
)}`
}

/** A table as the formatter of documents writes it. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')))
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => (row[column] ?? '').length)))
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |\n`
  const [first = [], ...rest] = cells
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |\n`
  return `${line(first)}${rule}${rest.map(line).join('')}`
}
