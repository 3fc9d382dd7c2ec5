"""The trigger form of a sample's DAG: the preset, and the training knobs that override it.

The form is made from the pydantic model that also checks the YAML and the frozen config, so the three cannot differ.
"""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Param

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.runs.durations import durations_of, roughly
from cdiscount_tasks.settings.comparison import DEFAULT_SAMPLES, SETTINGS, RandomChoicesConfig
from cdiscount_tasks.settings.environment import Environment
from cdiscount_tasks.settings.sample import SampleConfig
from cdiscount_tasks.settings.sentences import bounds_in_words, properties_of
from cdiscount_tasks.settings.training import KNOBS, OFF_THE_FORM, TrainingConfig
from cdiscount_tasks.vocabulary import DRAWN_WARNING

SECTIONS = {
    "Network and pictures": ("network", "weights", "image_size"),
    "Learning": (
        "epochs",
        "batch_size",
        "learning_rate",
        "weight_decay",
        "label_smoothing",
        "early_stopping_patience",
        "class_weights",
        "seed",
    ),
    "Tuning of a pretrained network": (
        "fine_tune_epochs",
        "fine_tune_learning_rate",
        "fine_tune_share",
        "mirrored_features",
    ),
    "Machine": ("gpus", "precision"),
}
"""The knobs of the form by section. Airflow shows sections closed, so what must be seen is in none."""

