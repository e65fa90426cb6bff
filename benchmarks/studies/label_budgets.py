"""Which few samples to label: selections on pretrained embeddings, beside random and other tools.

    python benchmarks/studies/label_budgets.py texts texts.parquet
    python benchmarks/studies/label_budgets.py split embedded.parquet FOLDER
    python benchmarks/studies/label_budgets.py components DATA FOLDER
    python benchmarks/studies/label_budgets.py survey FOLDER -o out.json
    python benchmarks/studies/label_budgets.py table out.json ...

`texts` makes a set of texts with labels from what is installed: first paragraphs of docstrings of
ten Python packages, whose names are masked; the label is the package. A fifth is test data. After
docs/examples/minilm_embeddings.py added their embeddings, `split` writes what `survey` reads.
`components` does so with 64 principal components of the pixels of DATA, a dataset folder with train
and test; the mean norm of the rows becomes 1.

`survey` reads train.npy, test.npy (embeddings) and train-labels.npy, test-labels.npy of FOLDER. For
each seed, 6,000 training rows are drawn, and each method chooses from them without labels. What is
chosen is labelled, and a logistic regression on the embeddings is scored on the test rows. Its
regularisation is the best of three for 100 random rows, scored on 2,000 training rows that no
method sees; all methods use it. Of scikit-activeml, with its defaults: TypiClust, ProbCover (for
ten classes) and MaxHerding. `--only METHOD ...` takes some of the methods. Run again, it adds what
is missing.

`table` prints means with standard deviations, and differences to random paired by seed with 95 %
Student intervals; a star marks those that hold with Holm's correction for all of a file's.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import re
import statistics
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import thinset
from thinset.results.student import central_probability, mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Chooser = Callable[[NDArray[np.float32], int, int], NDArray[np.int64]]

PACKAGES = (
    "lightning", "matplotlib", "networkx", "numpy", "pandas", "scipy", "sklearn", "sympy", "torch",
    "transformers",
)  # fmt: skip
MOST_TEXTS = 2000  # of each package
N_COMPONENTS = 64
N_POOL = 6000
N_VALIDATION = 2000
BUDGETS = (20, 50, 100, 250)
REGULARISATIONS = (1.0, 10.0, 100.0)
SEEDS_OF_REGULARISATION = range(5)


def paragraphs(package: str) -> Iterator[str]:
    """First paragraphs of the docstrings of a package, each once."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed")
    own_name = re.compile(rf"{package}|scikit-learn|pytorch", re.IGNORECASE)
    seen = set()
    for file in sorted(Path(spec.origin).parent.rglob("*.py")):
        if "test" in str(file):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                first = (ast.get_docstring(node) or "").split("\n\n")[0]
                text = own_name.sub("it", " ".join(first.split()))[:300]
                if len(text.split()) >= 5 and text not in seen:
                    seen.add(text)
                    yield text


