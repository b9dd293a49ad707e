//! The structs of a Parquet file that polars reads: what each field holds, by its number.
//!
//! Source: `parquet.thrift` of the Parquet format 2.11. Fields that polars skips by their type are left out.

use super::thrift::{Layout, Shape};

use Shape::{Byte, List, Struct, Text, Truth, Whole};

/// The footer.
pub static FILE: Layout = Layout {
    name: "FileMetaData",
    fields: &[
        (1, Whole),
        (2, List(&Struct(&ELEMENT))),
        (3, Whole),
        (4, List(&Struct(&GROUP))),
        (5, List(&Struct(&PAIR))),
        (6, Text),
        (7, List(&Struct(&ORDER))),
    ],
};

/// What stands before the bytes of a page.
pub static PAGE: Layout = Layout {
    name: "PageHeader",
    fields: &[
        (1, Whole),
        (2, Whole),
        (3, Whole),
        (4, Whole),
        (5, Struct(&DATA_PAGE)),
        (6, Struct(&EMPTY)),
        (7, Struct(&DICTIONARY_PAGE)),
        (8, Struct(&DATA_PAGE_2)),
    ],
};

static ELEMENT: Layout = Layout {
    name: "SchemaElement",
    fields: &[
        (1, Whole),
        (2, Whole),
        (3, Whole),
        (4, Text),
        (5, Whole),
        (6, Whole),
        (7, Whole),
        (8, Whole),
        (9, Whole),
        (10, Struct(&LOGICAL)),
    ],
};

static LOGICAL: Layout = Layout {
    name: "LogicalType",
    fields: &[
        (1, Struct(&EMPTY)),
        (2, Struct(&EMPTY)),
        (3, Struct(&EMPTY)),
        (4, Struct(&EMPTY)),
        (5, Struct(&DECIMAL)),
        (6, Struct(&EMPTY)),
        (7, Struct(&TIME)),
        (8, Struct(&TIME)),
        (10, Struct(&INTEGER)),
        (11, Struct(&EMPTY)),
        (12, Struct(&EMPTY)),
        (13, Struct(&EMPTY)),
        (14, Struct(&EMPTY)),
        (15, Struct(&EMPTY)),
    ],
};

static DECIMAL: Layout = Layout { name: "DecimalType", fields: &[(1, Whole), (2, Whole)] };

static TIME: Layout = Layout { name: "TimeType", fields: &[(1, Truth), (2, Struct(&UNIT))] };

static UNIT: Layout =
    Layout { name: "TimeUnit", fields: &[(1, Struct(&EMPTY)), (2, Struct(&EMPTY)), (3, Struct(&EMPTY))] };

static INTEGER: Layout = Layout { name: "IntType", fields: &[(1, Byte), (2, Truth)] };

static GROUP: Layout = Layout {
    name: "RowGroup",
    fields: &[
        (1, List(&Struct(&CHUNK))),
        (2, Whole),
        (3, Whole),
        (4, List(&Struct(&SORTING))),
        (5, Whole),
        (6, Whole),
        (7, Whole),
    ],
};

static SORTING: Layout = Layout { name: "SortingColumn", fields: &[(1, Whole), (2, Truth), (3, Truth)] };

static CHUNK: Layout = Layout {
    name: "ColumnChunk",
    fields: &[(1, Text), (2, Whole), (3, Struct(&COLUMN)), (4, Whole), (5, Whole), (6, Whole), (7, Whole)],
};

static COLUMN: Layout = Layout {
    name: "ColumnMetaData",
    fields: &[
        (1, Whole),
        (2, List(&Whole)),
        (3, List(&Text)),
        (4, Whole),
        (5, Whole),
        (6, Whole),
        (7, Whole),
        (9, Whole),
        (10, Whole),
        (11, Whole),
        (12, Struct(&STATISTICS)),
        (14, Whole),
        (15, Whole),
    ],
};

static STATISTICS: Layout = Layout {
    name: "Statistics",
    fields: &[(1, Text), (2, Text), (3, Whole), (4, Whole), (5, Text), (6, Text), (7, Truth), (8, Truth)],
};

static PAIR: Layout = Layout { name: "KeyValue", fields: &[(1, Text), (2, Text)] };

static ORDER: Layout = Layout { name: "ColumnOrder", fields: &[(1, Struct(&EMPTY)), (2, Struct(&EMPTY))] };

static DATA_PAGE: Layout = Layout {
    name: "DataPageHeader",
    fields: &[(1, Whole), (2, Whole), (3, Whole), (4, Whole), (5, Struct(&STATISTICS))],
};

static DICTIONARY_PAGE: Layout =
    Layout { name: "DictionaryPageHeader", fields: &[(1, Whole), (2, Whole), (3, Truth)] };

static DATA_PAGE_2: Layout = Layout {
    name: "DataPageHeaderV2",
    fields: &[
        (1, Whole),
        (2, Whole),
        (3, Whole),
        (4, Whole),
        (5, Whole),
        (6, Whole),
        (7, Truth),
        (8, Struct(&STATISTICS)),
    ],
};

static EMPTY: Layout = Layout { name: "empty", fields: &[] };
