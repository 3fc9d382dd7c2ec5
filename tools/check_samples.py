"""A part of `make lint`: reads each sample's YAML as a run would, builds its DAG, and prints each that is wrong."""

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import cast

from cdiscount_tasks.catalogue.names import CategoryNames, read_category_names
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.labelling.split import read_split_file
from cdiscount_tasks.runs.categories import check_categories, select_categories
from cdiscount_tasks.runs.input_files import input_files
from cdiscount_tasks.runs.run import SPLIT_COPY
from cdiscount_tasks.settings.environment import Environment, check_folders, read_environment
from cdiscount_tasks.settings.path_faults import fault_of
from cdiscount_tasks.settings.sample import SampleConfig, read_sample
from cdiscount_tasks.settings.sample_folder import sample_names, sample_paths
from cdiscount_tasks.settings.strict_yaml import shown_path
from tools.airflow.home import PROJECT_DIR, airflow_environ
from tools.command import exit_status

_BROKEN = ["read_sample"]
"""The tasks of the DAG that takes the place of a broken sample."""


def _tell(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _names(environment: Environment) -> CategoryNames | None:
    """Return the names that categories can be compared with; None: the demo's, which are not drawn yet."""
    path = environment.names_path
    if environment.uses_demo_catalogue and path is not None and fault_of(path, "file"):
        return None
    return read_category_names(path)


def _check_files(sample: SampleConfig, environment: Environment, names: CategoryNames | None) -> None:
    """Check what a sample names outside of its YAML, as far as it is there."""
    if names is None:
        environment = replace(environment, names_path=None)
    files = input_files(sample, environment)
    if SPLIT_COPY in files:
        read_split_file(files[SPLIT_COPY])
    if names is not None:
        for doubt in check_categories(sample, select_categories(sample, names), names, environment):
            _tell(f"{doubt} (a run finds out once the catalogue is indexed)")


def read_samples(environment: Environment) -> list[str]:
    """Read all samples of a folder; returns what is wrong, a sentence for each sample that is."""
    names, wrong = _names(environment), []
    for path in sample_paths(environment.samples_dir):
        try:
            _check_files(read_sample(path), environment, names)
        except (ConfigError, DataError) as error:
            wrong.append(str(error))
    return wrong


def _faults_of_dags() -> list[str]:
    """Let Airflow read the DAG files and make each DAG ready for its database; returns what is wrong."""
    # After the environment is set: Airflow reads its settings when it is imported.
    from airflow.dag_processing.dagbag import DagBag  # noqa: PLC0415
    from airflow.serialization.serialized_objects import DagSerialization  # noqa: PLC0415

    bag = DagBag(PROJECT_DIR / "dags")
    wrong = [fault.strip().splitlines()[-1] for fault in bag.import_errors.values()]
    for dag_id, dag in sorted(bag.dags.items()):
        if dag.task_ids == _BROKEN:
            wrong.append(str(dag.description))
        try:
            json.dumps(DagSerialization.to_dict(dag)).encode()
        except Exception as error:
            wrong.append(f"{dag_id}: Airflow cannot store this DAG: {' '.join(str(error).split())[:300]}")
    return wrong


def build_dags(samples_dir: Path) -> list[str]:
    """Build all DAGs as Airflow does, in a process and a home of their own; returns what is wrong.

    Raises:
        ConfigError: If that process ends in any other way; with its last words.
    """
    with tempfile.TemporaryDirectory(prefix="cdiscount-lint-") as folder:
        environ = {**airflow_environ(Path(folder) / "home"), "CDISCOUNT_SAMPLES": str(samples_dir)}
        out_path = Path(folder) / "faults.json"
        command = [sys.executable, "-m", "tools.check_samples", "--dags", str(out_path)]
        done = subprocess.run(command, env=environ, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode:
            words = (done.stderr.strip() or "no reason given").splitlines()[-1]
            raise ConfigError(f"Airflow could not read the DAG files: {words}")
        return cast(list[str], json.loads(out_path.read_text(encoding="utf-8")))


def _check_fixes(environment: Environment) -> None:
    """Tell which files of the fixes folder belong to no sample: they are read by no run."""
    names = sample_names(environment.samples_dir)
    for path in sorted(environment.label_fixes_dir.glob("*.csv")):
        if path.stem not in names and not path.name.startswith("."):
            _tell(f"{shown_path(path)}: no sample is called {path.stem!r}, so no run reads these fixes")


def check_samples(samples_dir: Path) -> int:
    """Check all samples of a folder; returns the number of those that are wrong.

    Raises:
        ConfigError: If a setting of the machine is wrong.
        DataError: If the names CSV is damaged.
    """
    environment = replace(read_environment(), samples_dir=samples_dir)
    check_folders(environment)
    wrong = read_samples(environment)
    known = {sentence[:500] for sentence in wrong}  # what the description of a broken sample's DAG holds
    wrong += [sentence for sentence in build_dags(samples_dir) if sentence not in known]
    for sentence in wrong:
        _tell(sentence)
    _check_fixes(environment)
    num_samples = len(sample_paths(samples_dir))
    counted = f"{num_samples} sample{'' if num_samples == 1 else 's'}"
    print(f"{counted} in {shown_path(samples_dir)}, {len(wrong)} of them wrong")
    return len(wrong)


def _check() -> None:
    if check_samples(read_environment().samples_dir):
        sys.exit(1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--dags"]:
        Path(sys.argv[2]).write_text(json.dumps(_faults_of_dags()), encoding="utf-8")
    else:
        sys.exit(exit_status(_check))
