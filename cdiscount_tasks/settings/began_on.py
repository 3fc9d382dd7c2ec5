"""What a run's first task saw of its machine: the workers of the other tasks are compared with it."""

from pydantic import Field

from cdiscount_tasks.settings.frozen import Frozen


class UsedWeights(Frozen):
    """The file of pretrained weights that a run looks at pictures with."""

    network: str
    xxh3_128: str = Field(description="Of the file's bytes, wherever a machine has it.")


class BeganOn(Frozen):
    """The machine that a run's first task ran on. What must be the same on every worker is frozen here, or in versions.

    A run of an older version has none, and its workers are not compared.
    """

    host: str
    boot: str = Field(description="Of the machine's start: two tasks with the same one share a kernel.")
    data_root: str = Field(description="The id that the data root's marker file holds, wherever it is mounted.")
    reports: str = Field(description="The id in the marker file of the reports folder.")
    at: str = Field(description="When, by that machine's clock, in ISO 8601 with UTC.")
    weights: UsedWeights | None = Field(default=None, description="None: the descriptor looks at the pictures.")
