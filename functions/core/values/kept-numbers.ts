/** Digits, and a point among them, that a double holds whatever they are: as a value, and so that JavaScript writes the same ones. */
const [exactBytes, writtenBytes] = [16, 15]
const [zero, nine, point, minus] = [48, 57, 46, 45]

/**
 * True when JSON.parse keeps every number of a JSON text: there is no exponent, and none has so many digits that a double might not hold them.
 * (False for some texts that have such things only inside a string: that costs time and nothing else.)
 * @param asWritten demands that JavaScript would also write each of them as it stands, as it does not write 1.50, -0 and 0.0000001
 */
export function keepsNumbers(text: Uint8Array, asWritten: boolean): boolean {
  const length = text.length
  for (let at = 0; at < length; at++) {
    let c = text[at]!
    if (c > nine || (c < zero && c !== point)) continue
    const from = at
    do c = text[++at]!
    while (at < length && c <= nine && (c >= zero || c === point))
    const odd = at - from > exactBytes || c === 101 || c === 69 || (asWritten && isRewritten(text, from, at))
    if (odd && isNumber(text, from, at)) return false
  }
  return true
}

/** True for digits without an exponent that JavaScript might write in another way. */
function isRewritten(text: Uint8Array, from: number, to: number): boolean {
  if (to - from > writtenBytes) return true
  if (text[to - 1] === zero) for (let at = from; at < to; at++) if (text[at] === point) return true
  if (text[from] !== zero) return false
  return to - from === 1 ? text[from - 1] === minus : text[from + 2] === zero && text[from + 3] === zero
}

/** False for digits inside a word, such as those of a UUID or a time. */
function isNumber(text: Uint8Array, from: number, to: number): boolean {
  const before = text[text[from - 1] === minus ? from - 2 : from - 1] ?? 32
  const behind = text[to] ?? 32
  return (before <= 32 || ':,['.includes(String.fromCharCode(before))) && (behind <= 32 || ',]}eE'.includes(String.fromCharCode(behind)))
}
