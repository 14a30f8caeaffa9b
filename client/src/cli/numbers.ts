import { InvalidArgumentError } from 'commander'

/** A parser of whole numbers within bounds, for commander. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const n = /^[0-9_,]{1,20}$/.test(text) ? Number(text.replace(/[_,]/g, '')) : Number.NaN
    if (!Number.isSafeInteger(n) || n < least || n > most)
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
    return n
  }
