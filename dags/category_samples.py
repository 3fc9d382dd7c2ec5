"""One DAG `cdiscount_<sample>` for each YAML in the samples folder: from the catalogue to an evaluation report.

What runs, in which pool, in what order; the last lines are the whole chain. What a task makes is a step of
`cdiscount_tasks.runs.steps`; the trigger form is in `cdiscount_airflow.forms`. Task bodies import what they call
themselves, so that this file parses in a moment.
"""

from datetime import timedelta

from airflow.sdk import DAG, chain, dag
from cdiscount_airflow import assets, deadlines, docs, forms, notifiers, sample_files
from cdiscount_airflow.links import link_report
from cdiscount_airflow.outside import tell_outside
from cdiscount_airflow.tasks.approval import AskApprover
from cdiscount_airflow.tasks.index import index_catalogue
from cdiscount_airflow.tasks.placing import gpu_place
from cdiscount_airflow.tasks.stage_task import DEFAULT_ARGS, is_scheduled, skip_task, stage_task

from cdiscount_tasks.settings.environment import read_environment
from cdiscount_tasks.settings.sample import SampleConfig


def make(step, sample_name, run_id):
    """Make a step of a run, and return it in a line."""
    from cdiscount_tasks.runs import steps

    made = steps.make(step, sample_name, run_id)
    tell_outside(step, sample_name, run_id)
    return made


@stage_task(task_display_name="Resolve the run", freezes=True)
def resolve_run(sample_name, retrain, params=None, dag_run=None, run_id=None) -> str:
    """Freeze what this run makes.

    **Reads** the sample's YAML, the trigger form, the names CSV, the label fixes and the split file.
    **Leaves** `config.json` and copies of those files in the run's folder; a retry keeps them.
    **If it fails**, a setting or a file is wrong: the log says which. A wrong value in the form: trigger a new run.
    Anything else: correct it and clear the task, which reads everything again.
    """
    from cdiscount_tasks.runs.changes import seed_by_itself
    from cdiscount_tasks.runs.start import start_run
    from cdiscount_tasks.settings.words import summary_of

    overrides = forms.overrides_of(params, dag_run.conf)
    if is_scheduled(dag_run):
        overrides |= seed_by_itself(retrain, run_id)
    return summary_of(start_run(sample_name, run_id, params["preset"], overrides).config)


@stage_task(task_display_name="Notice changes", execution_timeout=timedelta(minutes=10))
def notice_changes(sample_name, dag_run=None, run_id=None) -> None:
    """Look whether this run would make anything new; a run that a person triggered always continues.

    **Reads** what decided each artifact of the sample's last finished run of the same preset.
    **Leaves** nothing; a run that started by itself is skipped here, with the reason, if nothing changed.
    **If it fails**, clear the task; it only compares.
    """
    from cdiscount_tasks.runs import changes
    from cdiscount_tasks.runs.run import open_run

    if is_scheduled(dag_run):
        run = open_run(sample_name, run_id)
        if reason := changes.reason_to_skip(run, by_new_index=assets.is_of_new_index(dag_run)):
            changes.note_skip(run, reason)
            skip_task(reason)


@stage_task(task_display_name="Draw the sample", retries=2, execution_timeout=timedelta(hours=6))
def draw_sample(sample_name, run_id=None) -> str:
    """Take the sample's products out of the catalogue.

    **Reads** the index and the catalogue's byte ranges of the sample's products.
    **Leaves** Parquet files with the JPEG bytes of every picture.
    **If it fails** because a category has no product, correct the YAML's ids and trigger a new run.
    """
    return make("sample", sample_name, run_id)


@stage_task(task_display_name="Fix the labels", retries=2, execution_timeout=timedelta(hours=12))
def fix_labels(sample_name, run_id=None) -> str:
    """Decode every picture, tie products that share one, split, and decide what is learnt from.

    **Reads** the sample, the names CSV, people's label fixes and the split file, as copied when the run began.
    **Leaves** products, images, classes, conflicts and rejected rows as Parquet.
    **If it fails** because a class is too small, take it out of the YAML or set `small_classes: reject`,
    and trigger a new run.
    """
    return make("labels", sample_name, run_id)


