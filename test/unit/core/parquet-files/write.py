"""Writes the Parquet files of other writers that the tests read, with what each must give: python3 write.py (needs pyarrow, duckdb and polars)."""
import base64, datetime, decimal, json, random
import duckdb, polars, pyarrow as pa, pyarrow.parquet as pq

rows = 120
random.seed(1)
ints = ['DELTA_BINARY_PACKED', 'BYTE_STREAM_SPLIT']
words = ['', 'Zürich', 'plain', '🚀 "quoted"\n', 'Zürich West', 'plainer']
pick, number = random.choice, random.randint
in_base64 = lambda value: base64.b64encode(value).decode()
kinds = {
    'i8': (pa.int8(), lambda: number(-128, 127), str),
    'i32': (pa.int32(), lambda: pick([number(-2**31, 2**31 - 1), number(0, 5)]), str),
    'i64': (pa.int64(), lambda: pick([number(-2**63, 2**63 - 1), 2**53 - 1, 2**53, -2**53, 7]), str),
    'u32': (pa.uint32(), lambda: number(0, 2**32 - 1), str),
    'u64': (pa.uint64(), lambda: number(0, 2**64 - 1), str),
    'f32': (pa.float32(), lambda: number(-1000, 1000) / 8, lambda v: str(v).removesuffix('.0')),
    'f64': (pa.float64(), lambda: number(-10**6, 10**6) / 1024, lambda v: str(v).removesuffix('.0')),
    'yes': (pa.bool_(), lambda: random.random() < 0.9, lambda v: v),
    'word': (pa.string(), lambda: pick(words), lambda v: v),
    'bytes': (pa.binary(), lambda: random.randbytes(number(0, 5)), in_base64),
    'day': (pa.date32(), lambda: datetime.date(1, 1, 1) + datetime.timedelta(number(0, 3_652_058)), lambda v: v.isoformat()),
    'amount': (pa.decimal128(28, 5), lambda: decimal.Decimal(number(-10**27, 10**27)).scaleb(-5), lambda v: format(v, 'f')),
    'price': (pa.decimal128(9, 2), lambda: decimal.Decimal(number(-10**8, 10**8)).scaleb(-2), lambda v: format(v, 'f')),
    'ms': (pa.timestamp('ms'), lambda: datetime.datetime(1, 1, 1) + datetime.timedelta(milliseconds=number(0, 3 * 10**14)),
           lambda v: v.isoformat(timespec='milliseconds')),
    'us': (pa.timestamp('us', tz='UTC'), lambda: datetime.datetime(1, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(microseconds=number(0, 3 * 10**17)),
           lambda v: v.replace(tzinfo=None).isoformat(timespec='microseconds') + 'Z'),
    'fixed': (pa.binary(16), lambda: random.randbytes(16), in_base64),
}

def column(make):
    values = []
    while len(values) < rows:
        values += [None if random.random() < 0.2 else make()] * pick([1, 1, 1, 9, 20])
    return values[:rows]

columns = {name: column(make) for name, (_, make, _) in kinds.items()}
columns['i32'] = [value or 0 for value in columns['i32']]
schema = pa.schema([pa.field(name, kind, nullable=name != 'i32') for name, (kind, _, _) in kinds.items()])
table = pa.table(columns, schema)
json.dump({name: [None if v is None else kinds[name][2](v) for v in values] for name, values in columns.items()}, open('values.json', 'w'), ensure_ascii=False)

pq.write_table(table, 'arrow-v1-dictionaries.parquet', data_page_version='1.0', compression='SNAPPY', row_group_size=50, data_page_size=100,
               dictionary_pagesize_limit=300, write_statistics=False)
encodings = {'yes': 'RLE', 'word': 'DELTA_BYTE_ARRAY', 'bytes': 'DELTA_LENGTH_BYTE_ARRAY', 'f32': 'BYTE_STREAM_SPLIT', 'f64': 'BYTE_STREAM_SPLIT',
             'amount': 'BYTE_STREAM_SPLIT', 'price': 'BYTE_STREAM_SPLIT', 'fixed': 'BYTE_STREAM_SPLIT'}
for version in ['1.0', '2.0']:
    pq.write_table(table, f'arrow-v{version[0]}-deltas.parquet', data_page_version=version, compression='ZSTD', use_dictionary=False, write_statistics=False,
                   column_encoding={name: encodings.get(name, pick(ints)) for name in columns})
without = table.drop_columns(['fixed'])
for version, codec in [('V1', 'lz4_raw'), ('V2', 'brotli')]:
    duckdb.sql(f"COPY (SELECT * FROM without) TO 'duckdb-{version.lower()}.parquet' (FORMAT parquet, PARQUET_VERSION {version}, COMPRESSION {codec})")
polars.from_arrow(without).write_parquet('polars.parquet', compression='gzip', row_group_size=64, data_page_size=200, statistics=False)
