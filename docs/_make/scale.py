"""The tables of docs/scale.md: the official grid on 1, 8 and 64 GPUs, on paper. Run: python docs/_make/scale.py"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from math import ceil

# Data: Adam et al., WildlifeReID-10k, CVPRW 2025. Validation: what the protocol's defaults carve out of train, as in
# benchmarks/results/official-size.json (5,144,700 pairs: 100 for each of 30,561 queries and 20,886 validation images).
TRAIN, TEST, SETS, VALIDATION, SHORTLIST = 109_927, 30_561, 37, 20_886, 100
# Grid. Backbone -> side in pixels (timm's own), millions of parameters (timm, below).
BACKBONES = {"resnet50": (224, 25.56), "efficientnet_b3": (288, 12.23)}
LOSSES, RULES, SEEDS, EPOCHS, EMBEDDING = 4, 6, 3, 10, 512
MATCHERS = ("mutual-nn", "lightglue (sift)", "lightglue (aliked)", "lightglue (disk)", "loftr")
FEATURES = {"sift": (512, 128), "aliked": (512, 128), "disk": (512, 128), "loftr": (1024, 256)}  # keypoints, dimension

# Measured on two CPU cores. Pairs a second: benchmarks/results/mutual-nn.json (1,291 us a pair), lightglue.json (3.12),
# docs/matchers.md "Matchers" (loftr: 0.4 s on one core). Seconds a picture on one core: docs/matchers.md "Features".
PAIRS_CPU = {"mutual-nn": 775.0, "lightglue": 3.12, "loftr": 5.0}
PICTURE_CORE = {"sift": 0.04, "aliked": 0.5, "disk": 1.2, "loftr": 0.4}
CELL = 262 / 12  # seconds of fuse, decide, score, record a cell: docs/speed.md "Measured", official size, 12 cells
RETRIEVE, ONE_GALLERY = 5.3, 28.4  # seconds a ranking, in 37 scopes or one: docs/speed.md "Measured"
# Published, one RTX 3090, mixed precision, no photographs to read: huggingface/pytorch-image-models,
# results/benchmark-train-amp-nhwc-pt112-cu113-rtx3090.csv, and benchmark-infer- with the same ending.
TRAIN_GPU = {"resnet50": 1218.0, "efficientnet_b3": 572.0}  # images a second at 224 and 288 pixels
EMBED_GPU = {"resnet50": 3676.0, "efficientnet_b3": 1829.0}  # at 224 and 320 pixels
# Published, RTX 3080: README of cvg/LightGlue, 150 pairs a second at 1,024 keypoints, compiled and adaptive.
LIGHTGLUE_GPU = 150.0
# Assumptions, none of them measured:
SHARE = 0.5  # of the published rates that is left: batches of 32, augmentation, a head of thousands of classes
MUTUAL_GPU = 5000.0  # pairs a second
LOFTR_GPU = LIGHTGLUE_GPU * 0.9 / 0.4  # as the two stand to each other on a CPU core (docs/matchers.md)
GPU_OVER_CORE = 100.0  # a card against one core for the learned features; LightGlue: 150 x 0.9 s = 135
CORES, DECODE = 8, 100.0  # cores of a GPU's process; photographs that a core decodes in a second
APART = 0.7  # how far shortlists of several rankings lie apart: harness/effort.py (0.73 on six of the demo grid)
PRICE = 1.0  # dollars an hour of one GPU with its cores
# Of the code: bytes a pair on disk and in memory, seconds and pairs of a part file, queries of a match task, of a lock.
PAIR_DISK, PAIR_MEMORY, PART, CHUNK, TASK, SHARD = 24, 20, 2.0, 1024, 1024, 128
LARGE, MANY = 2**24, 64  # bytes of a part file that stays as it is; smaller ones of each of two sizes, at most
OPEN = 1.25 / 5.12e6  # seconds a pair when 5 million are opened: benchmarks/results/pairs.json, few files, median
ROW = 120.0  # KB of a record at this size, extrapolated (see the page)

N = len(BACKBONES) * LOSSES * SEEDS
CELLS = N * len(MATCHERS) * RULES


def table(head: str, rows: Iterable[Sequence[object]]) -> None:
    """Print a Markdown table; ``head`` is cut at |."""
    print(f"| {head} |\n|{'---|' * len(head.split('|'))}")
    print("".join(f"| {' | '.join(map(str, row))} |\n" for row in rows))


def n(value: float, digits: int = 0) -> str:
    """A number with thousands set apart."""
    return f"{value:,.{digits}f}"


def pairs(size: float = 1, rankings: int = N, apart: float = APART) -> tuple[float, float]:
    """(likely, at most) distinct pairs of one matcher, as harness/effort.py counts them.

    Data sets of uneven size, as 1, 1/2, 1/3 ... (an assumption, that of benchmarks/official_size.py too).
    """
    likely = most = 0.0
    whole = sum(1 / rank for rank in range(1, SETS + 1))
    for asked, gallery in ((TEST, TRAIN), (VALIDATION, TRAIN - VALIDATION)):
        for rank in range(1, SETS + 1):
            share = size / rank / whole
            seen = gallery * share
            short = min(SHORTLIST, seen)
            random = seen * (1 - (1 - short / seen) ** rankings)
            likely += asked * share * (short + apart * (random - short))
            most += asked * share * min(rankings * short, seen)
    return likely, most


def speed(matcher: str, lightglue: float = LIGHTGLUE_GPU) -> float:
    """Pairs a second of a GPU."""
    return {"mutual-nn": MUTUAL_GPU, "loftr": LOFTR_GPU * lightglue / LIGHTGLUE_GPU}.get(matcher, lightglue)


def training(name: str, size: float = 1) -> float:
    """Hours of one training: decode once, then epochs, each with a check on 1,000 photographs (harness/effort.py)."""
    images = (TRAIN - VALIDATION) * size
    return (images / (CORES * DECODE) + EPOCHS * (images + 1000 / 3) / (TRAIN_GPU[name] * SHARE)) / 3600


def ranking(name: str, size: float = 1) -> float:
    """Hours to embed all photographs and rank: the slower of decoding and network, then the products."""
    images = (TRAIN + TEST) * size
    return (images / min(CORES * DECODE, EMBED_GPU[name] * SHARE) + RETRIEVE * size**2) / 3600


def describing(name: str, size: float = 1) -> float:
    """Hours to describe all photographs in one process; SIFT on its cores."""
    rate = CORES / PICTURE_CORE[name] if name == "sift" else GPU_OVER_CORE / PICTURE_CORE[name]
    return (TRAIN + TEST) * size / min(rate, CORES * DECODE) / 3600


def before(gpus: int, size: float = 1) -> float:
    """Hours until the last ranking and feature is there: the longest jobs first, each on the GPU that is free first."""
    jobs = [training(b, size) + ranking(b, size) for b in BACKBONES for _ in range(LOSSES * SEEDS)]
    jobs += [describing(f, size) for f in FEATURES]
    ends = [0.0] * gpus
    for job in sorted(jobs, reverse=True):
        heapq.heappush(ends, heapq.heappop(ends) + job)
    return max(ends)


def work(size: float = 1, lightglue: float = LIGHTGLUE_GPU) -> dict[str, float]:
    """Hours of one GPU (and its cores) by stage."""
    return {
        "train": LOSSES * SEEDS * sum(training(b, size) for b in BACKBONES),
        "embed, retrieve": LOSSES * SEEDS * sum(ranking(b, size) for b in BACKBONES),
        "describe": sum(describing(f, size) for f in FEATURES),
        "match": sum(pairs(size)[0] / speed(name, lightglue) for name in MATCHERS) / 3600,
        "fuse, decide, score": CELLS * CELL * size / 3600,
    }


def wall(gpus: int, size: float = 1, lightglue: float = LIGHTGLUE_GPU) -> float:
    """Hours by the clock: everything before, then all pairs, then all cells; the last two divide."""
    done = work(size, lightglue)
    return before(gpus, size) + (done["match"] + done["fuse, decide, score"]) / gpus


def gigabytes(size: float = 1) -> dict[str, float]:
    """What lies in the store, by the bytes of harness/plan.py; networks as float32."""
    images, asked = (TRAIN + TEST) * size, (TEST + VALIDATION) * size
    return {
        "networks": LOSSES * SEEDS * sum(4e6 * millions for _, millions in BACKBONES.values()) / 1e9,
        "embeddings": N * images * 4 * EMBEDDING / 1e9,
        "rankings": N * asked * 12 * SHORTLIST / 1e9,
        "features": sum(images * k * (2 * d + 20) for k, d in FEATURES.values()) / 1e9,
        "pairs, likely": len(MATCHERS) * pairs(size)[0] * PAIR_DISK / 1e9,
        "fused rankings": N * len(MATCHERS) * asked * 12 * SHORTLIST / 1e9,
        "decisions, scores": CELLS * (16 + 24) * TEST * size / 1e9,
    }


def breaks(size: float) -> list[tuple[str, str]]:
    """What grows, and where it hurts."""
    (likely, most), stored = pairs(size), gigabytes(size)
    visits = N * sum(ceil(part * size / SHARD) for part in (TEST, VALIDATION))
    parts = {m: visits * ceil(likely / visits / max(CHUNK, PART * speed(m))) for m in MATCHERS}
    left = likely * PAIR_DISK / LARGE + 2 * MANY
    tasks = N * sum(ceil(part * size / TASK) for part in (TEST, VALIDATION))
    opening = len(MATCHERS) * tasks * likely / 2 * OPEN / 3600
    pixels = [(TRAIN - VALIDATION) * size * 3 * side**2 / 1e9 for side, _ in BACKBONES.values()]
    return [
        ("pairs of a matcher, likely / at most, millions", f"{n(likely / 1e6)} / {n(most / 1e6)}"),
        ("memory of a matcher's pairs in each process, GB", n(likely * PAIR_MEMORY / 1e9, 1)),
        (
            "part files of LightGlue's pairs / of all pairs, written",
            f"{n(parts['lightglue (sift)'])} / {n(sum(parts.values()))}",
        ),
        ("of these left, at most", f"{n(left)} / {n(left * len(MATCHERS))}"),
        ("seconds to open the pairs of a matcher, at the end", n(likely * OPEN)),
        ("hours of opening them, all match tasks together", n(opening)),
        ("record file, MB / written in all, GB", f"{n(CELLS * ROW / 1e3 * size)} / {n(CELLS**2 / 2e6 * ROW * size)}"),
        ("decoded photographs of one training, GB", " / ".join(n(each) for each in pixels)),
        ("longest training, hours", n(max(training(b, size) for b in BACKBONES), 1)),
        ("longest describe, hours", n(max(describing(f, size) for f in FEATURES), 1)),
        ("retrieve, seconds: in scopes / one gallery", f"{n(RETRIEVE * size**2)} / {n(ONE_GALLERY * size**2)}"),
        ("features, GB / everything in the store, GB", f"{n(stored['features'])} / {n(sum(stored.values()))}"),
        ("GPU hours / hours on 64 GPUs", f"{n(sum(work(size).values()))} / {n(wall(64, size), 1)}"),
    ]


def chain() -> list[tuple[str, str]]:
    """The longest way through the graph, and what one block of rows takes whatever the number of GPUs."""
    slow = "efficientnet_b3"
    task = TASK * SHORTLIST / LIGHTGLUE_GPU / 3600
    links = {f"train {slow}": training(slow), "embed, retrieve": ranking(slow), "match task": task, "cell": CELL / 3600}
    block = 2 * TASK / (TEST + VALIDATION) * pairs()[0] / LIGHTGLUE_GPU / 3600
    links |= {"the chain": sum(links.values()), "all LightGlue tasks of one block of rows": block}
    return [(name, n(hours, 2)) for name, hours in links.items()]


def main() -> None:
    """Print everything."""
    (likely, most), one, done, ten = pairs(), (TEST + VALIDATION) * SHORTLIST, work(), gigabytes(10)
    apart = {f"{N} rankings, apart {a}": pairs(apart=a)[0] for a in (0.2, 0.4, APART, 1.0)}
    wanted = {"one ranking": one, **apart, f"{N} rankings, at most": most, "no sharing": CELLS / len(MATCHERS) * one}
    head = "pairs of a matcher | millions | of the upper bound"
    table(head, [(k, n(v / 1e6, 1), f"{v / most:.0%}") for k, v in wanted.items()])
    rows, whole = [*done.items(), ("all", sum(done.values()))], sum(done.values())
    table("stage | GPU hours | share | dollars", [(s, n(h, 1), f"{h / whole:.1%}", n(h * PRICE)) for s, h in rows])
    hours = [(m, likely / speed(m) / 3600, likely / PAIRS_CPU[m.split()[0]] / 3600) for m in MATCHERS]
    head = "matcher | pairs a second of a GPU | GPU hours | hours of two CPU cores"
    table(head, [(m, n(speed(m)), n(gpu, 1), n(cpu)) for m, gpu, cpu in hours])
    clock = [(g, before(g), done["match"] / g, done["fuse, decide, score"] / g, wall(g)) for g in (1, 8, 64)]
    head = "GPUs | hours until all is ranked and described | match | cells | together | GPU hours paid | dollars"
    table(head, [(g, *(n(h, 1) for h in spent), n(g * spent[-1]), n(g * spent[-1] * PRICE)) for g, *spent in clock])
    rates = {rate: sum(work(1, rate).values()) for rate in (50.0, LIGHTGLUE_GPU, 500.0, 1500.0)}
    head = "LightGlue, pairs a second of a GPU | GPU hours | hours on 8 | hours on 64 | dollars of GPU hours"
    table(head, [(n(r), n(h), n(wall(8, 1, r), 1), n(wall(64, 1, r), 1), n(h * PRICE)) for r, h in rates.items()])
    table("link | hours", chain())
    table("in the store | GB | ten times the data", [(k, n(now, 1), n(ten[k], 1)) for k, now in gigabytes().items()])
    table("what | now | ten times the data", [(*a, b[1]) for a, b in zip(breaks(1), breaks(10), strict=True)])


if __name__ == "__main__":
    main()
