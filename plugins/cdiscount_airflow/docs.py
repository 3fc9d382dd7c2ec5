"""The pages that Airflow shows for the project's DAGs: what one makes, what to press, where to read; then the rest."""

from cdiscount_airflow.assets import schedule_in_words, times_in_words
from cdiscount_airflow.forms import preset_purpose, preset_summary
from cdiscount_tasks.runs.categories import doubts_of_names
from cdiscount_tasks.runs.durations import durations_of
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.sample import SampleConfig
from cdiscount_tasks.vocabulary import DRAWN_WARNING

_FAILED = (
    "- Failed? That run's tab **Report** says why, and whether to clear the failed task or to trigger a new run. What "
    "is finished is used again in both cases."
)


def _drawn(environment: Environment) -> list[str]:
    return [f"> {DRAWN_WARNING}", ""] if environment.uses_demo_catalogue else []


def description_of(sample: SampleConfig, environment: Environment) -> str:
    """Return what a DAG's description says of a sample, and when it runs by itself: Airflow's list hides a cron.

    Categories that the names CSV lacks come first: a run with them fails, and the list is where a person looks.
    """
    times = times_in_words(sample)
    runs = f"Runs by itself: {' and '.join(times)}, once unpaused." if times else "Runs when triggered."
    doubts = [f"Check the categories: {doubt}." for doubt in doubts_of_names(sample, environment)]
    return " ".join([*doubts, f"{sample.description} {runs}".strip()])


def _choice(sample: SampleConfig, environment: Environment) -> str:
    """Say which presets a first visitor chooses from: the first, which is the quick one, and the default."""
    took = durations_of(environment, sample.name)
    names = dict.fromkeys([next(iter(sample.presets)), sample.default_preset])
    purposes = {name: preset_purpose(sample.presets[name], took.get(name)).removesuffix(".") for name in names}
    return " or ".join(f"**{name}**{f' ({purpose})' if purpose else ''}" for name, purpose in purposes.items())


def page_of(sample: SampleConfig, environment: Environment) -> str:
    """Return a sample's page."""
    categories = "every category" if sample.categories == "all" else f"{len(sample.categories)} chosen"
    took = durations_of(environment, sample.name)
    presets = [f"| {name} | {preset_summary(preset, took.get(name))} |" for name, preset in sample.presets.items()]
    hours = sample.schedule.deadline_hours
    lines = [
        f"# {sample.title}",
        "",
        "Trains a classifier that names a product's category from its pictures, and reports how good it is.",
        "",
        f"- Press **Trigger**, choose {_choice(sample, environment)}.",
        "- Read the report in the run's tab **Report**; all of them are under **Reports** in the navigation.",
        _FAILED,
        "",
        *_drawn(environment),
        *(f"> **Check the categories**: {doubt}.\n" for doubt in doubts_of_names(sample, environment)),
        sample.description,
        "",
        "| preset | what it is |",
        "|---|---|",
        *presets,
        "",
        f"- **Categories**: {categories}",
        *(f"- {sentence}" for sentence in schedule_in_words(sample)),
        *([f"- **Deadline**: {hours:g} hours after a run was queued"] if hours else []),
        f"- **Settings**: `{environment.samples_dir / sample.name}.yaml`",
        "- **A run** freezes its config, indexes the catalogue (once for all samples), draws the sample's products, "
        "fixes their labels, trains a network, evaluates it by product, and writes the report. The same settings train "
        "nothing twice.",
        "- **Every task's log** ends with its result in one line.",
    ]
    return "\n".join(lines)


def catalogue_page(environment: Environment) -> str:
    """Return the page of the catalogue's DAG."""
    lines = [
        "# The catalogue",
        "",
        "Writes a page of what the catalogue holds: categories, copies, conflicts, pictures.",
        "",
        "- Press **Trigger**: the page takes a minute, and an index on the first time.",
        "- Read it in the run's tab **Report**; all pages are in this DAG's tab **Reports**.",
        _FAILED,
        "",
        *_drawn(environment),
        "- **By itself**, once unpaused, it looks every hour, 15 minutes before the full hour (`45 * * * *`, UTC), "
        "whether the catalogue is new, whether its content changed, or whether its page is out of date (other names, "
        "other samples). If not, the run is skipped. While something still writes to the file, it waits.",
        "- **A new catalogue** is published as the asset `catalogue_index`, on which a sample's DAG runs by itself "
        "with `schedule: {on_new_index: true}`. A file that was only touched or moved publishes nothing.",
        f"- **Catalogue**: `{environment.catalogue_path}` (`CDISCOUNT_CATALOGUE`)",
        f"- **Names**: `{environment.names_path or 'none: ids are shown'}` (`CDISCOUNT_CATEGORY_NAMES`)",
        f"- **Pages**: `{environment.reports_dir / 'catalogue'}`",
    ]
    return "\n".join(lines)


def comparison_page(environment: Environment) -> str:
    """Return the page of the comparison's DAG."""
    lines = [
        "# Samples compared",
        "",
        "Tells how much harder look-alike categories are than unlike ones, at equal size.",
        "",
        "- First let two samples finish a run of the same preset.",
        "- Press **Trigger**; without a choice it compares the last finished run of each.",
        "- Read the comparison in the run's tab **Report**; all of them are in this DAG's tab **Reports**.",
        _FAILED,
        "",
        *_drawn(environment),
        "- **How**: the categories are paired by size and cut to equally many groups and pictures; a logistic head on "
        "frozen features judges them over five seeds, and the networks are shown beside. Where the catalogue has many "
        "categories, random choices of five, alike and unlike, tell what holds at large.",
        "- **By itself**, once unpaused, it runs whenever a sample has a new report.",
        "- **Not compared** are runs of different presets, networks or catalogues: a run that started by itself is "
        "skipped then, one that you trigger fails, with every reason and with the runs that could be compared.",
        f"- **Pages**: `{environment.reports_dir / 'comparison'}`",
        f"- **Weights**: `{environment.weights_dir or 'the cache of Keras'}` (`CDISCOUNT_WEIGHTS`)",
    ]
    return "\n".join(lines)