@stage_task(task_display_name="Extract features", retries=3, execution_timeout=timedelta(days=1))
def extract_features(sample_name, run_id=None) -> str:
    """Look at every picture once: with the preset's pretrained network, or with one whose file is here.

    Where the preset trains from scratch and this machine has no weights, none are fetched: the descriptor of shapes
    and colours that comes with the project looks at the pictures, on the CPU.

    **Reads** the sample's pictures, and the ImageNet weights.
    **Leaves** a feature vector of each picture, and of its mirror image where the preset wants that.
    **If it fails** because the weights do not fit, look at the file that the log names, in `CDISCOUNT_WEIGHTS`.
    """
    return make("features", sample_name, run_id)


@stage_task(task_display_name="Search for knobs", retries=3, execution_timeout=timedelta(days=8))
def search_knobs(sample_name, run_id=None) -> str:
    """Try the preset with other knobs, and choose the best by the products of validation.

    **Reads** the sample's pictures, their labels, and the features where the preset starts from weights; no test
    product.
    **Leaves** every trial with its figures, and the knobs that the model is trained with; nothing where the run's
    preset searches for none.
    **If it fails** because its budget was over, raise `search.budget_minutes` in the YAML and trigger a new run. A
    retry goes on after the trials that are over.
    """
    from cdiscount_tasks.errors import StepLeftOut

    try:
        return make("search", sample_name, run_id)
    except StepLeftOut as why:
        return str(why)  # the model is trained all the same


@stage_task(task_display_name="Train the model", retries=3, execution_timeout=timedelta(days=3))
def train_model(sample_name, run_id=None) -> str:
    """Train the preset's network on the train split.

    **Reads** the sample's pictures, their labels, and the features where the preset starts from weights.
    **Leaves** the model of the epoch that the preset keeps (the lowest validation loss, or the last), and the history
    of all epochs.
    **If it fails** for lack of memory, trigger again with a smaller batch size or image size. A retry continues
    from the last checkpoint; nothing that was learnt is lost.
    """
    return make("model", sample_name, run_id)


@stage_task(task_display_name="Train with other seeds", retries=3, execution_timeout=timedelta(days=7))
def train_other_seeds(sample_name, run_id=None) -> str:
    """Train the model's network again with other seeds, to see how far chance moves the accuracy.

    They choose nothing: the model is that of the preset's seed.

    **Reads** the sample's pictures, their labels, and the features where the preset starts from weights.
    **Leaves** which test products and pictures each training judges right; nothing where the run has one seed.
    **If it fails** for lack of memory, trigger again with a smaller batch size or image size. A retry goes on after the
    trainings that are over.
    """
    from cdiscount_tasks.errors import StepLeftOut

    try:
        return make("seeds", sample_name, run_id)
    except StepLeftOut as why:
        return str(why)  # the report comes all the same


@stage_task(task_display_name="Evaluate the model", retries=2, execution_timeout=timedelta(hours=12))
def evaluate_model(sample_name, run_id=None) -> str:
    """Predict the validation and test products.

    **Reads** the model, the pictures and their labels.
    **Leaves** predictions by product and by picture; figures are computed from them in the report.
    **If it fails**, clear the task: the model stands and is not trained again.
    """
    return make("evaluation", sample_name, run_id)


@stage_task(task_display_name="Audit the labels", retries=2, execution_timeout=timedelta(hours=2))
def audit_labels(sample_name, run_id=None) -> str:
    """Find labels that other products contradict, and price what a leaky split would have reported.

    **Reads** the features, the labels, and which lists of suspects people have been through.
    **Leaves** each product's out-of-sample probability, and accuracies under three kinds of split.
    **If it fails**, clear the task: the features stand.
    """
    return make("audit", sample_name, run_id)


@stage_task(task_display_name="Look for drift", retries=2, execution_timeout=timedelta(hours=2))
def find_drift(sample_name, run_id=None) -> str:
    """Compare this catalogue with what the champion learnt from: class shares, pictures, and what it answers.

    **Reads** pictures, labels and features of this run and of the champion's, and the champion's answers to both.
    **Leaves** the figures with their alarms, and which pictures show the drift; nothing where there is no champion.
    **If it fails**, clear the task.
    """
    from cdiscount_tasks.errors import StepLeftOut

    try:
        return make("drift", sample_name, run_id)
    except StepLeftOut as why:
        return str(why)  # the report comes all the same


