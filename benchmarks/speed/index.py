"""The index against its peers, each a whole process in the same run: `python -m benchmarks.speed.index --gb 1`."""

import argparse
import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.material.measure import Run, make_cold, median, plain_read_s, run_step

STEPS = "benchmarks.speed.index_steps"
PARTS = ("warm", "cold", "drawing", "growth", "real_size")
_SAMPLE_PRODUCTS = 10_000


def _write_catalogue(folder: Path, gb: float) -> Path:
    path = folder / f"catalogue-{gb:g}.bson"
    if not path.exists():
        run_step("tests.material.synthetic_catalogue", path, int(gb * 1e9))
    return path


def _fresh(folder: Path, name: str) -> Path:
    """Return an empty folder of that name."""
    shutil.rmtree(folder / name, ignore_errors=True)
    (folder / name).mkdir()
    return folder / name


def _runs_of(runs: list[Run], num_bytes: int, num_documents: int) -> dict[str, Any]:
    """Return the medians of equal runs."""
    wall_s = median([run.wall_s for run in runs])
    return {
        "wall_s": wall_s,
        "cpu_s": median([run.cpu_s for run in runs]),
        "peak_mib": round(max(run.peak_mib for run in runs)),
        "mb_per_s": round(num_bytes / wall_s / 1e6),
        "documents_per_s": round(num_documents / wall_s),
    }


def _cold_pair(catalogue: Path, run: Callable[[], Run], *, plain_first: bool) -> tuple[float, Run]:
    """Read a cold catalogue plainly and by a step, in turn first: a disk that has rested is quicker for a while."""
    read_s = 0.0
    measured = None
    for is_plain in (plain_first, not plain_first):
        make_cold(catalogue)
        if is_plain:
            read_s = plain_read_s(catalogue)
        else:
            measured = run()
    assert measured is not None
    return read_s, measured


def measure_index(folder: Path, gb: float, rounds: int, *, cold: bool) -> dict[str, Any]:
    """Index a catalogue by the peer, and by us in one process and in two, in turn; medians of all rounds."""
    catalogue = _write_catalogue(folder, gb)
    runs: dict[str, list[Run]] = {"peer": [], "one": [], "two": [], "scan": []}
    plain: dict[str, list[float]] = {name: [] for name in runs}
    num_documents = 0
    for number in range(rounds):
        for name, found in runs.items():
            options = {"one": ["ours", "1"], "two": ["ours", "2"]}.get(name, [name])
            run = partial(run_step, STEPS, options[0], catalogue, _fresh(folder, name), *options[1:])
            if cold:
                read_s, measured = _cold_pair(catalogue, run, plain_first=number % 2 == 0)
                plain[name].append(read_s)
            else:
                plain_read_s(catalogue)
                measured = run()
            found.append(measured)
        num_documents = runs["one"][-1].said["num_documents"]
        assert runs["one"][-1].said["num_images"] == runs["peer"][-1].said["num_images"]
    size = catalogue.stat().st_size
    result: dict[str, Any] = {name: _runs_of(found, size, num_documents) for name, found in runs.items()}
    for name in ("one", "two", "scan"):
        pairs = list(zip(runs["peer"], runs[name], strict=True))
        result[name]["times_peer"] = median([peer.wall_s / ours.wall_s for peer, ours in pairs])
        result[name]["times_peer_cpu"] = median([peer.cpu_s / ours.cpu_s for peer, ours in pairs])
        if cold:
            ratios = [read_s / run.wall_s for read_s, run in zip(plain[name], runs[name], strict=True)]
            result[name]["times_plain_read"] = median(ratios)
            result[name]["plain_read_mb_per_s"] = round(size / median(plain[name]) / 1e6)
    return {"gb": gb, "rounds": rounds, "cold": cold, **result}


def measure_growth(folder: Path, sizes_gb: list[float]) -> dict[str, Any]:
    """Scan and merge catalogues of growing size, each step a process of its own."""
    rows = []
    for gb in sizes_gb:
        catalogue, out_dir = _write_catalogue(folder, gb), _fresh(folder, "growth")
        plain_read_s(catalogue)
        scan = run_step(STEPS, "scan", catalogue, out_dir)
        merge = run_step(STEPS, "merge", catalogue, out_dir)
        row = {"gb": gb, "num_images": merge.said["num_images"]}
        for name, run in (("scan", scan), ("merge", merge)):
            row |= {f"{name}_s": round(run.wall_s, 2), f"{name}_cpu_s": round(run.cpu_s, 2),
                    f"{name}_peak_mib": round(run.peak_mib)}  # fmt: skip
        rows.append(row)
    return {"sizes": rows}


