/** A new W3C `traceparent`, sampled: https://www.w3.org/TR/trace-context/#traceparent-header. One covers a whole push. */
export function newTraceparent(): string {
  const hex = (bytes: number) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (b) => b.toString(16).padStart(2, '0')).join('')
  return `00-${hex(16)}-${hex(8)}-01`
}
