"""The registry of a sample's models: which one is in use, and how it became so.

    from cdiscount_tasks.runs import registry

    registry.champion("wine").path

How a champion comes to its place is in `runs/promotion.py`. Plain files, `registry/<sample>/` in the work folder
(`runs/history.py`): nothing else has to run.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdiscount_tasks.artifacts.manifest import read_manifest, without_advice
from cdiscount_tasks.errors import ConfigError, DataError
from cdiscount_tasks.runs import history as files
from cdiscount_tasks.runs.decisions import (
    Candidate,
    Decision,
    Entry,
    Promotion,
    RecordedModel,
    last_promotion,
    promotions,
)
from cdiscount_tasks.runs.fresh import bring_up_to_date
from cdiscount_tasks.runs.run import Run
from cdiscount_tasks.settings.environment import Environment, check_data_folder, read_environment
from cdiscount_tasks.settings.places import address_of, in_bucket
from cdiscount_tasks.settings.sample_folder import sample_names
from cdiscount_tasks.settings.sentences import in_short
from cdiscount_tasks.stages.inputs import ModelClass

if TYPE_CHECKING:  # it loads tables, for nothing where only history is read
    from cdiscount_tasks.stages.published_model import PublishedModel


@dataclass(frozen=True)
class Champion:
    """The model in use.

    Attributes:
        sample_name: Whose.
        path: The model's folder: model.keras, classes.parquet, input.json.
        evaluation_dir, labels_dir, sample_dir: What it was measured with.
        report_dir: Of its run.
        run_id, preset: Of its run.
        accuracy: On the test products of then, as a share.
        since: When it became the champion, ISO 8601 in UTC.
        decision: The number of the line of history that made it so.
        verdict: Of the judgement that promoted it.
        classes: In the order of the network's outputs.
        input_contract: What it takes: image_size, channels, dtype, resize.
    """

    sample_name: str
    path: Path
    evaluation_dir: Path
    labels_dir: Path
    sample_dir: Path
    report_dir: Path
    run_id: str
    preset: str
    accuracy: float
    since: str
    decision: int
    verdict: str
    classes: tuple[ModelClass, ...]
    input_contract: Mapping[str, Any]


def registry_dir(sample_name: str, environment: Environment | None = None) -> Path:
    """Return the folder of a sample's registry, which need not exist.

    Raises:
        ConfigError: If the name cannot be a sample's.
    """
    if not isinstance(sample_name, str) or not re.fullmatch(r"[a-z0-9_]{1,64}", sample_name):
        raise ConfigError(f"the sample is {in_short(sample_name)}, expected a name such as wine")
    environment = environment or read_environment()
    check_data_folder(environment)
    return environment.work_dir / "registry" / sample_name


def registered_samples(environment: Environment | None = None) -> list[str]:
    """Return the samples that have a registry, by name."""
    environment = environment or read_environment()
    bring_up_to_date(environment)
    folder = environment.work_dir / "registry"
    return sorted(path.parent.name for path in folder.glob(f"*/{files.HISTORY}"))


def history(sample_name: str, environment: Environment | None = None) -> list[Entry]:
    """Return the lines of a sample's registry in their order; `entry.number` counts from 1.

    Raises:
        DataError: If a line is damaged or missing; names the file and the line.
    """
    return files.read_history(registry_dir(sample_name, environment))


def _check_known(sample_name: str, environment: Environment) -> None:
    """Refuse the name of no sample: `None` would say that it has no champion yet.

    Raises:
        ConfigError: Names those there are.
    """
    known, has = sample_names(environment.samples_dir), registered_samples(environment)
    if sample_name not in {*known, *has}:
        raise ConfigError(
            f"the sample is {in_short(sample_name)}, expected one that has a champion or a history "
            f"({', '.join(has) or 'none has'}) or a YAML in {environment.samples_dir} ({', '.join(known) or 'none'})"
        )


def candidate_of(run: Run) -> Candidate:
    """Return what a run offers, once it has a model and an evaluation."""
    root, folders = run.environment.work_dir, run.folders()
    at = {step: folders[step].relative_to(root).as_posix() for step in ("model", "evaluation", "labels", "sample")}
    return Candidate(
        sample_name=run.config.sample.name,
        run_id=run.config.run_id,
        preset=run.config.preset,
        report=run.report_dir.relative_to(run.environment.reports_dir).as_posix(),
        origin=read_manifest(folders["index"])["result"].get("origin", "file"),
        accuracy=run.recorded()["evaluation"]["test_product_accuracy"],
        **at,
    )


def check_model(work_dir: Path, candidate: Candidate, recorded: RecordedModel | None) -> "PublishedModel":
    """Read what a candidate's model is, and check that it is the one that was promoted.

    Args:
        work_dir: Of the artifacts.
        candidate: Whose model.
        recorded: By what it is known again; None: it was not promoted yet.

    Raises:
        DataError: If it is missing, damaged, or another model than was promoted.
        OSError: If it cannot be read for now.
    """
    from cdiscount_tasks.stages.published_model import open_published_model

    model_dir = work_dir / candidate.model
    found = open_published_model(model_dir)
    if recorded is None:
        return found
    category_ids = tuple(each.category_id for each in found.classes)
    if category_ids != recorded.category_ids:
        raise DataError(
            f"{model_dir}: has the classes {in_short(list(category_ids))}, expected "
            f"{in_short(list(recorded.category_ids))} as when it was promoted: the folder holds another model"
        )
    if found.file_hash != recorded.file_hash:
        raise DataError(
            f"{model_dir / 'model.keras'}: its hash is {found.file_hash}, expected {recorded.file_hash} as when it was "
            "promoted: the folder holds another model"
        )
    return found


def _way_out(sample_name: str, entries: Sequence[Entry], environment: Environment) -> str:
    """Say what to do about a champion that cannot be used: roll back to the newest earlier one that can, if any."""
    back = "put its folder back from a backup"
    if in_bucket(environment.work_dir) is not None:
        back = "bring back the older versions of its objects in the bucket"
    *earlier, now = promotions(entries)
    others = {one.candidate.model: one for one in earlier if one.candidate.model != now.candidate.model}
    for one in sorted(others.values(), key=lambda one: one.number, reverse=True):
        try:
            check_model(environment.work_dir, one.candidate, one.model)
        except (DataError, OSError):
            continue
        return (
            f"{back}, or roll back to the newest earlier champion that is whole: "
            f"`make champion SAMPLE={sample_name} BACK_TO={one.number}`"
        )
    those = "none of the earlier ones is whole either" if others else "there is no earlier one to roll back to"
    return (
        f"{back}: {those}. Without {'a backup' if back.endswith('backup') else 'these'}, move "
        f"{address_of(registry_dir(sample_name, environment))} out of the registry: the next run is then judged as the "
        "first one, and looks at test products are counted anew"
    )


def verdict_of(promotion: Promotion) -> str:
    """Return the verdict of the judgement by which a champion was promoted."""
    return promotion.judged.verdict if isinstance(promotion, Decision) else promotion.verdict


def champion(sample_name: str, environment: Environment | None = None) -> Champion | None:
    """Return the model in use, after comparing its files with their hashes; None: none was promoted yet.

    Args:
        sample_name: Whose.
        environment: Where things are; None: as the environment variables say.

    Raises:
        ConfigError: If there is no such sample; names those there are.
        DataError: If the registry is damaged, or the model is missing, changed or of other classes.
        OSError: If a file cannot be read for now.
    """
    environment = environment or read_environment()
    entries = history(sample_name, environment)
    promotion = last_promotion(entries)
    if promotion is None:
        _check_known(sample_name, environment)
        return None
    candidate, root = promotion.candidate, environment.work_dir
    try:
        model = check_model(root, candidate, promotion.model)
    except DataError as error:
        raise DataError(
            f"the champion of {sample_name} (decision {promotion.number}, run {candidate.run_id}) cannot be used: "
            f"{without_advice(error, root / candidate.model)}; {_way_out(sample_name, entries, environment)}"
        ) from error
    return Champion(
        sample_name=sample_name,
        path=root / candidate.model,
        evaluation_dir=root / candidate.evaluation,
        labels_dir=root / candidate.labels,
        sample_dir=root / candidate.sample,
        report_dir=environment.reports_dir / candidate.report,
        run_id=candidate.run_id,
        preset=candidate.preset,
        accuracy=candidate.accuracy,
        since=promotion.at,
        decision=promotion.number,
        verdict=verdict_of(promotion),
        classes=model.classes,
        input_contract=model.input_contract,
    )
