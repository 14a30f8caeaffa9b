/** Nothing: the contract is part of the code. */
export const spec = {}
