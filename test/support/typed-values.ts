import fc from 'fast-check'
import {
  array,
  bigint,
  boolean,
  bytea,
  type Column,
  date,
  doublePrecision,
  integer,
  jsonb,
  numeric,
  oneOf,
  real,
  smallint,
  sqlType,
  text,
  timestamp,
  timestamptz,
  uuid,
} from '#core/columns/column.ts'

const pad = (n: number, width = 2) => String(n).padStart(width, '0')
const day = fc
  .tuple(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 0, max: 13 }), fc.integer({ min: 0, max: 32 }))
  .map(([y, m, d]) => `${pad(y, 4)}-${pad(m)}-${pad(d)}`)
const clock = fc
  .tuple(
    fc.integer({ min: 0, max: 24 }),
    fc.integer({ min: 0, max: 60 }),
    fc.integer({ min: 0, max: 60 }),
    fc.constantFrom('', '.5', '.123456', '.1234567', '.000001'),
  )
  .map(([h, m, s, f]) => `${pad(h)}:${pad(m)}:${pad(s)}${f}`)
const zone = fc.constantFrom('', 'Z', '+02', '-05:30', '+1559', '+16:00')
const plainMoment = fc
  .tuple(fc.date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true }), fc.constantFrom('', 'Z', '+05:30'))
  .map(([date, end]) => date.toISOString().slice(0, -1) + end)
const moments = fc
  .oneof(
    plainMoment,
    fc.tuple(day, fc.constantFrom('T', ' '), clock, zone).map((parts) => parts.join('')),
  )
  .map((text) => JSON.stringify(text))
const digits = fc.stringMatching(/^-?(0|[1-9]\d{0,24})(\.\d{1,12})?([eE][+-]?\d{1,2})?$/)
const numbers = fc.oneof(
  digits,
  digits.map((d) => JSON.stringify(d)),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((d) => JSON.stringify(d)),
  fc.constantFrom(
    '-0',
    '1e400',
    '1e-400',
    '1.00000000000000001',
    '1.0',
    '4e-324',
    '0e-999',
    '100e-2',
    '"NaN"',
    '9007199254740993',
    '"9223372036854775808"',
    '"-9223372036854775808"',
    'true',
    '""',
  ),
)
const strings = fc
  .oneof(
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc.string({ unit: 'binary', maxLength: 6 }),
    fc.constantFrom('\0', '\ud800', 'x\udc00', 'é', '🚀🚀', 'é'),
  )
  .map((s) => JSON.stringify(s))

const base64 = fc.oneof(
  fc.uint8Array({ maxLength: 20 }).map((bytes) => JSON.stringify(Buffer.from(bytes).toString('base64'))),
  fc.constantFrom('"YQ"', '"YR=="', '"Y Q=="', '"YQ==\\n"', '"_w=="', '"===="', '1'),
)
const arraysOf = (elements: fc.Arbitrary<string>) =>
  fc.oneof(
    { weight: 9, arbitrary: fc.array(elements, { maxLength: 4 }).map((each) => `[${each.join(', ')}]`) },
    { weight: 1, arbitrary: fc.constantFrom('{}', '"{1}"', '1', 'null', '[[1]]', '[null]') },
  )
const plainNumbers = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: -99, max: 99 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('1.5', '"1"') },
)
const colours = fc.constantFrom('"red"', '"green"', '"dark blue"', '"é"', '"Red"', '""', '1', 'null')

/** Columns of every type by name, and JSON texts of values of each, good and bad. */
export const typedValues: readonly [string, Column, fc.Arbitrary<string>][] = [
  ['smallint', smallint({ nullable: true }), numbers],
  ['integer', integer({ nullable: true }), numbers],
  ['bigint', bigint({ nullable: true }), numbers],
  ['numeric', numeric({ nullable: true }), numbers],
  ['numeric(10,3)', numeric({ precision: 10, scale: 3, nullable: true }), numbers],
  ['real', real({ nullable: true }), numbers],
  ['double precision', doublePrecision({ nullable: true }), numbers],
  ['boolean', boolean({ nullable: true }), fc.constantFrom('true', 'false', '1', '"true"', 'null')],
  ['text', text({ nullable: true }), strings],
  ['varchar(4)', text({ max: 4, nullable: true }), strings],
  [
    'uuid',
    uuid({ nullable: true }),
    fc.oneof(
      fc.uuid().map((u) => JSON.stringify(u)),
      fc.uuid().map((u) => JSON.stringify(u.toUpperCase().slice(1))),
    ),
  ],
  ['date', date({ nullable: true }), day.map((d) => JSON.stringify(d))],
  ['timestamp', timestamp({ nullable: true }), moments],
  ['timestamptz', timestamptz({ nullable: true }), moments],
  [
    'jsonb',
    jsonb({ nullable: true }),
    fc.oneof(
      fc.json(),
      numbers,
      strings,
      fc.constantFrom(
        '{"a":1e2,"a":2}',
        '["\\\\u0000"]',
        '["\\u0000"]',
        '12345678901234567890.123',
        `[0.${'1'.repeat(16_383)}]`,
        `0.${'1'.repeat(16_384)}`,
        '{"a":1e-16383}',
        '1e-16384',
        '1e131071',
        '1e131072',
        `1${'0'.repeat(131_072)}`,
      ),
    ),
  ],
  ['bytea', bytea({ nullable: true }), base64],
  ['an enum', oneOf(['red', 'green', 'dark blue', 'é'], { nullable: true }), colours],
  ...(
    [
      [smallint({ nullable: true }), plainNumbers],
      [integer({ nullable: true }), plainNumbers],
      [bigint({ nullable: true }), plainNumbers],
      [numeric({ nullable: true }), plainNumbers],
      [numeric({ precision: 3, scale: 1 }), plainNumbers],
      [real(), plainNumbers],
      [doublePrecision(), plainNumbers],
      [boolean({ nullable: true }), fc.constantFrom('true', 'false', 'null')],
      [text({ nullable: true }), strings],
      [text({ max: 4 }), strings],
      [uuid(), fc.uuid().map((u) => JSON.stringify(u))],
      [date(), fc.constantFrom('"2024-02-29"', '"0001-01-01"', '"2023-02-29"')],
      [timestamp(), fc.constantFrom('"2024-02-29T01:02:03"', '"2024-02-29T01:02:03Z"')],
      [timestamptz(), fc.constantFrom('"2024-02-29T01:02:03.5+02"', '"2024-02-29T01:02:03Z"')],
      [jsonb({ nullable: true }), fc.oneof(fc.json(), plainNumbers)],
      [bytea(), base64],
      [oneOf(['red', 'green', 'dark blue', 'é'], { nullable: true }), colours],
    ] as [Column, fc.Arbitrary<string>][]
  ).map(([element, elements]): [string, Column, fc.Arbitrary<string>] => [
    `${sqlType(element)}[]${element.type === 'enum' ? ' of an enum' : ''}`,
    array(element, { nullable: true }),
    arraysOf(elements),
  ]),
]
