/** Each `.txt` beside this file is the life of a volume's lead: events, `----`, what is recorded, told and noted. */
import { fileURLToPath } from 'node:url'
import { testTranscripts } from '../transcripts.ts'
import { Script } from './script.ts'

testTranscripts({
  title: 'transcripts of who leads',
  folder: fileURLToPath(new URL('.', import.meta.url)),
  filesMin: 12,
  begin: () => {
    const script = new Script()
    return (event) => script.run(event)
  },
  isSetting: (line) => /^(at|volume|may|replicas|forget)\b/.test(line),
})
