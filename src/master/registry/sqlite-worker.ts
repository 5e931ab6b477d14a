/** The thread that has the registry's file: SQLite waits for the disk here, and the process does not wait with it. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { isBlockError } from '../../base/errors.ts'
import { SqliteFile, type SqliteFileOptions } from './sqlite-file.ts'
import { type Call, failed, type Reply } from './sqlite-messages.ts'

assert(parentPort !== null, 'this module is the main module of a thread')
const port = parentPort
const options: SqliteFileOptions = workerData

/** An error that is none of the file's ends the thread, and its process hears of it. */
function attempt(body: () => Reply): Reply {
  try {
    return body()
  } catch (error) {
    if (isBlockError(error)) return failed(error)
    throw error
  }
}

function answer(file: SqliteFile, call: Call): Reply {
  switch (call.kind) {
    case 'read':
      return { kind: 'read', records: file.read(call.prefix) }
    case 'commit':
      return { kind: 'commit', outcome: file.commit(call.transaction) }
    case 'close':
      file.close()
      return { kind: 'closed' }
  }
}

function serve(): Reply {
  const file = new SqliteFile(options)
  port.on('message', (call: Call) => {
    const reply = attempt(() => answer(file, call))
    port.postMessage(reply)
    // Nothing else keeps the thread.
    if (reply.kind === 'closed') port.close()
  })
  return { kind: 'opened', id: file.id, seq: file.seq }
}

port.postMessage(attempt(serve))
