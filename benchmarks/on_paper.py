"""What growing a labelled set costs at a size nobody tries out: FLOP, bytes, time and money, on paper.

Every number follows from `Inputs`, which anybody can change: `python -m benchmarks.on_paper --rows 1e9 --k 1000`
prints the page docs/scale.md for other ones. Nothing here was run; throughputs and prices are assumptions, or
measured, and say so.

Sizes and the comparison follow Coleman et al., Similarity Search for Efficient Active Learning and Search of Rare
Concepts, AAAI 2022 (10 billion images). FLOP of a forward pass: He et al., Deep Residual Learning, CVPR 2016, counted
as multiply-adds, as the paper does.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

DAY, MONTH = 86_400, 30 * 86_400


def _input(default: float, words: str):
    return field(default=default, metadata={"words": words})


@dataclass(frozen=True)
class Inputs:
    """Everything the page is computed from. Sizes in bytes, times in seconds, prices in dollars."""

    rows: float = _input(1e10, "items in the pool")
    dim: float = _input(2048, "numbers per embedding")
    number: float = _input(2, "bytes per number of a stored embedding (float16)")
    forward: float = _input(3.8e9, "multiply-adds of a forward pass (ResNet-50)")
    proxy: float = _input(4.1e7, "multiply-adds of a small model's forward pass (ResNet-20, 32 x 32)")
    images: float = _input(2500, "images one GPU embeds per second; assumption for an A100")
    size: float = _input(1e5, "bytes of a stored image")
    start: float = _input(100, "labels to begin with")
    batch: float = _input(100, "labels per round")
    rounds: float = _input(20, "rounds; labels at the end = start + (rounds - 1) * batch")
    k: float = _input(1e4, "neighbours SEALS looks up per label")
    probes: float = _input(64, "lists of the inverted file a lookup reads, of 4 sqrt(rows)")
    code: float = _input(64, "bytes of a compressed vector in the index (product quantisation)")
    flops: float = _input(1e11, "multiply-adds per second of one machine on vectors; assumption, a few cores")
    disk: float = _input(2e9, "bytes per second one machine reads; assumption, local NVMe")
    core: float = _input(85, "images one core decodes and encodes per second, `lite0`, 256 x 256; measured")
    cores: float = _input(16, "cores of a machine of a cluster")
    gpu_hour: float = _input(2.0, "dollars per GPU hour; assumption")
    machine_hour: float = _input(0.5, "dollars per machine hour; assumption")

    @property
    def labels(self) -> float:
        return self.start + (self.rounds - 1) * self.batch

    @property
    def gpu_flops(self) -> float:
        """What a GPU does of a forward pass at the assumed images per second."""
        return self.images * self.forward


@dataclass(frozen=True)
class Cost:
    """flop: multiply-adds. read: bytes. gpu: seconds of one GPU. machine: seconds of one machine."""

    flop: float
    read: float
    gpu: float = 0.0
    machine: float = 0.0

    def dollars(self, given: Inputs) -> float:
        return self.gpu / 3600 * given.gpu_hour + self.machine / 3600 * given.machine_hour


def embedding(given: Inputs) -> Cost:
    """Every item through the network once. Whoever keeps the embeddings pays this once for all rounds."""
    return Cost(given.rows * given.forward, given.rows * given.size, gpu=given.rows / given.images)


def on_cluster(given: Inputs, machines: int) -> float:
    """Seconds the encoding of every item takes on cores. A step that is one task gets no faster and is not in it."""
    return given.rows / (given.core * given.cores * machines)


def everything(given: Inputs) -> Cost:
    """Score all items in every round, from stored embeddings."""
    return _on_machine(
        given.rounds * given.rows * given.dim, given.rounds * given.rows * given.dim * given.number, given
    )


def everything_again(given: Inputs) -> Cost:
    """Score all items in every round, through the network each time: nothing is stored."""
    once = embedding(given)
    return Cost(given.rounds * once.flop, given.rounds * once.read, gpu=given.rounds * once.gpu)


def k_center(given: Inputs) -> Cost:
    """Compare every item with every label once, reading the pool once a round."""
    return _on_machine(given.labels * given.rows * given.dim, everything(given).read, given)


def proxy(given: Inputs) -> Cost:
    """Score all items in every round by a small model, nothing stored."""
    flop = given.rounds * given.rows * given.proxy
    return Cost(flop, given.rounds * given.rows * given.size, gpu=flop / given.gpu_flops)


def candidates(given: Inputs) -> list[float]:
    """Upper bound of the rows SEALS scores in each round: k per label, never more than there are."""
    labels = [given.start + number * given.batch for number in range(int(given.rounds))]
    return [min(given.k * n, given.rows) for n in labels]


def lookup(given: Inputs) -> float:
    """Multiply-adds (and table reads, counted as one each) of finding one row's neighbours in the index."""
    lists = 4 * math.sqrt(given.rows)
    return lists * given.dim + given.probes * given.rows / lists * given.code