@stage_task(task_display_name="Judge the model", retries=2, execution_timeout=timedelta(hours=12))
def judge_model(sample_name, run_id=None) -> str:
    """Compare the model with the champion, product by product.

    Validation screens, test decides: only where validation speaks for the new model are test products looked at, and
    each such look counts. The first model must be better than always answering the largest class.

    **Reads** the answers of both models to the same products, and the registry.
    **Leaves** the verdict with its reasons; the registry counts the look.
    **If it fails**, clear the task: the same look is not counted twice.
    """
    return make("judgement", sample_name, run_id)


@stage_task(
    task_display_name="Write the report",
    on_success_callback=notifiers.notifiers(read_environment(), notifiers.report_message),
)
def write_report(sample_name, run_id=None, outlet_events=None) -> str:
    """Write the evaluation report.

    **Reads** Parquet, manifests and the config of everything before it.
    **Leaves** `report.html`, `labels.html`, `suspects.html`, `label_suspects.csv` and `metrics.json` in the
    reports folder, and the index of reports; an event of the asset with the headline.
    **If it fails**, clear the task: nothing before it runs again.
    """
    from cdiscount_tasks.reports.headline import read_headline
    from cdiscount_tasks.runs.run import open_run

    summary = make("report", sample_name, run_id)
    assets.publish_report(outlet_events, read_headline(open_run(sample_name, run_id).report_dir))
    return summary


@stage_task(task_display_name="Promote the model", retries=2)
def promote_model(sample_name, run_id=None, outlet_events=None) -> str:
    """Make the model the champion where the judgement, the gates and people say so.

    Before the champion changes, a fresh process loads the model's file and repeats recorded answers.

    **Reads** the judgement, and what a person answered.
    **Leaves** a line in the sample's history, and where the champion changed, an event of its asset.
    **If it fails** because the champion is another one by now, clear the task *Judge the model*.
    """
    from cdiscount_tasks.runs import deciding
    from cdiscount_tasks.runs.run import open_run

    decision = deciding.decide(open_run(sample_name, run_id))
    if decision.outcome == "promoted":
        assets.publish_champion(outlet_events, sample_name, deciding.facts_of(decision))
    return deciding.told(decision)


def sample_dag(sample: SampleConfig) -> DAG:
    """Return the DAG that turns a category sample into a trained classifier and its evaluation report."""

    @dag(
        dag_id=f"cdiscount_{sample.name}",
        dag_display_name=f"Cdiscount: {sample.title}",
        description=docs.description_of(sample, read_environment()),
        schedule=assets.schedule_of(sample),
        params=forms.params_of(sample, read_environment()),
        default_args={
            **DEFAULT_ARGS,
            "on_failure_callback": notifiers.notifiers(read_environment(), notifiers.failure_message),
        },
        max_active_runs=1,
        catchup=False,
        allowed_run_types=assets.RUN_TYPES,
        doc_md=docs.page_of(sample, read_environment()),
        deadline=deadlines.deadline_of(sample),
        tags=["cdiscount", *sample.tags, *assets.schedule_tags(sample)],
        auto_register=False,  # one that fails half-way is listed as broken
    )
    def pipeline() -> None:
        name, place, gpus = sample.name, gpu_place(), sample.num_gpu_slots
        indexed = index_catalogue(resolve_run(name, sample.schedule.retrain), name)
        labels, features = fix_labels(name), extract_features.override(pool_slots=gpus, **place)(name)
        model = train_model.override(pool_slots=gpus, **place)(name)
        evaluation = evaluate_model.override(**place)(name)
        audit, written = audit_labels(name), write_report.override(outlets=[assets.report_of(name)])(name)
        report = link_report(written)
        asked = AskApprover(task_id="ask_approver", task_display_name="Ask a person", sample_name=name)
        # As an inlet, the asset is known to Airflow before its first event: the outlet, an alias, names none.
        changes, champion = assets.champion_changes(name), assets.champion_of(name)
        promoted = promote_model.override(outlets=[changes], inlets=[champion])(name)
        chain(indexed, notice_changes(name), draw_sample(name), labels, model, evaluation, judge_model(name), report)
        chain(report, asked, promoted)
        chain(labels, features, model)
        if sample.searches:
            chain([labels, features], search_knobs.override(pool_slots=gpus, **place)(name), model)
        if sample.trains_other_seeds:
            chain(evaluation, train_other_seeds.override(pool_slots=gpus, **place)(name), report)
        chain(features, audit, report)
        chain([features, evaluation], find_drift(name), report)  # by then the champion was asked about new products

    return pipeline()


globals().update(sample_files.build_dags(read_environment().samples_dir, sample_dag))
