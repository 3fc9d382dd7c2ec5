"""The rooms of the package: each imports only what is below it. The README's table of packages is checked here too."""

import ast
import functools
import re
from pathlib import Path

import pytest

PROJECT_DIR = Path(__file__).resolve().parents[1]
PACKAGE = "cdiscount_tasks"
FREE_TO_ALL = {"errors", "vocabulary"}
ROOMS = {
    "runs": {"stages", "reports", "pages", "index", "artifacts", "catalogue", "labelling", "machine", "settings"},
    "stages": {
        "reports", "pages", "labelling", "learning", "index", "catalogue", "tables", "artifacts", "machine", "settings",
    },
    "reports": {"pages", "learning", "tables", "artifacts"},
    "index": {"catalogue", "tables", "artifacts"},
    "pages": {"learning", "settings"},
    "labelling": {"tables", "settings"},
    "learning": {"machine", "settings", "artifacts"},
    "catalogue": {"tables", "artifacts"},
    "tables": {"artifacts"},
    "artifacts": {"machine", "settings"},
    "machine": {"settings"},
    "settings": set(),
}  # fmt: skip
"""What each room of the package may import, besides itself and the plain words that are free to all."""

NARROW = {
    ("runs", "index"): {"profile_file"},
    ("index", "artifacts"): {"bucket", "byte_ranges", "json_files"},
    ("artifacts", "settings"): {"places", "catalogue_places"},
    ("catalogue", "artifacts"): {"byte_ranges"},
    ("catalogue", "tables"): {"numbers", "csv_text", "near_ranges"},
    ("learning", "artifacts"): {"hashes", "training_folder"},
    ("pages", "learning"): {"measuring"},
    ("runs", "pages"): {"parts"},
}
"""Of these rooms only some modules: which categories an index has, arrays of numbers, rows of text, the hash of a file,
what a training tells who watches it, what is shown, how a number is written."""

PARTS_OF_STAGES = (
    "inputs", "one_training", "seed_outcomes", "seed_trainings", "starts", "trial_journal", "trials",
)  # fmt: skip
"""What stages share, or what one of them is divided into: it lies beside them and is none itself."""

MAY_OPEN_FILES = {
    "labelling/reviewed_lists.py",
    "learning/networks/checkpoints.py",
    "learning/networks/loading.py",
    "learning/features/vectors.py",
    "learning/pictures/inputs.py",
    "pages/parts/templating.py",
    "pages/report/class_table.py",
    "pages/report/coverage.py",
}
"""Of pages, labelling and learning: everything else is handed what it works on, or reads it through `tables`."""

MAY_IMPORT_A_PROVIDER = {
    "lineage.py": ("airflow.providers.openlineage.api.",),
    "notifiers.py": ("airflow.providers.smtp.",),
    "approval.py": ("airflow.providers.standard.operators.hitl.",),
    "trigger.py": ("airflow.providers.standard.operators.trigger_dagrun.",),
}
"""Beside `airflow.sdk`, on the Airflow side."""

MAY_IMPORT_TENSORFLOW = {
    "machine/tensorflow_backend.py",
    "learning/networks/on_tensorflow.py",
    "learning/networks/exporting.py",
}
MAY_IMPORT_JAX = {
    "machine/jax_backend.py",
    "learning/networks/on_jax.py",
    "learning/networks/jax_arrays.py",
    "learning/networks/jax_learner.py",
}
"""Everything else uses Keras' public API, which has neither devices, gradients nor LiteRT's interpreter."""


def package_files():
    return sorted((PROJECT_DIR / PACKAGE).rglob("*.py"))


def room_of(path):
    """Return the room of a file of the package; of a module that is free to all, its own name."""
    return path.relative_to(PROJECT_DIR / PACKAGE).parts[0].removesuffix(".py")


@functools.cache
def imported_names(path):
    """Return the full names of all that a file imports, wherever in the file it does so."""
    names = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; write the whole name"
            # `from cdiscount_tasks import errors` names a module, `from cdiscount_tasks.errors import X` a thing in it.
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def modules_below(path, package):
    """Return the parts of a package that a file imports."""
    return {name.split(".")[1] for name in imported_names(path) if name.startswith(f"{package}.")}


def relative(path):
    return str(path.relative_to(PROJECT_DIR / PACKAGE))


def arrows_of(path):
    """Return what a file imports of the package outside its room, as (room, rest of the name)."""
    names = (name.split(".", 2) for name in imported_names(path) if name.startswith(f"{PACKAGE}."))
    found = {(parts[1], parts[2] if len(parts) > 2 else "") for parts in names}
    return {(room, rest) for room, rest in found if room not in FREE_TO_ALL | {room_of(path)}}


def test_the_rooms_are_the_folders_of_the_package():
    folders = {path.name for path in (PROJECT_DIR / PACKAGE).iterdir() if (path / "__init__.py").exists()}
    modules = {path.stem for path in (PROJECT_DIR / PACKAGE).glob("*.py")}
    assert folders == set(ROOMS)
    assert modules == FREE_TO_ALL | {"__init__"}


