"""The knobs of a training: a preset is a complete set of them."""

import math
from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from cdiscount_tasks.settings.frozen import Frozen, YesOrNo
from cdiscount_tasks.settings.idle_knobs import check_searched
from cdiscount_tasks.settings.networks import BACKBONES, FROM_SCRATCH, NetworkName
from cdiscount_tasks.settings.search import SearchConfig, check_search

_LARGEST_SEED = 2**31 - 1


def _added(default: Any, **said: Any) -> Any:
    """Return a field that is written nowhere at its default: models that were made before it came keep their keys."""
    return Field(default=default, exclude_if=lambda value: value == default, **said)


_STRIDE = 32
"""Of the networks: of multiples of it no pixel is left over at their borders, whichever size they are built for."""


class TrainingConfig(Frozen):
    """A preset: a complete set of training knobs. What a preset leaves out keeps the default given here."""

    purpose: str = Field(
        default="",
        max_length=200,
        exclude=True,  # it changes nothing that a run makes
        description="What the preset is for, in a sentence; the trigger form shows it.",
    )
    network: NetworkName = Field(
        default="small_cnn",
        description=" ".join(f"{name}: {what}." for name, what in FROM_SCRATCH.items()) + " "
        "The others are those of keras.applications, and may start from pretrained weights.",
    )
    weights: Literal["none", "imagenet", "champion"] = Field(
        default="none",
        description="What the network starts from. imagenet: pretrained weights (a network of keras.applications). Its "
        "features are computed once, a classifying layer learns from them, then the network itself may be tuned. "
        "champion: the weights of the sample's champion, all of which go on learning; network, image_size and "
        "categories must be the champion's, and learning_rate should be a tenth of that of a first training.",
    )
    image_size: int = Field(
        default=96,
        ge=32,
        le=512,
        description="Side in pixels that pictures are scaled to. The catalogue's have 180; time grows with the square.",
    )
    epochs: int = Field(
        default=30,
        ge=1,
        le=500,
        description="Most passes over the train split. With pretrained weights: passes of the classifying layer.",
    )
    mirrored_features: YesOrNo = Field(
        default=False,
        description="Whether the classifying layer also learns from every picture's mirror image, which doubles "
        "the time of the frozen network. Tuning always mirrors pictures.",
    )
    fine_tune_epochs: int = Field(
        default=0, ge=0, le=500, description="Passes that tune the pretrained network itself; 0: it stays frozen."
    )
    fine_tune_learning_rate: float = Field(
        default=3e-4, gt=0, le=1, description="Highest rate while the pretrained network is tuned."
    )
    fine_tune_share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Share of the pretrained network's layers that are tuned, from the top; the others stay frozen.",
    )
    batch_size: int = Field(default=64, ge=1, le=1024, description="Images per step.")
    learning_rate: float = Field(default=2e-3, gt=0, le=1, description="Highest rate of the warm-up and cosine decay.")
    weight_decay: float = Field(default=1e-4, ge=0, le=1, description="AdamW's decay of the weights.")
    label_smoothing: float = Field(
        default=0.1, ge=0, lt=1, description="Share of the target that is spread over all classes."
    )
    early_stopping_patience: int = Field(
        default=8,
        ge=1,
        le=500,
        description="Epochs after which training ends if validation (over products) found none of them better, by what "
        "chosen_epoch asks for. Where that is last it ends none but the training of a classifying layer on frozen "
        "features.",
    )
    class_weights: YesOrNo = Field(
        default=False,
        description="Whether every class counts the same while learning, however few images it has. On this "
        "catalogue nobody has reported a gain from it.",
    )
    gpus: int = Field(
        default=1,
        ge=1,
        le=16,
        title="GPUs",
        description="GPUs for one training, if the machine has any. It takes as many slots of the pool.",
    )
    augmentation: Literal["shifts", "crops"] = _added(
        "shifts",
        description="How pictures are changed while they are learnt from, beside their mirroring. shifts: moved by up "
        "to a sixteenth of their side. crops: a random part of each, scaled to the whole.",
    )
    crop_area: float = _added(
        0.5, gt=0.05, le=1, description="Least share of a picture's area that a random crop keeps."
    )
    mixing: Literal["none", "mixup", "cutmix"] = _added(
        "none",
        description="Whether pictures are mixed in pairs while the network learns, their classes with them. mixup: one "
        "shines through the other. cutmix: a part of one lies on the other. Not in the last tenth of the epochs.",
    )
    mixing_share: float = _added(0.5, gt=0, le=1, description="Share of the pictures that are mixed with another.")
    average_weights: float = _added(
        0.0,
        ge=0,
        le=100,
        description="Over about how many epochs weights are averaged: validation judges the average, and that of the "
        "chosen epoch becomes the model. 0: not averaged.",
    )
    dropout: float = _added(
        0.2, ge=0, lt=1, description="Share of the features that the classifying layer does without in each step."
    )
    fine_tune_lowest_rate: float = _added(
        1.0,
        gt=0,
        le=1,
        description="While the network is tuned: the rate of its lowest tuned weights, as a share of that of the "
        "classifying layer; between them it falls evenly, layer by layer. 1: the same for all.",
    )
    chosen_epoch: Literal["auto", "loss", "smoothed_loss", "accuracy", "last"] = _added(
        "auto",
        description="Which epoch becomes the model, by the products of validation. loss: the lowest one. "
        "smoothed_loss: the lowest mean of three epochs. accuracy: the highest mean of three epochs. last: the last. "
        "auto: last where fine_tune_epochs tune a pretrained network, loss elsewhere.",
    )
    views: Literal["flip", "crops"] = _added(
        "flip",
        description="What the model answers to, joined by geometric mean. flip: each picture and its mirror image. "
        "crops: their middles as well, which takes twice as long.",
    )
    smaller_first: float = _added(
        0.0,
        ge=0,
        le=0.9,
        description="Share of the epochs, from the first one on, in which the network sees smaller images: of the "
        "multiple of 32 pixels next to three quarters of image_size, in about three quarters of the time. With "
        "pretrained weights: of the passes that tune.",
    )
    class_balance: float = _added(
        0.0,
        ge=0,
        le=1,
        description="How evenly an epoch shows the classes, in as many steps as ever: images of small classes come "
        "several times, those of large ones take turns over the epochs. 0: as many as there are. 0.5: by the square "
        "root of their number. 1: as many of each class.",
    )
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = Field(
        default="auto", description="auto: half precision on GPUs that have units for it, float32 elsewhere."
    )
    seed: int = Field(
        default=0, ge=0, le=_LARGEST_SEED, description="Seed of weights, order, augmentation and dropout."
    )
    seeds: int = _added(
        1,
        ge=1,
        le=20,
        description="With how many seeds it is trained: the model by `seed`, the others beside it, by the seeds after "
        "it, so that the report can say how far chance moves the accuracy. They choose nothing.",
    )
    search: SearchConfig | None = _added(
        None, description="Trainings with other knobs before that of the model, which gets the best ones."
    )

    @model_serializer(mode="wrap")
    def _with_the_epoch_of_tuning(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        if self.fine_tune_epochs:  # runs frozen before there was `auto` leave out what was the loss
            written["chosen_epoch"] = self.chosen_epoch
        return written

    @model_validator(mode="after")
    def _weights_fit_the_network(self) -> Self:
        if self.weights == "imagenet" and self.network not in BACKBONES:
            raise ValueError(
                f"weights is {self.weights!r}, but {self.network} has no pretrained weights; take one of "
                f"{', '.join(sorted(BACKBONES))}, or weights: none"
            )
        if self.fine_tune_epochs and self.weights != "imagenet":
            raise ValueError(
                f"fine_tune_epochs is {self.fine_tune_epochs}, but only pretrained weights are fine-tuned; "
                "set weights: imagenet, or fine_tune_epochs: 0"
            )
        return self

    @model_validator(mode="after")
    def _can_be_smaller_first(self) -> Self:
        if not self.smaller_first:
            return self
        if self.network == "plain_cnn":
            raise ValueError(
                f"smaller_first is {self.smaller_first:g}, but plain_cnn takes images of one size; take another "
                "network, or set smaller_first: 0"
            )
        if self.image_size % _STRIDE or self.image_size == _STRIDE:
            raise ValueError(
                f"smaller_first is {self.smaller_first:g} and image_size is {self.image_size}; expected a multiple of "
                f"{_STRIDE} from {2 * _STRIDE} on, or smaller_first: 0"
            )
        return self

    @model_validator(mode="after")
    def _classes_are_balanced_once(self) -> Self:
        if self.class_balance and self.class_weights:
            raise ValueError(
                f"class_balance is {self.class_balance:g} and class_weights is true: small classes would count twice "
                "as much as they should; set class_weights: false, or class_balance: 0"
            )
        return self

    @property
    def smaller_size(self) -> int:
        """Return the side in pixels of the smaller images that the first epochs may see."""
        return math.ceil(3 / 4 * self.image_size / _STRIDE - 1 / 2) * _STRIDE

    def with_knobs(self, knobs: Mapping[str, Any]) -> Self:
        """Return the preset with the knobs that its search tried or chose, and without the search."""
        return type(self).model_validate({**self.model_dump(exclude={"search"}), **knobs})

    @property
    def epoch_chosen_by(self) -> Literal["loss", "smoothed_loss", "accuracy", "last"]:
        """Return by what the model's epoch is chosen: as `chosen_epoch` has it, or as suits what is trained."""
        if self.weights == "imagenet" and not self.fine_tune_epochs:
            return "loss"  # of a classifying layer on a frozen network, whatever else is asked for
        if self.chosen_epoch != "auto":
            return self.chosen_epoch
        return "last" if self.fine_tune_epochs else "loss"

    def of_model(self) -> dict[str, Any]:
        """Return what decides the model, as JSON: not that others are trained beside it."""
        decides = self.model_dump(mode="json", exclude={"seeds"})
        decides.pop("chosen_epoch", None)  # models by their loss are older than the knob, and keep their keys
        return decides if self.epoch_chosen_by == "loss" else {**decides, "chosen_epoch": self.epoch_chosen_by}

    def other_seeds(self) -> list[Self]:
        """Return the knobs of each training beside the model's, which differ in the seed alone."""
        knobs = {**self.model_dump(exclude={"search"}), "seeds": 1}
        seeds = ((self.seed + number) % (_LARGEST_SEED + 1) for number in range(1, self.seeds))
        return [type(self).model_validate({**knobs, "seed": seed}) for seed in seeds]

    @model_validator(mode="after")
    def _search_fits_the_preset(self) -> Self:
        if self.search is not None:
            check_search(self, self.search)
            check_searched(self, self.search)
        return self


KNOBS = tuple(name for name in TrainingConfig.model_fields if name not in ("purpose", "search"))
"""What a run may set on top of its preset."""

OFF_THE_FORM = frozenset({
    "augmentation", "crop_area", "mixing", "mixing_share", "average_weights", "dropout", "fine_tune_lowest_rate",
    "chosen_epoch", "views", "smaller_first", "class_balance", "seeds",
})  # fmt: skip
"""Knobs for presets, and for a run's conf: who fills in the form does without them."""


def knobs_of(config: TrainingConfig) -> dict[str, Any]:
    """Return all knobs by name, also those that are written nowhere at their default."""
    return {name: getattr(config, name) for name in KNOBS}


def knobs_in_effect(config: TrainingConfig) -> dict[str, Any]:
    """Return all knobs by name; of `chosen_epoch: auto` what it means for the training."""
    return {**knobs_of(config), "chosen_epoch": config.epoch_chosen_by}
