/** `npm run dashboards`: writes what is made of the code: the dashboards, and the page that lists the metrics. */
import { writeFileSync } from 'node:fs'
import { generatedFiles } from './src/generated.ts'

for (const { path, text } of generatedFiles()) {
  writeFileSync(new URL(`../${path}`, import.meta.url), text)
  console.log(path)
}
