/** How an object is cut into the parts of a multipart upload. */
export interface PartPlan {
  /** Bytes of the whole object. */
  readonly size: number
  /** Bytes of every part but the last, which has the rest. */
  readonly partSize: number
  readonly partCount: number
}

const mebibyte = 1024 * 1024
/** Large enough that requests cost little beside bytes, small enough that a retry and a browser's memory cost little. */
const usualPartSize = 8 * mebibyte
/** S3: 10,000 parts of 5 MiB to 5 GiB (docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html). */
export const maxParts = 10_000

/** Parts of 8 MiB, or of as many whole MiB as keep them to 10,000. */
export function planParts(size: number): PartPlan {
  const least = Math.ceil(size / maxParts / mebibyte) * mebibyte
  const partSize = Math.max(usualPartSize, least)
  return { size, partSize, partCount: Math.ceil(size / partSize) }
}

/** Bytes that part `number` (from 1) must have. */
export function sizeOfPart(plan: PartPlan, number: number): number {
  return number < plan.partCount ? plan.partSize : plan.size - plan.partSize * (plan.partCount - 1)
}
