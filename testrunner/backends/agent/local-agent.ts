/** An agent on the runner's own machine, as a child process. */
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import { join } from 'node:path'
import { AGENT_DIRECTORY, AGENT_FILES, AGENT_FOLDER } from './agent-files.ts'
import { AgentLink } from './agent-link.ts'
import { childStream } from './child-stream.ts'

export interface LocalAgent {
  readonly link: AgentLink
  /** Of `launch.sh`: everything was cleared up. */
  readonly exited: Promise<void>
}

/** `directory`: of the machine. `mark`: of the run. */
export function openLocalAgent(directory: string, mark: string): LocalAgent {
  const folder = join(directory, AGENT_FOLDER)
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const file of AGENT_FILES) fs.copyFileSync(join(AGENT_DIRECTORY, file), join(folder, file))
  const child = spawn('sh', [join(folder, 'launch.sh'), process.execPath, directory, mark, '0'], {
    detached: true,
    stdio: 'pipe',
  })
  const { stream, exited } = childStream('this machine', child)
  return { link: new AgentLink(stream), exited }
}
