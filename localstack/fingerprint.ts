import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { repository } from './state-dir.ts'

/** All that the templates and the functions' bundles are made from. */
const sources = ['infra', 'functions', 'datasets', 'cdk.json', 'package-lock.json', 'tsconfig.json']

/** Reading the sources takes milliseconds where a synthesis takes seconds: an unchanged hash needs neither synthesis nor deploy. */
export const sourcesHash = (context: readonly string[]): string =>
  hashFiles(
    repository,
    sources.flatMap((name) => filesIn(join(repository, name))),
    context,
  )

/** Templates name their assets by content, so together they stand for all that a deploy would bring. */
export const templatesHash = (assembly: string): string =>
  hashFiles(
    assembly,
    readdirSync(assembly)
      .filter((name) => name.endsWith('.template.json') || name.endsWith('.assets.json'))
      .map((name) => join(assembly, name)),
    [],
  )

function filesIn(path: string): string[] {
  if (statSync(path, { throwIfNoEntry: false })?.isFile()) return [path]
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

function hashFiles(root: string, files: readonly string[], more: readonly string[]): string {
  const hash = createHash('sha256').update(JSON.stringify(more))
  for (const file of [...files].sort()) hash.update(`\0${relative(root, file)}\0`).update(readFileSync(file))
  return hash.digest('hex')
}
