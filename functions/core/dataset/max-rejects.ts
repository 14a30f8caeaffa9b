/** Rejected rows that a load may have: a count, or a share of its rows such as "1%" or "0.25%". One more ends it as `failed`. */
export type MaxRejects = number | string

/** A share up to 100 %, with four digits after the point at most. */
export const share = /^(?:100|\d{1,2}(?:\.\d{1,4})?)%$/

export const isMaxRejects = (max: MaxRejects): boolean =>
  typeof max === 'number' ? Number.isSafeInteger(max) && max >= 0 : share.test(max)
