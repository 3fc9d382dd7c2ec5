"""The sample that SAMPLE names: one that has a YAML, whatever a tool does with it."""

import os

from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.sample import read_sample
from cdiscount_tasks.settings.sample_folder import sample_names, sample_paths
from tools.airflow.home import ToolError


def sample_in_shell(example: str) -> str:
    """Return the sample that the shell's SAMPLE names.

    Args:
        example: A command that names one, for the sentence.

    Raises:
        ToolError: If it has no YAML; names those that have one.
        ConfigError: If its file has a name by which nothing finds it.
    """
    folder = read_environment().samples_dir
    names = sample_names(folder)
    name = os.environ.get("SAMPLE", "")
    if name not in names:
        for path in sample_paths(folder):
            if path.name.split(".")[0] == name:
                read_sample(path)  # says what is wrong with its name
        known = ", ".join(names) or f"(none in {folder})"
        raise ToolError(f"SAMPLE is {name!r}, expected one of: {known}; as in `{example}`")
    return name
