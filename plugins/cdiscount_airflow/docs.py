"""The pages that Airflow shows for the project's DAGs: what one makes, what to press, where to read; then the rest."""

from collections.abc import Sequence

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


def _page(title: str, purpose: str, steps: Sequence[str], environment: Environment, facts: Sequence[str]) -> str:
    """Put a page together: what the DAG makes, what to press, where to read; then the rest."""
    drawn = [f"> {DRAWN_WARNING}", ""] if environment.uses_demo_catalogue else []
    return "\n".join([f"# {title}", "", purpose, "", *steps, _FAILED, "", *drawn, *facts])


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
    hours = sample.schedule.deadline_hours
    steps = [
        f"- Press **Trigger**, choose {_choice(sample, environment)}.",
        "- Read the report in the run's tab **Report**; all of them are under **Reports** in the navigation.",
    ]
    facts = [
        *(f"> **Check the categories**: {doubt}.\n" for doubt in doubts_of_names(sample, environment)),
        sample.description,
        "",
        "| preset | what it is |",
        "|---|---|",
        *(f"| {name} | {preset_summary(preset, took.get(name))} |" for name, preset in sample.presets.items()),
        "",
        f"- **Categories**: {categories}",
        *(f"- {sentence}" for sentence in schedule_in_words(sample)),
        *([f"- **Deadline**: {hours:g} hours after a run was queued"] if hours else []),
        f"- **Settings**: `{environment.samples_dir / sample.name}.yaml`",
        "- **A run** freezes its config, indexes the catalogue (once for all samples), draws the sample's products, "
        "fixes their labels, trains a network, evaluates it by product, and writes the report. Nothing is trained "
        "twice with the same settings.",
        "- **Every task's log** ends with its result in one line.",
    ]
    purpose = "Trains a classifier that names a product's category from its pictures, and reports how good it is."
    return _page(sample.title, purpose, steps, environment, facts)


def catalogue_page(environment: Environment) -> str:
    """Return the page of the catalogue's DAG."""
    steps = [
        "- Press **Trigger**: the page takes a minute; the first time, the catalogue is indexed before.",
        "- Read it in the run's tab **Report**; all pages are in this DAG's tab **Reports**.",
    ]
    facts = [
        "- **By itself**, once unpaused, it checks every hour, 15 minutes before the full hour (`45 * * * *`, UTC), "
        "whether the catalogue is new or changed, or its page is out of date (new names, a new sample); if not, the "
        "run is skipped. It waits while something still writes to the file.",
        "- **A new catalogue** is published as the asset `catalogue_index`, on which a sample's DAG runs by itself "
        "with `schedule: {on_new_index: true}`. A file that was only touched or moved publishes nothing.",
        f"- **Catalogue**: `{environment.catalogue_path}` (`CDISCOUNT_CATALOGUE`)",
        f"- **Names**: `{environment.names_path or 'none: ids are shown'}` (`CDISCOUNT_CATEGORY_NAMES`)",
        f"- **Pages**: `{environment.reports_dir / 'catalogue'}`",
    ]
    purpose = "Writes a page of what the catalogue holds: categories, copies, conflicts, pictures."
    return _page("The catalogue", purpose, steps, environment, facts)


def comparison_page(environment: Environment) -> str:
    """Return the page of the comparison's DAG."""
    steps = [
        "- First let two samples finish a run with the same preset.",
        "- Press **Trigger**; without a choice it compares the last finished run of each.",
        "- Read the comparison in the run's tab **Report**; all of them are in this DAG's tab **Reports**.",
    ]
    facts = [
        "- **How**: the categories are paired by size and cut to the same number of groups and pictures. A logistic "
        "classifier on the pictures' features judges them with five seeds; the page shows the networks too. If the "
        "catalogue has many categories, random choices of five, alike and unlike, show what holds in general.",
        "- **By itself**, once unpaused, it runs whenever a sample has a new report.",
        "- **Not compared** are runs of different presets, networks or catalogues. A comparison that started by itself "
        "is then skipped; one that you trigger fails, and says why and which runs can be compared.",
        f"- **Pages**: `{environment.reports_dir / 'comparison'}`",
        f"- **Weights**: `{environment.weights_dir or 'the cache of Keras'}` (`CDISCOUNT_WEIGHTS`)",
    ]
    purpose = "Measures how much harder look-alike categories are than unlike ones, at equal size."
    return _page("Samples compared", purpose, steps, environment, facts)


