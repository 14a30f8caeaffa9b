/** What a careless export could hold: two new rows, one that is in the table already, a blank line, and eight rows that are wrong. */
export function badFlights(rowsInTable: number): string {
  const good = (id: number) => ({ id, date: '2001-07-01T12:00:00.000Z', delay: 5, distance: 405, origin: 'MCI', destination: 'MDW' })
  const next = rowsInTable + 1
  return [
    JSON.stringify(good(next)),
    JSON.stringify({ ...good(next + 1), delay: 'late' }),
    '{"id": 12, "date": "2001-0',
    JSON.stringify({ ...good(next + 2), date: '2001-02-30T00:00:00.000Z' }),
    '',
    JSON.stringify({ ...good(next + 3), origin: 'Orlando' }),
    JSON.stringify({ ...good(next + 4), distance: 1e12 }),
    JSON.stringify({ ...good(next + 5), gate: 'B7' }),
    JSON.stringify({ id: next + 6, date: '2001-07-01T12:00:00.000Z' }),
    JSON.stringify({ ...good(next + 7), delay: null }),
    JSON.stringify(good(1)),
    JSON.stringify(good(next + 8)),
    '',
  ].join('\n')
}
