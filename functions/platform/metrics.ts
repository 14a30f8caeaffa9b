import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import type { ChunkResult } from '#core/loads/load.ts'

/** Metrics in CloudWatch's embedded format: one log line, no call. Namespace and service come from the POWERTOOLS_* variables. */
const metrics = new Metrics()

/** Rows by what became of them, for one dataset. */
export function countRows(dataset: string, rows: Pick<ChunkResult, 'received' | 'loaded' | 'updated' | 'duplicate' | 'rejected'>): void {
  metrics.addDimension('dataset', dataset)
  metrics.addMetric('RowsReceived', MetricUnit.Count, rows.received)
  metrics.addMetric('RowsLoaded', MetricUnit.Count, rows.loaded)
  metrics.addMetric('RowsUpdated', MetricUnit.Count, rows.updated)
  metrics.addMetric('RowsDuplicate', MetricUnit.Count, rows.duplicate)
  metrics.addMetric('RowsRejected', MetricUnit.Count, rows.rejected)
  metrics.publishStoredMetrics()
}

/** Things that a person should know of. */
export function count(
  name: 'DatabaseAway' | 'DatasetParked' | 'LoadsGivenUp' | 'ObjectsUnknown' | 'MessagesUnknown' | 'DeadLetters' | 'DeadLettersUnreadable',
  n = 1,
): void {
  metrics.addMetric(name, MetricUnit.Count, n)
  metrics.publishStoredMetrics()
}