_PRESET_MEANS = (
    "A complete set of training settings. A field that you set below replaces its value; an empty field keeps it."
)
_AS_IN_PRESET = {"None": "as in the preset"}
# What a JSON schema says about a number or a choice; the rest of pydantic's schema is of no use in a form.
_KEPT = ("enum", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def _settings_of(preset: TrainingConfig) -> str:
    """Say a preset's settings in few words."""
    size = f"{preset.network}, {preset.image_size} px"
    if preset.weights != "imagenet":
        begins = ", begins with the champion's weights" if preset.weights == "champion" else ""
        most = "" if preset.chosen_epoch == "last" else "up to "
        return f"{size}{begins}, {most}{preset.epochs} epochs"
    tuned = f"tuned for {preset.fine_tune_epochs} epochs" if preset.fine_tune_epochs else "not tuned"
    return f"{size}, pretrained on {preset.weights}, {tuned}"


def preset_purpose(preset: TrainingConfig, last_s: float | None) -> str:
    """Say what a preset is for and how long it took; empty: neither is known."""
    took = "" if last_s is None else f"It takes {roughly(last_s)} on this machine."
    return " ".join(filter(None, [preset.purpose, took]))


def preset_summary(preset: TrainingConfig, last_s: float | None = None) -> str:
    """Say in a line what a preset is for, how long it takes, and its settings.

    Args:
        preset: The preset.
        last_s: Seconds that its last run took; None: unknown.
    """
    purpose = preset_purpose(preset, last_s)
    search = f", {preset.search.trials} trials of its knobs before" if preset.search else ""
    num_other = preset.seeds - 1
    beside = f", with {num_other} other seed{'s' if num_other > 1 else ''} beside it" if num_other else ""
    settings = f"{_settings_of(preset)}{search}{beside}"
    return f"{purpose} ({settings})" if purpose else settings


def _preset_param(sample: SampleConfig, environment: Environment) -> Param:
    took = durations_of(environment, sample.name)
    drawn = ["", DRAWN_WARNING] if environment.uses_demo_catalogue else []
    summaries = {name: preset_summary(preset, took.get(name)) for name, preset in sample.presets.items()}
    lines = [f"- **{name}**: {summary}" for name, summary in summaries.items()]
    return Param(
        sample.default_preset,
        type="string",
        enum=list(sample.presets),
        title="Preset",
        description_md="\n".join([_PRESET_MEANS, "", *lines, *drawn]),
        values_display={
            name: f"{name}: {preset_purpose(preset, took.get(name)) or summaries[name]}"
            for name, preset in sample.presets.items()
        },
    )


def _shown(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _presets_in_words(sample: SampleConfig, name: str) -> str:
    """Say what an empty knob means: its value in each preset."""
    values = {preset: _shown(getattr(config, name)) for preset, config in sample.presets.items()}
    if len(set(values.values())) == 1:
        return f"In every preset: {next(iter(values.values()))}."
    return f"In the presets: {', '.join(f'{preset} {value}' for preset, value in values.items())}."


def _knob_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the form needs of a field's JSON schema, with null for "as in the preset"."""
    if schema["type"] == "boolean":
        # Airflow's switch knows on and off; a choice knows the third state as well, but of text only.
        return {"type": ["null", "string"], "enum": [None, "yes", "no"], "values_display": _AS_IN_PRESET}
    bounds = {key: schema[key] for key in _KEPT if key in schema}
    if "enum" in bounds:
        bounds |= {"enum": [None, *bounds["enum"]], "values_display": _AS_IN_PRESET}
    return {"type": ["null", schema["type"]], **bounds}


def _knob_param(sample: SampleConfig, section: str, name: str, schema: Mapping[str, Any]) -> Param:
    """Turn a field of TrainingConfig into a Param that may be left empty."""
    bounds = bounds_in_words(TrainingConfig, name)
    said = [schema["description"], f"Expected: {bounds}." if bounds else "", _presets_in_words(sample, name)]
    return Param(
        None,
        title=TrainingConfig.model_fields[name].title or name.replace("_", " ").capitalize(),
        description=" ".join(filter(None, said)),
        section=section,
        **_knob_schema(schema),
    )


def params_of(sample: SampleConfig, environment: Environment) -> dict[str, Param]:
    """Return the trigger form: `preset` first and in plain sight, the knobs below it in SECTIONS.

    Args:
        sample: Whose presets are offered.
        environment: Tells whether the catalogue is the drawn one; the form says so.
    """
    knobs = properties_of(TrainingConfig)
    return {"preset": _preset_param(sample, environment)} | {
        name: _knob_param(sample, section, name, knobs[name]) for section, names in SECTIONS.items() for name in names
    }


def check_keys(conf: Mapping[str, Any] | None, known: Sequence[str]) -> None:
    """Refuse a conf with a key that is no setting, which Airflow would take and ignore.

    Raises:
        ConfigError: If it has one; with the settings that may be meant.
    """
    for key in conf or {}:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else f"known are {', '.join(known)}"
            raise ConfigError(f"{key!r} is not a setting of this run; {hint}")


def refuse_conf(conf: Mapping[str, Any] | None) -> None:
    """Refuse a conf where a DAG has no form: Airflow would take it and ignore it.

    Raises:
        ConfigError: If conf has any key.
    """
    if conf:
        keys = ", ".join(map(repr, conf))
        raise ConfigError(f"the run's conf has {keys}, but this DAG takes no parameters: trigger it with an empty conf")


def overrides_of(params: Mapping[str, Any], conf: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the training knobs that a run's form or conf sets; None means "as in the preset".

    Args:
        params: The run's params, conf merged in.
        conf: The run's conf as it came: Airflow accepts keys there that are no params, and would ignore them.

    Raises:
        ConfigError: If conf has a key that the form does not have.
    """
    check_keys(conf, ["preset", *KNOBS])
    given = {**params, **{name: value for name, value in (conf or {}).items() if name in OFF_THE_FORM}}
    return {name: given[name] for name in KNOBS if given.get(name) is not None}


def _samples_param(known: Sequence[str]) -> Param:
    """Offer the samples that exist; if there are too few to choose from, the first task says so."""
    default = DEFAULT_SAMPLES if len(known) < 2 or set(DEFAULT_SAMPLES) <= set(known) else known[:2]
    choices: dict[str, Any] = (
        {"items": {"type": "string", "enum": list(known)}, "examples": list(known)} if len(known) >= 2 else {}
    )
    return Param(
        list(default),
        type="array",
        minItems=2,
        uniqueItems=True,
        title="Samples",
        description="Two samples or more, in the order of the page.",
        **({"items": {"type": "string"}} | choices),
    )


def comparison_params(known: Sequence[str]) -> dict[str, Param]:
    """Return the trigger form of the comparison: which samples, which of their runs, how large the random choices are.

    Args:
        known: The names of the samples that can be chosen.
    """
    products = properties_of(RandomChoicesConfig)["products_per_category"]
    return {
        "samples": _samples_param(known),
        "runs": Param(
            None,
            type=["null", "object"],
            title="Runs",
            description='By sample the id of a finished run, such as {"wine": "manual__2026-11-23T17:00:00+00:00"}. '
            "A sample that is not named takes part with its last finished run.",
        ),
        "products_per_category": Param(
            products["default"],
            type="integer",
            title="Products per category",
            description=(
                f"{products['description']} Expected: {bounds_in_words(RandomChoicesConfig, 'products_per_category')}."
            ),
            **{key: products[key] for key in _KEPT if key in products},
        ),
    }


def comparison_settings(params: Mapping[str, Any], conf: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a comparison's form or conf sets.

    Args:
        params: The run's params, conf merged in.
        conf: The run's conf as it came.

    Raises:
        ConfigError: If conf has a key that the form does not have.
    """
    check_keys(conf, SETTINGS)
    choices = {"products_per_category": params["products_per_category"]}
    return {"samples": params["samples"], "runs": params["runs"], "random_choices": choices}


_CLEAN_UP = ("dry_run", "keep_runs", "airflow_rows_days")


def clean_up_params(environment: Environment) -> dict[str, Param]:
    """Return the trigger form of the clean-up: whether it only says, how many runs stay, the age of Airflow's rows."""
    kept = "all that have a report" if environment.keep_runs is None else f"the newest {environment.keep_runs}"
    return {
        "dry_run": Param(
            True,
            type="boolean",
            title="Only say it",
            description="Say what would be removed, and remove nothing. The weekly run removes.",
        ),
        "keep_runs": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            maximum=10_000,
            title="Runs that are kept",
            description="So many finished runs of each sample, the newest; champions' runs stay beside them. Empty: "
            f"{kept} (CDISCOUNT_KEEP_RUNS). Reports always stay.",
        ),
        "airflow_rows_days": Param(
            None,
            type=["null", "integer"],
            minimum=7,
            maximum=3650,
            title="Age of Airflow's own rows and logs",
            description="In days: older rows of Airflow's database and older log files are removed. Empty: they stay.",
        ),
    }


def clean_up_settings(params: Mapping[str, Any], conf: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what the form or conf of a clean-up sets.

    Args:
        params: The run's params, conf merged in.
        conf: The run's conf as it came.

    Raises:
        ConfigError: If conf has a key that the form does not have.
    """
    check_keys(conf, _CLEAN_UP)
    return {name: params[name] for name in _CLEAN_UP}
