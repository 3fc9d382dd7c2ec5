"""When a new model takes over from the champion: part of a sample's YAML."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from cdiscount_tasks.settings.frozen import Frozen, _FromList


class Gates(Frozen):
    """What blocks a promotion, whatever else speaks for it; a gate never promotes. null: it blocks nothing."""

    least_macro_f1: float | None = Field(default=None, ge=0, le=1, description="Macro F1 on test, at the least.")
    no_class_falls: bool = Field(
        default=True,
        description="No class may be shown to be recognised less often than by the champion.",
    )
    most_calibration_error: float | None = Field(
        default=None, ge=0, le=1, description="Calibration error on test, at the most."
    )
    least_speed: float | None = Field(
        default=None,
        gt=0,
        description="Images per second, as a multiple of the champion's: both in turn in one process, on the CPU.",
    )
    most_size: float | None = Field(
        default=None, gt=0, description="Size of the model's file, as a multiple of the champion's."
    )


class PromotionConfig(Frozen):
    """What decides whether a run's model becomes the sample's champion."""

    promote_when: Literal["better", "not_worse"] = Field(
        default="better",
        description="better: the new model is shown to be right more often on the same test products. not_worse: it is "
        "shown to lose less than one point, and learnt from a newer catalogue.",
    )
    gates: Gates = Gates()
    approval: Literal["none", "required"] = Field(
        default="none", description="Whether a person is asked before a model becomes the champion."
    )
    approvers: Annotated[tuple[Annotated[str, Field(min_length=1, max_length=200)], ...], _FromList] = Field(
        default=(),
        description="Ids of Airflow's users that may answer, with its simple auth manager their names; empty: whoever "
        "may answer its questions.",
    )
    approval_hours: float = Field(
        default=72, gt=0, le=24 * 365, description="Hours after which a question that nobody answered means no."
    )

    @model_validator(mode="after")
    def _somebody_is_asked(self) -> Self:
        if self.approvers and self.approval == "none":
            raise ValueError("names approvers, but approval is none: nobody would be asked; set approval: required")
        return self
