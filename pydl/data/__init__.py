"""Sources of rows for `fit`, `evaluate` and `predict`: arrays, files, tables, images, iterators; and splits of them.

``model.fit(source, batch_size=128, validation_data=other)`` reads a source in the background while C trains. Beyond the
data that are in memory anyway, it takes no more than a few batches, or a few buffers where it shuffles a file.
"""

from pydl.data.arrays import ArraySource
from pydl.data.base import Source
from pydl.data.chunked import ChunkedSource
from pydl.data.frames import FrameSource
from pydl.data.images import ImageSource
from pydl.data.indexed import IndexedSource
from pydl.data.iterators import IteratorSource
from pydl.data.npz import NpzSource, open_npz
from pydl.data.parquet import ParquetSource
from pydl.data.prefetch import ahead
from pydl.data.shards import ShardSource, ShardWriter
from pydl.data.splits import Split, fold_rows, folds, split, split_rows

__all__ = [
    "ArraySource", "ChunkedSource", "FrameSource", "ImageSource", "IndexedSource", "IteratorSource", "NpzSource",
    "ParquetSource", "ShardSource", "ShardWriter", "Source", "Split", "ahead", "fold_rows", "folds", "open_npz",
    "split", "split_rows",
]  # fmt: skip
