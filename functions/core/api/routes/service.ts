import * as answers from '#core/api/answers.ts'
import { route } from '#core/api/route.ts'

export const showLiveness = route({
  id: 'showLiveness',
  method: 'GET',
  path: '/v1/health/live',
  access: 'anyone',
  summary: 'Whether the API answers at all',
  answers: { 200: { doc: 'It does', schema: answers.healthAnswer } },
  problems: [],
})

export const showReadiness = route({
  id: 'showReadiness',
  method: 'GET',
  path: '/v1/health/ready',
  access: 'anyone',
  summary: 'Whether every part that the API depends on answers; a 503 names those that do not',
  answers: { 200: { doc: 'All of them do', schema: answers.healthAnswer } },
  problems: ['unavailable'],
})

export const showContract = route({
  id: 'showContract',
  method: 'GET',
  path: '/v1/openapi.json',
  access: 'anyone',
  summary: 'This document',
  answers: { 200: { doc: 'OpenAPI 3.1' } },
  problems: [],
})