def write_texts(out: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    generator = np.random.default_rng(0)
    columns: dict[str, list[object]] = {"text": [], "label": [], "is_test": []}
    for label, package in enumerate(PACKAGES):
        texts = list(paragraphs(package))
        texts = [texts[i] for i in generator.permutation(len(texts))[:MOST_TEXTS]]
        print(f"{package}: {len(texts)} texts")
        columns["text"] += texts
        columns["label"] += [label] * len(texts)
        columns["is_test"] += [i % 5 == 0 for i in range(len(texts))]
    pq.write_table(pa.table(columns), out)


def split_texts(embedded: Path, folder: Path) -> None:
    import pyarrow.parquet as pq

    table = pq.read_table(embedded)
    is_test = np.asarray(table["is_test"])
    labels = np.asarray(table["label"])
    embeddings = np.stack(table["embedding"].to_numpy()).astype(np.float32)
    for part, of_part in (("train", ~is_test), ("test", is_test)):
        write_part(folder, part, embeddings[of_part], labels[of_part])


def write_components(data: Path, folder: Path) -> None:
    from sklearn.decomposition import PCA

    from thinset.data import open_dataset

    parts = {part: open_dataset(data / part) for part in ("train", "test")}
    pixels = {
        part: np.asarray(one.images, dtype=np.float32).reshape(len(one), -1)
        for part, one in parts.items()
    }
    components = PCA(N_COMPONENTS, random_state=0).fit(pixels["train"])
    rows = {part: components.transform(values) for part, values in pixels.items()}
    scale = np.linalg.norm(rows["train"], axis=1).mean()
    for part, one in parts.items():
        write_part(folder, part, rows[part] / scale, np.asarray(one.labels))


def write_part(
    folder: Path, part: str, rows: NDArray[np.floating], labels: NDArray[np.integer]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"{part}.npy", rows.astype(np.float32))
    np.save(folder / f"{part}-labels.npy", labels.astype(np.int64))


def select(method: str, **options: object) -> Chooser:
    def choose(X: NDArray[np.float32], k: int, seed: int) -> NDArray[np.int64]:
        return thinset.select(X, k, method, random_state=seed, **options).indices  # type: ignore[arg-type]

    return choose


def scikit_activeml(name: str) -> Chooser:
    def choose(X: NDArray[np.float32], k: int, seed: int) -> NDArray[np.int64]:
        from skactiveml import pool

        options = {"n_classes": 10} if name == "ProbCover" else {}
        strategy = getattr(pool, name)(random_state=seed, **options)
        return np.asarray(strategy.query(X, np.full(len(X), np.nan), batch_size=k))

    return choose


def scikit_learn_kmeans(X: NDArray[np.float32], k: int, seed: int) -> NDArray[np.int64]:
    """Of each cluster, the row nearest to the centre."""
    from sklearn.cluster import KMeans

    found = KMeans(k, random_state=seed).fit(X)
    distances = found.transform(X)
    distances[found.labels_[:, None] != np.arange(k)] = np.inf
    return distances.argmin(axis=0)


METHODS: dict[str, Chooser] = {
    "random": select("random"),
    "kmeans": select("kmeans"),
    "facility_location": select("facility_location"),
    "facility_location, cosine": select("facility_location", kernel="cosine"),
    "facility_location, gaussian": select("facility_location", kernel="gaussian"),
    "max_min": select("max_min"),
    "max_sum": select("max_sum"),
    "topk": select("topk"),
    "KMeans of scikit-learn": scikit_learn_kmeans,
    "TypiClust": scikit_activeml("TypiClust"),
    "ProbCover": scikit_activeml("ProbCover"),
    "MaxHerding": scikit_activeml("MaxHerding"),
}


def accuracy(
    train: tuple[NDArray[np.float32], NDArray[np.int64]],
    test: tuple[NDArray[np.float32], NDArray[np.int64]],
    regularisation: float,
) -> float:
    """In percent."""
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(train[1])) == 1:
        return 100.0 * float(np.mean(test[1] == train[1][0]))
    probe = LogisticRegression(C=regularisation, max_iter=1000).fit(*train)
    return 100.0 * float(probe.score(*test))


