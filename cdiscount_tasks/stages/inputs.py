"""What the runs hand to the stages: places of files and finished artifacts. Loads nothing heavy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cdiscount_tasks.artifacts.byte_ranges import Place


class IndexPlace(NamedTuple):
    """What is indexed, and where to.

    Attributes:
        catalogue_path: The BSON file.
        parent_dir: The folder of the catalogue's index and of the parts of its scan, named by its fingerprint.
        max_rejected_share: Share of rejected documents above which the catalogue is refused.
    """

    catalogue_path: Place
    parent_dir: Path
    max_rejected_share: float


class LabelFiles(NamedTuple):
    """The outside files that label fixing reads, as they were when the run started; None: the run has none such."""

    names_path: Path | None = None
    fixes_path: Path | None = None
    split_path: Path | None = None


class Pretrained(NamedTuple):
    """What a transfer starts from: a file of ImageNet weights, and the finished features artifact made with it."""

    weights_path: Path
    features_dir: Path


class PreviousModel(NamedTuple):
    """The model whose weights a training begins with: finished artifacts, and whose it was.

    Attributes:
        model_dir: Its model.
        labels_dir: The labels that it was trained on.
        run_id: Of its run.
        decision: That made it the champion.
    """

    model_dir: Path
    labels_dir: Path
    run_id: str
    decision: int


class Reviews(NamedTuple):
    """What people have looked at: their fixes, and the lists of suspects that these name, as the run found them.

    `list_paths` are copies of `suspects.parquet`, each with the name that `labelling/reviewed_lists.py` gives it.
    """

    fixes_path: Path | None = None
    list_paths: tuple[Path, ...] = ()


class ComparedRun(NamedTuple):
    """A run that is put beside others: where what it left stands; features_dir is None where none were extracted."""

    sample: str
    title: str
    run_id: str
    sample_dir: Path
    labels_dir: Path
    evaluation_dir: Path
    report_dir: Path
    features_dir: Path | None


class CatalogueSide(NamedTuple):
    """One of two states of a catalogue: finished artifacts.

    Attributes:
        sample_dir: The pictures.
        labels_dir: Their labels.
        features_dir: None: none were extracted.
        answers_dir: What the champion answers to the products of validation and test; None: it was not asked.
    """

    sample_dir: Path
    labels_dir: Path
    features_dir: Path | None
    answers_dir: Path | None = None


class PooledDraw(NamedTuple):
    """Some products of many categories, from which random draws of categories are made: finished artifacts."""

    sample_dir: Path
    labels_dir: Path
    features_dir: Path


class SampleChoice(NamedTuple):
    """What a sample chooses from a catalogue; `category_ids` ascend, None: every category."""

    name: str
    title: str
    category_ids: tuple[int, ...] | None


class ModelClass(NamedTuple):
    """A class of a model: the shop's id, and its names at three levels."""

    category_id: int
    level1: str
    level2: str
    level3: str


class JudgedModel(NamedTuple):
    """A model and what it answered: finished artifacts.

    Attributes:
        labels_dir: Of the products that it learnt from.
        model_dir: The model.
        evaluation_dir: Its answers; to the same products, or to those of a newer catalogue.
    """

    labels_dir: Path
    model_dir: Path
    evaluation_dir: Path


class PredictingModel(NamedTuple):
    """A model that answers: finished artifacts.

    Attributes:
        model_dir: The model.
        evaluation_dir: Its evaluation: the temperature and the thresholds.
        labels_dir: Of the products that it learnt from.
        sample_dir: Their pictures.
    """

    model_dir: Path
    evaluation_dir: Path
    labels_dir: Path
    sample_dir: Path


class Opponent(NamedTuple):
    """Whom a new model is judged against.

    Attributes:
        champion: The model in use.
        anchor: The last champion that was promoted on evidence of its own; None: it is the champion.
        decision: That made the champion, in the registry.
        facts: What the pages say of the champion: run_id, report, since, accuracy.
    """

    champion: JudgedModel
    anchor: JudgedModel | None
    decision: int
    facts: Mapping[str, Any]

    @property
    def models(self) -> dict[str, JudgedModel]:
        """Return the models that are asked, by name."""
        return {"champion": self.champion, **({"anchor": self.anchor} if self.anchor else {})}


class TheLook(NamedTuple):
    """A look at test products.

    Attributes:
        number: From 1.
        seen: Judgement artifacts of the looks before it: their products are not new.
    """

    number: int
    seen: tuple[Path, ...]


class Speeds(NamedTuple):
    """How fast two models answer images in memory, in turn in one process.

    Attributes:
        ratio: Images per second of the challenger as a multiple of the champion's: the median over the rounds.
        challenger: Images per second: the median.
        champion: The same.
        num_images: Of a round.
        num_rounds: How often each answered.
        device: On which.
    """

    ratio: float
    challenger: float
    champion: float
    num_images: int
    num_rounds: int
    device: str