def seals(given: Inputs) -> Cost:
    """Score the neighbours of labels only; each candidate's embedding is read once and kept."""
    scored = candidates(given)
    flop = sum(scored) * given.dim + given.labels * lookup(given)
    codes = given.labels * given.probes * given.rows / (4 * math.sqrt(given.rows)) * given.code
    return _on_machine(flop, max(scored) * given.dim * given.number + codes, given)


WAYS = {
    "global entropy": everything,
    "global entropy, nothing stored": everything_again,
    "k-center": k_center,
    "small proxy model": proxy,
    "SEALS": seals,
}


def storage(given: Inputs) -> dict[str, float]:
    """Bytes of the embeddings in the usual forms."""
    n, d = given.rows, given.dim
    return {
        f"{d:,.0f} numbers, float32": n * d * 4,
        f"{d:,.0f} numbers, float16": n * d * 2,
        "256 principal axes, float16": n * 256 * 2,
        "64-byte codes": n * 64,
    }


def two_rounds(rows: float, dim: float, shard: float, k: float, number: float = 2) -> dict[str, float]:
    """Choosing k of all rows by greedy in two rounds (GreeDi): k of every shard, then k of what they chose."""
    shards = math.ceil(rows / shard)
    return {"shards": shards, "union": shards * min(k, shard), "union bytes": shards * min(k, shard) * dim * number}


def _on_machine(flop: float, read: float, given: Inputs) -> Cost:
    return Cost(flop, read, machine=max(flop / given.flops, read / given.disk))


# -- the page ---------------------------------------------------------------------------------------------------------


def page(given: Inputs | None = None) -> str:
    """docs/scale.md.

    >>> "3.8e+19" in page()
    True
    """
    given = given or Inputs()
    lines = [
        "# Growing at scale, on paper",
        "",
        "Generated by `make docs` from the formulas in benchmarks/on_paper.py. Nothing on this page was run but what",
        "is called measured: it says what a selection would cost, and what that rests on. For other inputs, e.g. a",
        "billion items and k = 1,000:",
        "`python -m benchmarks.on_paper --rows 1e9 --k 1000`.",
        "",
        "## Inputs",
        "",
        "| input | value | |",
        "|---|---|---|",
        *(f"| `{f.name}` | {getattr(given, f.name):g} | {f.metadata['words']} |" for f in fields(given)),
        "",
        "FLOP are multiply-adds, as in the paper; twice as many where both are counted. One machine",
        "is what reads and scores; a GPU is what runs a network. A time is that of one of them, to be divided by how",
        "many there are.",
        "",
        "## Every item through the network, once",
        "",
        "Embedding is rows x forward FLOP and rows / images GPU seconds; what it leaves behind serves every round.",
        "",
        _table(("rows", "FLOP", "images read", "GPU time", "$"), _embedding_rows(given)),
        "",
        f"The 40 GPU months the paper names for 10 billion images are {1e10 / (40 * MONTH):.0f} images per GPU second.",
        "",
        "| what is stored | size |",
        "|---|---|",
        *(f"| {name} | {_bytes(size)} |" for name, size in storage(given).items()),
        "",
        "## On a cluster, at measured rates",
        "",
        f"Encoding with `lite0` on cores alone, {given.cores:,.0f} a machine, at {given.core:g} images a second each,",
        "by the processor time of one thread on 1,024 JPEGs, on an AMD EPYC. Tasks of 4,096 images do not depend on",
        "each other, so the times assume that twice the machines take half the time; from one worker to two this was",
        "measured (docs/cluster.md), beyond it was not. The shared folder has to deliver what the last column says.",
        "Steps that are one task, such as neighbours by descent, get no faster and are not in the table:",
        "they are what limits the size of a run today.",
        "",
        _table(("rows", "tasks", "1 machine", "4 machines", "100 machines", "read by 100"), _cluster_rows(given)),
        "",
        "## Choosing what to label",
        "",
        f"{given.rounds:,.0f} rounds to {given.labels:,.0f} labels. Global entropy scores rows x dim in every round.",
        "k-center compares labels x rows x dim. SEALS scores at most k x labels rows a round and reads each of them",
        "once, plus lookups in an inverted file of 4 sqrt(rows) lists. Embedding comes on top for all but those that",
        "store nothing.",
        "",
        _table(("rows", "way", "FLOP", "read", "time of one GPU or machine", "$"), _way_rows(given)),
        "",
        f"At {given.rows:,.0f} rows SEALS scores at most {candidates(given)[-1]:,.0f} rows in its last round,",
        f"{100 * candidates(given)[-1] / given.rows:.2g} % of the pool. Scoring everything takes "
        f"{everything(given).flop / seals(given).flop:,.0f} times its FLOP and reads",
        f"{everything(given).read / seals(given).read:,.0f} times its bytes.",
        "The bound bites the other way on small pools: 2,000 labels with k = 100 may reach 200,000 rows, so a pool of",
        "50,000 is scored nearly whole (measured in docs/grow.md).",
        "",
        "## A subset in two rounds",
        "",
        "Greedy selection of k rows on many machines (GreeDi): each shard chooses k, the union chooses k again.",
        "",
        _table(("rows", "shards of 1e6", "union for k = 1e3", "its float16 embeddings"), _shard_rows(given)),
        "",
    ]
    return "\n".join(lines)