@pytest.mark.parametrize("path", package_files(), ids=relative)
def test_a_module_imports_only_rooms_below_it(path):
    room = room_of(path)
    for other, rest in arrows_of(path):
        assert other in ROOMS.get(room, set()), f"{relative(path)} imports {other}.{rest}"
        narrow = NARROW.get((room, other))
        assert narrow is None or rest.split(".")[0] in narrow, f"{relative(path)} imports {other}.{rest}"


def test_every_permission_is_used():
    used = {(room_of(path), other) for path in package_files() for other, _ in arrows_of(path)}
    assert {(room, other) for room, others in ROOMS.items() for other in others} == used


@pytest.mark.parametrize("path", sorted((PROJECT_DIR / PACKAGE / "stages").glob("*.py")), ids=relative)
def test_a_stage_imports_no_other_stage_and_no_run(path):
    near = {name for name in imported_names(path) if name.startswith((f"{PACKAGE}.stages", f"{PACKAGE}.runs"))}
    assert all(name.startswith(tuple(f"{PACKAGE}.stages.{part}." for part in PARTS_OF_STAGES)) for name in near)


@pytest.mark.parametrize("part", PARTS_OF_STAGES)
def test_what_stages_share_makes_no_artifact_of_its_own(part):
    path = PROJECT_DIR / PACKAGE / "stages" / f"{part}.py"
    assert not any(name.startswith(f"{PACKAGE}.artifacts.make") for name in imported_names(path))


_OPENS = re.compile(r"(?<!Image\.)\bopen\(|\.(read|write)_(text|bytes)\(|np\.(load|save|memmap)\(|read_parquet\(")


@pytest.mark.parametrize("path", package_files(), ids=relative)
def test_pages_labelling_and_learning_open_no_file_themselves(path):
    if room_of(path) in {"pages", "labelling", "learning"}:
        opens = bool(_OPENS.search(path.read_text(encoding="utf-8")))
        assert opens == (relative(path) in MAY_OPEN_FILES)


def test_every_file_that_a_law_names_exists():
    for name in MAY_OPEN_FILES | MAY_IMPORT_TENSORFLOW | MAY_IMPORT_JAX:
        assert (PROJECT_DIR / PACKAGE / name).is_file()


READERS = {
    "predictions.parquet": f"{PACKAGE}/tables/predictions.py",
    "image_predictions.parquet": f"{PACKAGE}/tables/predictions.py",
    "metrics.json": f"{PACKAGE}/reports/metrics.py",
    "profile.json": f"{PACKAGE}/index/profile_file.py",
}
"""Files that several parts read, and the one module that opens each."""

SAY_THE_NAME = {
    f"{PACKAGE}/tables/predicted.py",
    f"{PACKAGE}/pages/overview/rows.py",
    f"{PACKAGE}/pages/report/metrics_json.py",
    "plugins/cdiscount_airflow/reports/bar.py",
}
"""They list the files of an artifact, with a hash or a description; or read a file of that name in another artifact."""

KNOW_THE_PLACE = {
    "PREDICTIONS": {"stages/evaluation.py", "stages/report.py"},
    "IMAGE_PREDICTIONS": {"stages/evaluation.py"},
    "METRICS": {"stages/report.py", "stages/comparison.py", "reports/folders.py"},
    "PROFILE": {"stages/index.py", "stages/catalogue_page.py"},
}
"""They write one of these files, hash it for a key, or look when it was written."""


def names_in_strings(path):
    """Return the file names of READERS that a file writes out, also at the end of a path or a pattern."""
    strings = [node.value for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Constant)]
    return {text.rpartition("/")[2] for text in strings if isinstance(text, str)} & READERS.keys()


@pytest.mark.parametrize("top", [PACKAGE, "dags", "plugins", "tools", "benchmarks", "demo"])
def test_a_file_that_several_parts_read_has_one_reader(top):
    for path in sorted((PROJECT_DIR / top).rglob("*.py")):
        name = path.relative_to(PROJECT_DIR).as_posix()
        others = {file for file in names_in_strings(path) if READERS[file] != name}
        assert not others or name in SAY_THE_NAME, f"{name} names {others}: read it through {READERS}"


@pytest.mark.parametrize("constant", KNOW_THE_PLACE)
def test_only_who_writes_such_a_file_knows_where_it_is(constant):
    homes = tuple(f"{home.removesuffix('.py').replace('/', '.')}.{constant}" for home in READERS.values())
    importers = {relative(path) for path in package_files() if any(name in homes for name in imported_names(path))}
    assert importers == KNOW_THE_PLACE[constant]


REQUIRED = {
    "apache-airflow": "airflow",
    "tensorflow (through Keras)": "keras",
    "pymongo (its `bson`)": "bson",
    "numpy": "numpy",
    "pandas": "pandas",
    "pillow": "PIL",
    "scikit-learn": "sklearn",
    "pyarrow": "pyarrow",
}
"""The packages that the owner requires, as README names them, by the name that is imported."""