def predictions_page(environment: Environment) -> str:
    """Return the page of the predictions' DAG."""
    steps = [
        "- Press **Trigger**, choose the sample whose champion is asked, and the file.",
        "- Read the page in the run's tab **Report**: how many products are answered, how sure, what to look out for. "
        "`predictions.parquet` and `submission.csv` are beside it.",
    ]
    facts = [
        "- **Promised precision**: where validation cannot promise it, the category stays empty, and the most probable "
        "five are in the table all the same.",
        "- **Products of other categories** than the sample's are answered too, wrongly: a sample's model knows its "
        "own categories alone. The page says how many of them it answered, where the file tells.",
        "- **A file that is indexed** is not scanned again, and a range that is answered is not asked again.",
        f"- **Pages**: `{environment.reports_dir / 'predictions'}`; in a terminal: `make predict SAMPLE=wine "
        "CATALOGUE=test.bson`.",
    ]
    purpose = "Names the category of every product of a file, with the confidence that a sample's champion has in it."
    return _page("Predictions", purpose, steps, environment, facts)


START_PREDICTIONS = """Start a run of *Cdiscount: predictions* for each sample with a new file or champion.

**Reads** what *Notice new files and champions* found.
**Leaves** the runs; one that exists is not started again.
**If it fails**, unpause *Cdiscount: predictions*, and clear the task.
"""


def predictions_watch_page() -> str:
    """Return the page of the DAG that starts predictions by itself."""
    return "\n".join(
        [
            "# Predictions by themselves",
            "",
            "Starts a run of *Cdiscount: predictions* where a sample's YAML names a file, and the file or the champion "
            "is a new one:",
            "",
            "```yaml",
            "predictions: {catalogue: /deliveries/tonight.bson, precision: 95}",
            "```",
            "",
            "- **By itself**, once unpaused, it looks every hour (`15 * * * *`, UTC) and whenever a champion was "
            "promoted by a run. It waits while something still writes to the file.",
            "- **Nothing to do?** The run is skipped; the log of *Notice new files and champions* says why of each "
            "sample.",
            "- *Cdiscount: predictions* must be unpaused too.",
        ]
    )


def roll_back_page(environment: Environment) -> str:
    """Return the page of the roll back's DAG."""
    steps = [
        "- Press **Trigger**, choose the sample and the number of the decision whose model is to be the champion "
        "again, and say why. Without a number the log of *Roll back* lists the decisions that can be chosen.",
    ]
    facts = [
        "- **Before the champion changes**, a fresh process loads the model's file and repeats recorded answers. If it "
        "cannot, the champion stays.",
        "- **A later run** is judged against the champion that it finds: one that beats it takes its place again. To "
        "stop that, pause the sample's DAG, or set `promotion: {approval: required}` in its YAML.",
        f"- **The history** is in `{environment.work_dir / 'registry'}`. In a terminal: `make champion SAMPLE=wine`.",
    ]
    purpose = "Makes an earlier champion of a sample the champion again: the one action that undoes a promotion."
    return _page("Roll back", purpose, steps, environment, facts)


def gauges_page(environment: Environment) -> str:
    """Return the page of the gauges' DAG."""
    steps = ["- Unpause it where Airflow's metrics are sent somewhere: `AIRFLOW__METRICS__OTEL_ON=True`."]
    facts = [
        "- **By itself**, once unpaused, it runs every hour (`30 * * * *`, UTC).",
        "- **What is set**: `cdiscount.days_since_report` and `cdiscount.days_since_run` of each sample (a run that "
        "was skipped since nothing had changed counts), `cdiscount.disk_free_bytes` and `cdiscount.disk_free_share` of "
        "the folders of data and reports. Runs set their own figures when they end.",
        "- **Where it goes, and what to be woken by**: docs/watching.md.",
        f"- **Reports**: `{environment.reports_dir}` (`CDISCOUNT_REPORTS`)",
    ]
    purpose = "Says how old each sample's newest report is: an alert can then tell that a run did not come."
    return _page("Gauges", purpose, steps, environment, facts)


def clean_up_page(environment: Environment) -> str:
    """Return the page of the clean-up's DAG."""
    kept = "all that have a report" if environment.keep_runs is None else f"the newest {environment.keep_runs}"
    steps = [
        "- Press **Trigger**: the log of *Say what nothing needs* has what would be removed, with sizes, and what "
        "stays and why. Nothing is removed.",
        "- To remove it, trigger again with **Only say it** switched off.",
    ]
    facts = [
        "- **By itself**, once unpaused, it removes every Sunday at 4:00 (`0 4 * * 0`, UTC).",
        f"- **Kept** are finished runs ({kept}: `CDISCOUNT_KEEP_RUNS`), every model that ever was a champion, with "
        "what it was measured with, runs and trainings that may be continued, comparisons, and all that any of these "
        "were made from. Reports always stay.",
        "- **Beside a run that is going** nothing of its sample is removed: the next clean-up does it.",
        "- **The disk**: when it will be full within 30 days, the list of reports says so.",
        f"- **Data**: `{environment.work_dir}` (`CDISCOUNT_DATA`)",
    ]
    return _page("Clean-up", "Removes what of the data folder nothing needs.", steps, environment, facts)
