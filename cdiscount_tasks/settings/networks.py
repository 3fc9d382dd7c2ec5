"""The networks by name, each in one place: what the form offers, what Keras builds, which weights it may start from.

A network of keras.applications is a row of BACKBONES; one trained from scratch is a row of FROM_SCRATCH and a function
in `learning/networks/build.py` (docs/add-a-network.md).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

FROM_SCRATCH: Mapping[str, str] = {
    "plain_cnn": "the convolution, pooling, dense network of a first Keras notebook",
    "small_cnn": "this project's own residual network, quick on a CPU",
}
"""The networks that this project builds itself, with what the trigger form says of each."""

DESCRIPTOR = "descriptor"
"""What stands in a features artifact for a network where no pretrained one spoke (learning/features/descriptor.py)."""

_KERAS_URL = "https://storage.googleapis.com/tensorflow/keras-applications"


class PublishedWeights(NamedTuple):
    """Weights for ImageNet without the classifying top, as Keras publishes them.

    Attributes:
        file_name: As Keras calls the file in its cache.
        url: Where Keras gets it.
        file_hash: MD5 or SHA-256 that Keras' own source names; None: it names none.
        num_kernels: Weights of two or more dimensions, and
        num_in_kernels: how many numbers these hold together.
        source: Who trained them, for the model card.
        licence: SPDX id.
    """

    file_name: str
    url: str
    file_hash: str | None
    num_kernels: int
    num_in_kernels: int
    source: str
    licence: str


def _published(
    folder: str, file_name: str, file_hash: str | None, kernels: tuple[int, int], source: str, licence: str
) -> PublishedWeights:
    return PublishedWeights(file_name, f"{_KERAS_URL}/{folder}/{file_name}", file_hash, *kernels, source, licence)


class PretrainedNetwork(NamedTuple):
    """A network that may start from pretrained weights.

    Attributes:
        application: Its function in keras.applications.
        scales_itself: Whether it takes pixels from 0 to 255; else it wants inputs in [-1, 1].
        weights: The published ones.
    """

    application: str
    scales_itself: bool
    weights: PublishedWeights


BACKBONES: Mapping[str, PretrainedNetwork] = {
    "mobilenet_v2": PretrainedNetwork("MobileNetV2", False, _published(
        "mobilenet_v2", "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5", None, (52, 2_189_760),
        "Sandler et al. 2018, converted by J. Mitchell (mobilenet_v2_keras)", "MIT",
    )),
    "mobilenet_v3_small": PretrainedNetwork("MobileNetV3Small", True, _published(
        "mobilenet_v3", "weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5", "d3e8ec802a04aa4fc771ee12a9a9b836",
        (52, 912_008), "Howard et al. 2019 (tensorflow/models)", "Apache-2.0",
    )),
    "efficientnet_v2_b0": PretrainedNetwork("EfficientNetV2B0", True, _published(
        "efficientnet_v2", "efficientnetv2-b0_notop.h5", "893217f2bb855e2983157299931e43ff", (91, 5_784_576),
        "Tan and Le 2021 (google/automl)", "Apache-2.0",
    )),
    "convnext_tiny": PretrainedNetwork("ConvNeXtTiny", True, _published(
        "convnext", "convnext_tiny_notop.h5", "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
        (58, 27_756_000), "Liu et al. 2022 (facebookresearch/ConvNeXt)", "MIT",
    )),
}  # fmt: skip
"""The networks of keras.applications; the first whose weights are on the machine makes the features of other runs."""

NETWORKS = (*FROM_SCRATCH, *BACKBONES)

if TYPE_CHECKING:
    NetworkName = str
else:
    NetworkName = Literal[NETWORKS]