def _sizes(given: Inputs) -> list[Inputs]:
    top = given.rows
    return [_with(given, rows=10.0**power) for power in range(6, math.ceil(math.log10(top)))] + [given]


def _embedding_rows(given: Inputs) -> list[Sequence[str]]:
    costs = [(one, embedding(one)) for one in _sizes(given)]
    return [
        (f"{one.rows:g}", f"{c.flop:.2g}", _bytes(c.read), _time(c.gpu), _dollars(c.dollars(one))) for one, c in costs
    ]


def _cluster_rows(given: Inputs) -> list[Sequence[str]]:
    read = _bytes(given.core * given.cores * 100 * given.size) + "/s"
    return [
        (
            f"{one.rows:g}",
            f"{math.ceil(one.rows / 4096):,}",
            *(_time(on_cluster(one, machines)) for machines in (1, 4, 100)),
            read,
        )
        for one in _sizes(given)
    ]


def _way_rows(given: Inputs) -> list[Sequence[str]]:
    made = []
    for one in _sizes(given):
        for name, way in WAYS.items():
            c = way(one)
            spent = (_time(c.gpu + c.machine), _dollars(c.dollars(one)))
            made.append((f"{one.rows:g}", name, f"{c.flop:.2g}", _bytes(c.read), *spent))
    return made


def _shard_rows(given: Inputs) -> list[Sequence[str]]:
    made = []
    for one in _sizes(given):
        found = two_rounds(one.rows, one.dim, 1e6, 1e3)
        made.append((f"{one.rows:g}", f"{found['shards']:,}", f"{found['union']:,.0f}", _bytes(found["union bytes"])))
    return made


def _with(given: Inputs, **changed: float) -> Inputs:
    return Inputs(**{f.name: changed.get(f.name, getattr(given, f.name)) for f in fields(given)})


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} PB"


def _time(seconds: float) -> str:
    for unit, length in (("months", MONTH), ("days", DAY), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.3g} {unit}"
    return f"{seconds:.2g} s"


def _dollars(amount: float) -> str:
    return f"{amount:,.0f}" if amount >= 10 else f"{amount:.2g}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Print docs/scale.md for other inputs.")
    for one in fields(Inputs):
        name = f"--{one.name.replace('_', '-')}"
        parser.add_argument(name, type=float, default=one.default, help=one.metadata["words"])
    print(page(Inputs(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