def rooms_that_import(module):
    """Return the folders of the project in which a package is imported."""
    rooms = set()
    for top in ("dags", "plugins/cdiscount_airflow", PACKAGE, "demo"):
        for path in (PROJECT_DIR / top).rglob("*.py"):
            if module in {name.split(".")[0] for name in imported_names(path)}:
                rooms.add(f"{PACKAGE}/{room_of(path)}/" if top == PACKAGE else f"{top}/")
    return sorted(rooms)


@pytest.mark.parametrize(("package", "module"), REQUIRED.items(), ids=REQUIRED)
def test_the_readme_says_where_each_required_package_is_used(package, module):
    places = ", ".join(f"`{room}`" for room in rooms_that_import(module))
    assert f"| {package} | {places} |" in (PROJECT_DIR / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", package_files(), ids=relative)
def test_the_package_does_not_know_airflow(path):
    known = {name.split(".")[0] for name in imported_names(path)}
    assert not known & {"airflow", "cdiscount_airflow", "dags", "plugins", "tools", "demo", "tests", "benchmarks"}


@pytest.mark.parametrize("path", package_files(), ids=relative)
def test_a_backend_is_imported_only_where_keras_has_no_such_thing(path):
    imported = {name.split(".")[0] for name in imported_names(path)}
    assert "tensorflow" not in imported or relative(path) in MAY_IMPORT_TENSORFLOW
    assert "jax" not in imported or relative(path) in MAY_IMPORT_JAX


REPORTS_APP = PROJECT_DIR / "plugins" / "cdiscount_airflow" / "reports"
"""Runs inside Airflow's API server, and so may import of Airflow what asks who reads and which runs there are."""

PLUGIN_MAY_IMPORT = {
    "airflow.api_fastapi.auth.managers.base_auth_manager.COOKIE_NAME_JWT_TOKEN",
    "airflow.api_fastapi.auth.managers.models.resource_details.DagAccessEntity",
    "airflow.api_fastapi.core_api.security.GetUserDep",
    "airflow.api_fastapi.core_api.security.get_user",
    "airflow.api_fastapi.core_api.security.requires_access_dag",
    "airflow.models.dag.DagModel",
    "airflow.models.dag.DagTag",
    "airflow.models.dagrun.DagRun",
    "airflow.models.dagrun.DagRunNote",
    "airflow.models.deadline.Deadline",
    "airflow.models.log.Log",
    "airflow.models.taskinstance.TaskInstance",
    "airflow.models.xcom.XComModel",
    "airflow.plugins_manager.AirflowPlugin",
    "airflow.utils.session.create_session",
}
"""Beyond the SDK; an update of Airflow that moves one of them is mended in the modules that name it."""

PLUGIN_FILES = [PROJECT_DIR / "plugins" / "evaluation_reports.py", *sorted(REPORTS_APP.glob("*.py"))]
DAG_SIDE_FILES = sorted(set((PROJECT_DIR / "plugins").rglob("*.py")) - set(PLUGIN_FILES))


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: path.name)
def test_the_plugin_imports_few_things_of_airflow_all_named_here(path):
    of_airflow = {name for name in imported_names(path) if name.split(".")[0] == "airflow"}
    assert of_airflow <= PLUGIN_MAY_IMPORT


@pytest.mark.parametrize("path", PLUGIN_FILES, ids=lambda path: path.name)
def test_the_plugin_reads_reports_and_renders_pages_alone(path):
    parts = {"artifacts", "errors", "labelling", "pages", "reports", "runs", "settings", "tables", "vocabulary"}
    assert modules_below(path, PACKAGE) <= parts


@pytest.mark.parametrize("path", DAG_SIDE_FILES, ids=lambda path: path.name)
def test_the_dag_side_does_not_load_the_plugin(path):
    assert not {name for name in imported_names(path) if name.startswith("cdiscount_airflow.reports")}


@pytest.mark.parametrize("path", DAG_SIDE_FILES, ids=lambda path: path.name)
def test_the_airflow_side_imports_the_sdk_alone_of_airflow(path):
    of_airflow = [name for name in imported_names(path) if name.startswith("airflow")]
    allowed = ("airflow.sdk.", *MAY_IMPORT_A_PROVIDER.get(path.name, ()))
    assert all(name.startswith(allowed) for name in of_airflow)


@pytest.mark.parametrize("path", sorted((PROJECT_DIR / "dags").glob("*.py")), ids=lambda path: path.name)
def test_a_dag_file_imports_the_sdk_alone_of_airflow(path):
    of_airflow = [name for name in imported_names(path) if name.startswith("airflow")]
    assert all(name.startswith("airflow.sdk.") for name in of_airflow)


def test_the_rooms_have_no_circle():
    left = {room: set(below) for room, below in ROOMS.items()}
    while left:
        ground = [room for room, below in left.items() if not below & left.keys()]
        assert ground, f"a circle among {sorted(left)}"
        for room in ground:
            del left[room]


@pytest.mark.parametrize("path", sorted((PROJECT_DIR / "tests").rglob("*.py")), ids=lambda path: path.name)
def test_tests_import_benchmarks_only_to_run_them(path):
    of_benchmarks = {name for name in imported_names(path) if name.split(".")[0] == "benchmarks"}
    assert not of_benchmarks or path.is_relative_to(PROJECT_DIR / "tests" / "benchmarks")
