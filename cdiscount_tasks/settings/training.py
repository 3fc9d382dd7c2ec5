"""The knobs of a training: a preset is a complete set of them."""

from typing import Literal, Self

from pydantic import Field, model_validator

from cdiscount_tasks.settings.frozen import Frozen, YesOrNo
from cdiscount_tasks.settings.networks import BACKBONES, FROM_SCRATCH, NetworkName


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
        description="Epochs without a lower validation loss (over products) after which training ends.",
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
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"] = Field(
        default="auto", description="auto: half precision on GPUs that have units for it, float32 elsewhere."
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1, description="Seed of weights, order, augmentation and dropout.")

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


KNOBS = tuple(name for name in TrainingConfig.model_fields if name != "purpose")
"""What a run may set on top of its preset."""
