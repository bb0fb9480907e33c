// After a build: says how large the page is, refuses one that is too large, and records
// which sources it was built from, so that a test can tell a page that is out of date.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

const LIMIT = 100_000 // bytes, all of the page compressed

/** files below dir, in one order everywhere. */
function files(dir) {
  return readdirSync(dir).sort().flatMap((name) => {
    const path = join(dir, name)
    return statSync(path).isDirectory() ? files(path) : [path]
  })
}

/** digest of the sources: names and contents. admin/ui has the same in Go. */
export function digest() {
  const hash = createHash('sha256')
  const all = ['index.html', 'package-lock.json', 'package.json', 'tsconfig.json', 'vite.config.ts', ...files('public'), ...files('scripts'), ...files('src')]
  for (const path of all.map((p) => p.split('\\').join('/')).sort()) {
    const content = readFileSync(path)
    hash.update(`${path}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

if (process.argv[2] === '--check') {
  let sealed = ''
  try { sealed = readFileSync('dist/sources.sha256', 'utf8').trim() } catch { /* not built */ }
  process.exit(sealed === digest() ? 0 : 1)
}
let sum = 0
for (const path of files('dist')) {
  if (path.endsWith('.sha256')) continue
  const size = gzipSync(readFileSync(path), { level: 9 }).length
  sum += size
  console.log(`${String(size).padStart(7)} B compressed  ${path}`)
}
console.log(`${String(sum).padStart(7)} B compressed in all, of ${LIMIT}`)
if (sum >= LIMIT) process.exit(1)
writeFileSync('dist/sources.sha256', `${digest()}\n`)
