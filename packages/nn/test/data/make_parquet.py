"""Writes hugging-face.parquet.json beside this script: small Parquet files as the datasets library lays them out.

  pip install pyarrow pillow
  python make_parquet.py

Texts and pictures are made here: nothing comes from a data set.
"""
import base64
import io
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image


def features(**names):
    return {b"huggingface": json.dumps({"info": {"features": names}}).encode()}


def file(table, **options):
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return base64.b64encode(out.getvalue()).decode()


def picture(colour):
    out = io.BytesIO()
    Image.new("RGB", (4, 3), colour).save(out, "PNG")
    return out.getvalue()


texts = pa.table({"sentence": [f"text number {i}" for i in range(40)], "label": pa.array([i % 2 for i in range(40)], pa.int64())})
texts = texts.replace_schema_metadata(
    features(sentence={"dtype": "string", "_type": "Value"}, label={"names": ["bad", "good"], "_type": "ClassLabel"})
)
images = pa.table(
    {
        "image": pa.array([{"bytes": picture((6 * i, 0, 255 - 6 * i)), "path": f"{i}.png"} for i in range(30)], pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        "label": pa.array([i % 3 for i in range(30)], pa.int64()),
    }
).replace_schema_metadata(features(image={"_type": "Image"}, label={"names": ["cat", "dog", "owl"], "_type": "ClassLabel"}))
files = {f"texts {name}": file(texts, compression=name, row_group_size=16) for name in ("snappy", "zstd", "gzip", "brotli", "none")}
files["texts of version 2"] = file(texts, data_page_version="2.0", row_group_size=16)
files["texts by prefixes"] = file(texts, use_dictionary=False, column_encoding={"sentence": "DELTA_BYTE_ARRAY", "label": "DELTA_BINARY_PACKED"})
files["texts by lengths, version 2"] = file(texts, data_page_version="2.0", use_dictionary=False, column_encoding={"sentence": "DELTA_LENGTH_BYTE_ARRAY", "label": "PLAIN"})
files["gaps"] = file(pa.table({"sentence": pa.array([f"text {i // 20}" if i % 3 else None for i in range(60)]), "label": pa.array([i % 2 == 0 for i in range(60)])}), data_page_size=64)
files["lists"] = file(pa.table({"sentence": pa.array([[f"text {i}"] for i in range(20)]), "label": pa.array([i % 2 for i in range(20)])}))
files["one text again and again"] = file(pa.table({"sentence": ["ab" * 2**15] * 20_000, "label": pa.array([i % 2 for i in range(20_000)])}), compression="zstd")
files["images snappy"] = file(images, row_group_size=7)
files["images zstd"] = file(images, compression="zstd", row_group_size=30)
(pathlib.Path(__file__).parent / "hugging-face.parquet.json").write_text(json.dumps(files, indent=1) + "\n")
