import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { openApiDocument } from '#core/api/openapi.ts'
import { routes } from '#core/api/routes/all.ts'
import { type ProblemCode, problems } from '#core/problems.ts'
import { rejectCodes } from '#core/values/reject.ts'

const docs = (name: string): string => readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8')

test('docs/openapi.json is what the route table says; `npm run openapi` writes it', () => {
  assert.deepEqual(JSON.parse(docs('openapi.json')), JSON.parse(JSON.stringify(openApiDocument(routes))))
})

test('every route is there, with its answers, and every reference leads somewhere', () => {
  const document = JSON.parse(docs('openapi.json'))
  for (const { path, method, answers, problems: codes, access } of routes) {
    const operation = document.paths[path][method.toLowerCase()]
    assert.ok(operation.operationId && operation.summary, path)
    for (const status of Object.keys(answers)) assert.ok(operation.responses[status], `${method} ${path} ${status}`)
    for (const code of codes) assert.match(operation.responses[problems[code].status].description, new RegExp(`\`${code}\``))
    assert.equal(operation.security.length, access === 'key' ? 1 : 0)
  }
  assert.equal(new Set(routes.map(({ id }) => id)).size, routes.length)
  for (const [, reference = ''] of docs('openapi.json').matchAll(/"\$ref": "#\/([^"]+)"/g)) {
    const target = reference.split('/').reduce((at, step) => at?.[step], document)
    assert.ok(target, reference)
  }
})

test('every problem code and every reject code is documented, and no other', () => {
  const documented = [...docs('errors.md').matchAll(/^\| `([a-z0-9-]+)` \|(?: (\d{3}) \|)?/gm)]
  const codes = documented.map(([, code]) => code).sort()
  assert.deepEqual(codes, [...Object.keys(problems), ...Object.keys(rejectCodes)].sort())
  for (const [, code, status] of documented)
    if (status !== undefined) assert.equal(Number(status), problems[code as ProblemCode].status, code)
})
