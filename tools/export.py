"""`make export SAMPLE=wine FORMAT=onnx`: the model in use as a file for programs without Keras."""

import os
import sys
import sysconfig
from pathlib import Path

from tools.stopping import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the imports below, which take a second

from cdiscount_tasks.runs import registry
from cdiscount_tasks.runs.champion import export_champion
from cdiscount_tasks.settings.environment import PROJECT_DIR, read_environment
from cdiscount_tasks.settings.exports import EXPORT_FORMATS
from cdiscount_tasks.stages.export import PARITY, RULES, ExportResult
from cdiscount_tasks.vocabulary import DRAWN_WARNING
from tools.airflow.home import ToolError, check_writable
from tools.command import exit_status, say
from tools.sample_name import sample_in_shell
from tools.setup.beside import make_beside

VENV, LOCK = ".venv-export", "requirements-export.txt"


def add_packages(venv_dir: Path) -> None:
    """Let this process find the packages of an environment, after its own; the lock names the same versions of both."""
    bases = {"base": str(venv_dir), "platbase": str(venv_dir)}
    for folder in dict.fromkeys(sysconfig.get_path(name, vars=bases) for name in ("purelib", "platlib")):
        sys.path.append(folder)


def _wanted() -> tuple[str, str]:
    """Return the sample and the format.

    Raises:
        ToolError: If one is missing or unknown, or the sample has no champion yet.
        ConfigError: If the sample's file has a wrong name.
    """
    sample_name, form = sample_in_shell("make export SAMPLE=wine FORMAT=onnx"), os.environ.get("FORMAT", "")
    known = registry.registered_samples()
    if sample_name not in known:
        raise ToolError(
            f"SAMPLE is {sample_name!r}, which has no champion yet; run it first, or name a sample that has a champion "
            f"or a history: {', '.join(known) or 'none has'}"
        )
    if form not in EXPORT_FORMATS:
        raise ToolError(f"FORMAT is {form!r}, expected {' or '.join(EXPORT_FORMATS)}")
    return sample_name, form


def _say_result(result: ExportResult) -> None:
    folder = Path(result["path"])
    say(
        f"{'exists' if result['reused'] else 'written'}: the champion as {result['format']}, "
        f"{result['num_bytes'] / 1e6:.1f} MB, answers all {result['num_test_products']:,} test products as the Keras "
        f"model in float32 (a probability differs by {result['max_difference']:.1e} at most)"
    )
    say(
        f"    from what its evaluation recorded differ {result['num_other_than_recorded']:,} answers, and a confidence "
        f"by {result['max_recorded_difference']:.1e} at most"
    )
    for name in (result["file"], RULES, PARITY):
        say(f"    {folder / name}")
    say(f"    how to use it: examples/predict_{result['format']}.py, docs/using.md")
    if read_environment().uses_demo_catalogue:
        say(f"    {DRAWN_WARNING}")


def main() -> None:
    """Export the champion that SAMPLE names in FORMAT, and print how near its answers are."""
    sample_name, form = _wanted()
    check_writable(read_environment().work_dir, "CDISCOUNT_DATA")
    if EXPORT_FORMATS[form].packages:
        if not (PROJECT_DIR / LOCK).exists():
            raise ToolError(f"{PROJECT_DIR / LOCK}: is missing, as in the image; FORMAT=litert needs nothing of it")
        make_beside(PROJECT_DIR, VENV, LOCK)
        add_packages(PROJECT_DIR / VENV)
    # Compared on the CPU: GPUs multiply float32 numbers with fewer digits (TF32).
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    os.environ["KERAS_BACKEND"] = "tensorflow"  # which has the converters; it opens models of JAX as well
    _say_result(export_champion(sample_name, form))


if __name__ == "__main__":
    sys.exit(exit_status(main))
