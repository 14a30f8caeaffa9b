import type { Route } from '#core/api/route.ts'
import { submitBatch } from './batches.ts'
import { listDatasets, showDataset } from './datasets.ts'
import { listDeadLetters, showDeadLetter } from './dead-letters.ts'
import { listLoads, listRejects, showLoad } from './loads.ts'
import { replayLoad, replayStream } from './replays.ts'
import { showContract, showLiveness, showReadiness } from './service.ts'
import { abortUpload, completeUpload, openUpload, showUpload, signParts } from './uploads.ts'

/** The route table, in the order of the OpenAPI document, which is generated from it. */
export const routes: readonly Route[] = [
  listDatasets,
  showDataset,
  openUpload,
  submitBatch,
  signParts,
  showUpload,
  completeUpload,
  abortUpload,
  listLoads,
  showLoad,
  listRejects,
  replayLoad,
  replayStream,
  listDeadLetters,
  showDeadLetter,
  showLiveness,
  showReadiness,
  showContract,
]
