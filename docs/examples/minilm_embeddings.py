"""Embeddings of texts by MiniLM, or any other encoder of transformers, in a column of parquet.

    pip install transformers pyarrow
    python minilm_embeddings.py all-MiniLM-L6-v2/ documents.parquet embedded.parquet --column text
    thinset select embedded.parquet --column embedding -n 0.1 -m kmeans -o chosen.parquet

The first argument is a local folder with the model and its tokenizer, as `save_pretrained` or
`git clone` leave it; nothing is downloaded. An output that ends in .npy holds the matrix alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.nn import functional as F
from transformers import AutoModel, AutoTokenizer


def embed(
    texts: list[str], folder: str, *, batch_size: int = 64, max_length: int = 256
) -> np.ndarray:
    """Rows (N, D) float32 of unit length: the mean of the last layer over the tokens of a text."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True).float().eval()
    rows = []
    for start in range(0, len(texts), batch_size):
        batch = tokenizer(
            texts[start : start + batch_size],
            padding=True,
            truncation=True,
            max_length=max_length,
            return_tensors="pt",
        )
        with torch.inference_mode():
            tokens = model(**batch).last_hidden_state
        is_token = batch["attention_mask"].unsqueeze(2)  # padding does not count
        mean = (tokens * is_token).sum(1) / is_token.sum(1)
        rows.append(F.normalize(mean).numpy())
    return np.concatenate(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Embed a column of texts.")
    parser.add_argument("model", help="local folder of the model and its tokenizer")
    parser.add_argument("texts", help=".parquet file with the texts")
    parser.add_argument("out", type=Path, help=".parquet: the same rows with a column more; .npy")
    parser.add_argument("--column", default="text", help="the column of the texts")
    arguments = parser.parse_args()
    table = pq.read_table(arguments.texts)
    embeddings = embed(table[arguments.column].to_pylist(), arguments.model)
    if arguments.out.suffix == ".npy":
        np.save(arguments.out, embeddings)
        return
    column = pa.FixedSizeListArray.from_arrays(embeddings.ravel(), embeddings.shape[1])
    pq.write_table(table.append_column("embedding", column), arguments.out)


if __name__ == "__main__":
    main()