def draw(n: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(n)


def survey(folder: Path, seeds: list[int], names: list[str], out: Path) -> None:
    X, X_test = (np.load(folder / f"{part}.npy") for part in ("train", "test"))
    y, y_test = (np.load(folder / f"{part}-labels.npy") for part in ("train", "test"))
    of_random: dict[float, list[float]] = {C: [] for C in REGULARISATIONS}
    for seed in SEEDS_OF_REGULARISATION:
        rows = draw(len(X), seed)
        held_out = rows[N_POOL : N_POOL + N_VALIDATION]
        labelled = rows[:100]
        for C in REGULARISATIONS:
            of_random[C].append(accuracy((X[labelled], y[labelled]), (X[held_out], y[held_out]), C))
    best = max(REGULARISATIONS, key=lambda C: statistics.fmean(of_random[C]))
    results = json.loads(out.read_text())["results"] if out.exists() else []
    done = {(one["method"], one["labels"], one["seed"]) for one in results}
    for seed in seeds:
        pool = draw(len(X), seed)[:N_POOL]
        for name in names:
            for k in BUDGETS:
                if (name, k, seed) in done:
                    continue
                started = time.process_time()
                chosen = pool[METHODS[name](np.ascontiguousarray(X[pool]), k, seed)]
                seconds = time.process_time() - started
                score = accuracy((X[chosen], y[chosen]), (X_test, y_test), best)
                classes = len(np.unique(y[chosen]))
                results.append(
                    {"method": name, "labels": k, "seed": seed, "accuracy": score,
                     "classes": classes, "cpu_seconds": seconds}
                )  # fmt: skip
                print(f"seed {seed}, {k} labels, {name}: {score:.1f} %, {seconds:.2f} CPU s")
        out.write_text(json.dumps({"folder": folder.name, "C": best, "results": results}, indent=1))


def print_table(files: list[Path]) -> None:
    for file in files:
        found = json.loads(file.read_text())
        scores: dict[tuple[str, int], dict[int, float]] = {}
        for one in found["results"]:
            scores.setdefault((one["method"], one["labels"]), {})[one["seed"]] = one["accuracy"]
        differences = {
            (method, k): [by_seed[seed] - scores["random", k][seed] for seed in sorted(by_seed)]
            for (method, k), by_seed in scores.items()
            if method != "random" and len(by_seed) > 1
        }
        held = holm(differences)
        chosen = [f"{key} = {found[key]:g}" for key in ("C", "learning_rate") if key in found]
        facts = [found["folder"], *chosen, f"{len(differences)} differences"]
        print(f"\n{', '.join(facts)}\n")
        names = list(dict.fromkeys(method for method, _ in scores))
        print("| labels |" + "".join(f" {name} |" for name in names))
        print("|---|" + "---|" * len(names))
        for k in sorted({k for _, k in scores}):
            cells = []
            for name in names:
                values = list(scores.get((name, k), {}).values())
                if len(values) < 2:
                    cells.append("")
                    continue
                if name == "random":
                    cells.append(f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}")
                    continue
                each = differences[name, k]
                low, high = mean_interval(each) or (float("nan"), float("nan"))
                star = "\\*" if (name, k) in held else ""
                cells.append(f"{statistics.fmean(each):+.1f} ({low:+.1f} to {high:+.1f}){star}")
            print(f"| {k} |" + "".join(f" {cell} |" for cell in cells))


def holm(differences: dict[tuple[str, int], list[float]]) -> set[tuple[str, int]]:
    """Those whose mean differs from zero at 5 % by Student's test, corrected for their number."""
    chances = {}
    for name, values in differences.items():
        error = statistics.stdev(values) / len(values) ** 0.5
        t = abs(statistics.fmean(values)) / error if error > 0 else float("inf")
        chances[name] = 1 - central_probability(t, len(values) - 1)
    held = set()
    for i, name in enumerate(sorted(chances, key=lambda name: chances[name])):
        if chances[name] > 0.05 / (len(chances) - i):
            break
        held.add(name)
    return held


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    texts = commands.add_parser("texts", help="make a set of texts with labels")
    texts.add_argument("out", type=Path)
    divided = commands.add_parser("split", help="write embedded texts as train and test arrays")
    divided.add_argument("embedded", type=Path)
    divided.add_argument("folder", type=Path)
    of_pixels = commands.add_parser("components", help="write principal components of pixels")
    of_pixels.add_argument("data", type=Path)
    of_pixels.add_argument("folder", type=Path)
    surveyed = commands.add_parser("survey", help="choose, label, train and score")
    surveyed.add_argument("folder", type=Path)
    surveyed.add_argument("-o", "--out", type=Path, required=True)
    surveyed.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    surveyed.add_argument("--only", nargs="+", choices=list(METHODS), default=list(METHODS))
    shown = commands.add_parser("table", help="print what surveys found")
    shown.add_argument("files", type=Path, nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "texts":
        write_texts(arguments.out)
    elif arguments.command == "split":
        split_texts(arguments.embedded, arguments.folder)
    elif arguments.command == "components":
        write_components(arguments.data, arguments.folder)
    elif arguments.command == "survey":
        survey(arguments.folder, arguments.seeds, arguments.only, arguments.out)
    else:
        print_table(arguments.files)


if __name__ == "__main__":
    main()
