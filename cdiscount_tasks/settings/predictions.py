"""The parameters of predictions, as frozen pydantic models: what the form and a conf can set, and the frozen config."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from cdiscount_tasks.settings.began_on import BeganOn
from cdiscount_tasks.settings.frozen import Frozen, YesOrNo

CHAMPION = "champion"
"""As the model that is asked: the sample's champion of then."""


def _as_written(value: Any) -> Any:
    """Take 95 as the word that the form writes: a YAML has it as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Precision = Annotated[Literal["95", "99", "none"], BeforeValidator(_as_written)]

TARGETS = {"95": 0.95, "99": 0.99, "none": None}
"""The promises that can be chosen, as the form writes them: the share of answers that are right; none: answer all."""


class PredictionsParams(Frozen):
    """What a person sets."""

    sample: str = Field(description="Whose model is asked.")
    catalogue: str = Field(
        default="",
        description="Path, or URL in a bucket, of the BSON file whose products are predicted, with categories, "
        "without, or mixed. Empty: CDISCOUNT_CATALOGUE.",
    )
    model: str = Field(
        default=CHAMPION,
        min_length=1,
        description="champion, or the id of a finished run of the sample: the model that is asked.",
    )
    precision: Precision = Field(
        default="95",
        description="In per cent: a product is answered where validation showed that such a share of these answers is "
        "right, for products of the sample's categories; else its category_id is empty. none: all are answered.",
    )
    allow_drawn: YesOrNo = Field(
        default=False,
        title="Allow drawn pictures",
        description="Whether a model that learnt from the demo's drawn pictures may be asked about a real file, or the "
        "other way round. Its answers mean nothing there.",
    )


class WatchedFile(Frozen):
    """The file that a sample's champion is asked about whenever either of them is a new one: of the sample's YAML."""

    catalogue: str = Field(
        min_length=1, description="Path of the BSON file, relative to the YAML, or its URL in a bucket."
    )
    precision: Precision = Field(
        default="95", description="The promised precision in per cent; none: every product is answered."
    )


class AskedModel(Frozen):
    """The model that is asked, as it was when the run began; paths are relative to the data root.

    Attributes:
        decision: That made it the champion; None: it was named by its run.
        since: When it became the champion.
        origin: Of the catalogue that it learnt from: drawn, or file.
        accuracy: Of its report, by product.
    """

    run_id: str
    preset: str
    report: str
    accuracy: float
    origin: str
    decision: int | None
    since: str | None
    model: str
    evaluation: str
    labels: str
    sample: str


class PredictionsConfig(Frozen):
    """Everything that decides what a predictions run makes, frozen by its first task in `config.json`."""

    schema_version: Literal[1] = 1
    run_id: str
    sample: str
    title: str
    asked: AskedModel
    catalogue_path: str
    catalogue_fingerprint: str
    max_rejected_share: float
    target_precision: float | None
    allow_drawn: bool
    embed_pictures: bool
    started: str = Field(description="In UTC.")
    versions: dict[str, str] = Field(default={}, description="Of the packages that the answers are made with.")
    began_on: BeganOn | None = Field(default=None, exclude_if=lambda began: began is None)