def measure_drawing(folder: Path, gb: float, rounds: int) -> dict[str, Any]:
    """Read a sample's pictures from a cold catalogue: products of whole categories, by the peer and by us."""
    catalogue, out_dir = _write_catalogue(folder, gb), _fresh(folder, "drawing")
    run_step(STEPS, "scan", catalogue, out_dir)
    index_dir = run_step(STEPS, "merge", catalogue, out_dir).said["path"]
    speeds: dict[str, list[float]] = {"draw_peer": [], "draw_ours": []}
    for _ in range(rounds):
        for name, found in speeds.items():
            make_cold(catalogue)
            said = run_step(STEPS, name, catalogue, index_dir, _SAMPLE_PRODUCTS).said
            found.append(said["num_images"] / said["read_s"])
    ratios = [ours / peer for peer, ours in zip(speeds["draw_peer"], speeds["draw_ours"], strict=True)]
    return {
        "gb": gb,
        "num_products": _SAMPLE_PRODUCTS,
        "peer_images_per_s": round(median(speeds["draw_peer"])),
        "ours_images_per_s": round(median(speeds["draw_ours"])),
        "times_peer": median(ratios),
    }


def measure_real_size(folder: Path, num_images: int, rounds: int) -> dict[str, Any]:
    """Merge 217 parts with as many images as the real catalogue, and read five categories out of the result.

    The pictures are a few bytes long, and the parts have an eighth of the usual bytes: the merge sees neither.
    """
    catalogue, out_dir = folder / "small-pictures.bson", _fresh(folder, "real")
    parts = run_step(STEPS, "scan_small_pictures", catalogue, out_dir, num_images)
    merge = run_step(STEPS, "merge", catalogue, out_dir, parts.said["block_bytes"])
    default_path = folder / "default.parquet"
    run_step(STEPS, "default_parquet", merge.said["path"], default_path)
    said = run_step(STEPS, "query", merge.said["path"], default_path, rounds).said
    return {
        "num_images": merge.said["num_images"],
        "num_parts": parts.said["num_ranges"],
        "merge_s": round(merge.wall_s, 2),
        "merge_cpu_s": round(merge.cpu_s, 2),
        "merge_peak_mib": round(merge.peak_mib),
        "query": {
            "rows": said["rows"],
            "ours_ms": median([1000 * s for s in said["ours_s"]]),
            "default_ms": median([1000 * s for s in said["default_s"]]),
            "times_default": median([d / o for d, o in zip(said["default_s"], said["ours_s"], strict=True)]),
            "times_default_cpu": median(
                [d / o for d, o in zip(said["default_cpu_s"], said["ours_cpu_s"], strict=True)]
            ),
            "ours_mb": round(said["ours_bytes"] / 1e6),
            "default_mb": round(said["default_bytes"] / 1e6),
        },
    }


def measure(folder: Path, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Measure the chosen parts in a folder with room for all catalogues."""
    gb, rounds = options.gb, options.rounds
    steps: dict[str, Callable[[], dict[str, Any]]] = {
        "warm": lambda: measure_index(folder, gb, rounds, cold=False),
        "cold": lambda: measure_index(folder, gb, rounds, cold=True),
        "drawing": lambda: measure_drawing(folder, max([gb, *options.growth]), rounds),
        "growth": lambda: measure_growth(folder, options.growth),
        "real_size": lambda: measure_real_size(folder, options.images, rounds),
    }
    results = {}
    run_step(STEPS, "warm_up")
    for name in options.parts:
        results[name] = steps[name]()
        print(name, json.dumps(results[name], indent=1), flush=True)
    return results


def main(arguments: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
    """Read the options, measure, and remove what was written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=1.0, help="size of the catalogue that peer and index read")
    parser.add_argument("--growth", type=float, nargs="*", default=[0.2, 1.0, 4.0], help="sizes for the growth, in GB")
    parser.add_argument("--images", type=int, default=12_371_293, help="images of real_size")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", default=None, help="where to write; the system's temporary folder")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="what is measured; all of it")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="index-benchmark-") as folder:
        return measure(Path(folder), options)


if __name__ == "__main__":
    main()
