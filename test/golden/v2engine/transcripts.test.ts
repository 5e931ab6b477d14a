/** Each `.txt` beside this file is a replica's life: events, `----`, the effects in the order in which they are carried out. */
import { fileURLToPath } from 'node:url'
import { testTranscripts } from '../transcripts.ts'
import { Script } from './script.ts'
import { showEffects } from './show.ts'

testTranscripts({
  title: 'transcripts of the replication engine',
  folder: fileURLToPath(new URL('.', import.meta.url)),
  filesMin: 25,
  begin: (text) => {
    const script = new Script(/^self (\w+)$/m.exec(text)?.[1] ?? 'a')
    return (event) => script.run(event).flatMap((effects) => showEffects(effects))
  },
  isSetting: (line) => line.startsWith('at '),
  isSkipped: (line) => line.startsWith('self '),
})
