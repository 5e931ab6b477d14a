/**
 * `basalt volume attach-info`: what to do on a host to use a volume. What is printed for people is a shell script as it
 * stands: commands, files as here-documents, and the rest as comments.
 */

import { AttachInfo, volumePath } from '../../client/wire/volume.ts'
import { type Call, type CommandDescription, VOLUME } from '../command.ts'

export const VOLUME_ATTACH_INFO: CommandDescription = {
  words: ['volume', 'attach-info'],
  summary: 'show what to run on a host to use a volume; changes nothing',
  args: [VOLUME],
  service: 'master',
  run: async (call) => {
    const api = await call.connect()
    const info = await api.get(volumePath(call.arg('VOLUME'), 'attach-info'), AttachInfo)
    call.print(info, () => scriptOf(info))
    if (!call.isJson) for (const { message } of info.warnings) warn(call, message)
  },
}

const warn = (call: Call, message: string): void => void call.stderr.write(`warning: ${message}\n`)

function scriptOf({ name, warnings, sections }: AttachInfo): string {
  const parts = sections.map(({ title, file, lines }) => [
    `# ${name}: ${title}`,
    ...(file === null ? lines : [`cat > ${file} <<'END'`, ...lines, 'END']),
  ])
  const said = warnings.map(({ message }) => `# warning: ${message}`)
  return [...(said.length === 0 ? [] : [said]), ...parts]
    .map((lines) => `${lines.map(printable).join('\n')}\n`)
    .join('\n')
}

/** What a name holds is not to steer the terminal, or to end a comment. */
const printable = (line: string): string => line.replace(/\p{Cc}/gu, '?')
