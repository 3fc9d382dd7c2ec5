"""The pages that Airflow shows for the project's DAGs."""

from cdiscount_airflow.assets import schedule_in_words
from cdiscount_airflow.forms import preset_summary
from cdiscount_tasks.config import SampleConfig
from cdiscount_tasks.environment import Environment
from cdiscount_tasks.records import DRAWN_WARNING

_WAY = """
A run freezes its config, indexes the catalogue (once for all samples), draws the sample's products, fixes their labels,
trains a network, evaluates it by product, and writes a report. What stands from an earlier run is used again: the same
settings train nothing twice.

Press **Trigger**, choose a preset, and read the report in the run's tab **Report** (the files stand in the folder that
the task *Resolve the run* names). The log of a failed task has the sentence that says what to do; clearing the task
goes on from there. A task that counts tells so in a line at
the end of its log, and as `summary` among its XComs.
"""


def page_of(sample: SampleConfig, environment: Environment) -> str:
    """Return a sample's page: what it holds, what a run does, what its presets mean, and when it runs by itself."""
    categories = "every category" if sample.categories == "all" else f"{len(sample.categories)} chosen"
    presets = [f"| {name} | {preset_summary(preset)} |" for name, preset in sample.presets.items()]
    hours = sample.schedule.deadline_hours
    lines = [
        f"# {sample.title}",
        "",
        *([f"> **{DRAWN_WARNING}**", ""] if environment.uses_demo_catalogue else []),
        sample.description,
        _WAY,
        f"- **Categories**: {categories}",
        *(f"- {sentence}" for sentence in schedule_in_words(sample)),
        *([f"- **Deadline**: {hours:g} hours after a run was queued"] if hours else []),
        f"- **Settings**: `{environment.samples_dir / sample.name}.yaml`",
        "",
        "| preset | what it means |",
        "|---|---|",
        *presets,
    ]
    return "\n".join(lines)


_CATALOGUE_WAY = """
Looks at the catalogue every hour, and goes on when it is new, when its content changed, or when its page
is out of date (other names, another sample). It indexes the file, writes a page of what it holds, and publishes the
asset `catalogue_index`, on which a sample's DAG runs by itself with `schedule: {on_new_index: true}`. A file that was
only touched or moved publishes nothing. While something still writes to the file, a scheduled run waits.

Press **Trigger** to write the page anew, and read it in this DAG's tab **Reports**.
"""


def catalogue_page(environment: Environment) -> str:
    """Return the page of the catalogue's DAG: what a run does, and which files it is about."""
    lines = [
        "# The catalogue",
        "",
        *([f"> **{DRAWN_WARNING}**", ""] if environment.uses_demo_catalogue else []),
        _CATALOGUE_WAY,
        f"- **Catalogue**: `{environment.catalogue_path}` (`CDISCOUNT_CATALOGUE`)",
        f"- **Names**: `{environment.names_path or 'none, ids stand as names'}` (`CDISCOUNT_CATEGORY_NAMES`)",
        f"- **Pages**: `{environment.reports_dir / 'catalogue'}`",
    ]
    return "\n".join(lines)


_COMPARISON_WAY = """
How much harder are look-alike categories than unlike ones, at equal size? Runs whenever a sample has a new report, and
compares the last finished run of each: the categories are paired by size and cut to equally many groups and pictures, a
logistic head on frozen features judges them over five seeds, and the networks stand beside. Where the catalogue has
many of them, random choices of five, alike and unlike, tell what holds at large.

Runs of different presets, networks or catalogues are not compared: a run that started by itself is skipped then, one
that you trigger fails, with every reason and with the runs that could be compared instead. Press **Trigger** to choose
samples and runs, and read the comparison in this DAG's tab **Reports**.
"""


def comparison_page(environment: Environment) -> str:
    """Return the page of the comparison's DAG: what a run does, and where its pages stand."""
    lines = [
        "# Samples compared",
        "",
        *([f"> **{DRAWN_WARNING}**", ""] if environment.uses_demo_catalogue else []),
        _COMPARISON_WAY,
        f"- **Pages**: `{environment.reports_dir / 'comparison'}`",
        f"- **Weights**: `{environment.weights_dir or 'the cache of Keras'}` (`CDISCOUNT_WEIGHTS`)",
    ]
    return "\n".join(lines)
