import { submitBatch } from './routes/batches.ts'
import { listDatasets, showDataset } from './routes/datasets.ts'
import { listDeadLetters, showDeadLetter } from './routes/dead-letters.ts'
import { listLoads, listRejects, showLoad } from './routes/loads.ts'
import { replayLoad, replayStream } from './routes/replays.ts'
import type { Route } from './routes/route.ts'
import { showContract, showLiveness, showReadiness } from './routes/service.ts'
import { abortUpload, completeUpload, openUpload, showUpload, signParts } from './routes/uploads.ts'

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
