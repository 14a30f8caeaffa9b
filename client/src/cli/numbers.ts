import { InvalidArgumentError } from 'commander'
import { isMaxRejects, type MaxRejects } from '../../../functions/core/dataset/max-rejects.ts'

/** A parser of whole numbers within bounds, for commander. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const n = /^[0-9_,]{1,20}$/.test(text) ? Number(text.replace(/[_,]/g, '')) : Number.NaN
    if (!Number.isSafeInteger(n) || n < least || n > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
    return n
  }

/** A count, or a share such as 1%. */
export function rejectLimit(text: string): MaxRejects {
  const max = text.endsWith('%') ? text : wholeNumber(0, Number.MAX_SAFE_INTEGER)(text)
  if (isMaxRejects(max)) return max
  throw new InvalidArgumentError('It must be a whole number, or a share of the rows such as 1% or 0.25%.')
}
