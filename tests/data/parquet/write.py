"""Writes Parquet as another writer does: pages of version 2, delta encodings, page indexes, checksums, nested columns.

Made with pyarrow 26.0.1: python tests/data/parquet/write.py. The nested one goes into the corpus of the fuzzer.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

FOLDER = Path(__file__).parent
ROWS = range(40)

plain = pa.table(
    {
        "a": pa.array([float(i) if i % 7 else None for i in ROWS]),
        "b": pa.array([i % 3 == 0 for i in ROWS]),
        "c": pa.array([["x", "yy", "zzz"][i % 3] for i in ROWS]),
        "d": pa.array([bytes([i] * 16) for i in ROWS], pa.binary(16)),
        "t": pa.array([3600 * i for i in ROWS], pa.int64()),
        "y": pa.array([i % 2 for i in ROWS], pa.int64()),
    }
)
pq.write_table(
    plain,
    FOLDER / "pyarrow_pages_2_delta_zstd.parquet",
    data_page_version="2.0",
    compression="zstd",
    use_dictionary=False,
    column_encoding={
        "a": "BYTE_STREAM_SPLIT",
        "b": "RLE",
        "c": "DELTA_BYTE_ARRAY",
        "t": "DELTA_BINARY_PACKED",
        "y": "DELTA_BINARY_PACKED",
    },
    write_page_index=True,
    row_group_size=16,
)

nested = pa.table(
    {
        "a": pa.array([float(i) for i in ROWS]),
        "l": pa.array([[i, i + 1] if i % 5 else None for i in ROWS]),
        "s": pa.array([{"p": i, "q": {"r": str(i)}} for i in ROWS]),
        "m": pa.array([[("k", i)] for i in ROWS], pa.map_(pa.string(), pa.int32())),
        "y": pa.array([i % 2 for i in ROWS]),
    }
)
pq.write_table(
    nested,
    FOLDER.parents[1] / "fuzz/corpus/parquet/pyarrow_nested_gzip.parquet",
    compression="gzip",
    data_page_size=64,
    write_page_checksum=True,
    sorting_columns=[pq.SortingColumn(0)],
)
