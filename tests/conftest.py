"""What many tests share: a tiny catalogue, the artifacts made of it, and where the real test data lies."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.inputs import LabelFiles
from tests.material.indexing import index_catalogue
from tests.material.real_data import TEST_DATA_DIR
from tests.material.tiny_catalogue import CATEGORIES, make_tiny_catalogue
from tools.airflow.home import CONNECTION, airflow_environ, held_lock, migrate, sqlite_address

TEST_SCALE = float(os.environ.get("CDISCOUNT_TEST_SCALE") or 1)
"""How many times as many random cases as usual are tried."""

settings.register_profile(
    "project",
    derandomize=True,
    deadline=None,
    max_examples=max(int(25 * TEST_SCALE), 1),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)
settings.load_profile("project")

TINY_TRAINING = TrainingConfig(network="plain_cnn", image_size=32, epochs=2, batch_size=16)
TINY_TRANSFER = TrainingConfig(
    network="mobilenet_v3_small", weights="imagenet", image_size=32, epochs=3, batch_size=16, fine_tune_epochs=1,
    fine_tune_share=0.1, mirrored_features=True,
)  # fmt: skip
TINY_LABELS = LabelConfig(categories=CATEGORIES, seed=3)
MAX_REJECTED_SHARE = 0.5


_TENSORFLOW_BEFORE = pytest.StashKey[bool]()

LONGEST_FIRST = (
    "whole/airflow_ui/",
    "laws/test_extremes.py",
    "benchmarks/",
    "tools/airflow/test_dag_process.py",
    "whole/",
    "cdiscount_tasks/stages/test_features.py",
    "cdiscount_tasks/stages/test_report",
    "tools/airflow/test_server.py",
    "cdiscount_tasks/stages/test_saved_model.py",
    "cdiscount_tasks/stages/",
    "cdiscount_tasks/learning/",
    "cdiscount_tasks/pages/",
)
"""Files that take half a minute and more begin first: whoever runs them last would let the other cores wait."""


def pytest_collection_modifyitems(items):
    """Mark the tests that `make check` leaves out by what they use, and order the files by what they cost."""
    here = Path(__file__).parent
    for item in items:
        if "browser" in item.fixturenames:
            item.add_marker(pytest.mark.browser)
        if "tensorflow" in item.fixturenames:
            item.add_marker(pytest.mark.training)

    def place(item):
        path = item.path.relative_to(here).as_posix()
        return next((n for n, start in enumerate(LONGEST_FIRST) if path.startswith(start)), len(LONGEST_FIRST))

    items.sort(key=place)  # keeps the order within a file


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    item.stash[_TENSORFLOW_BEFORE] = "tensorflow" in sys.modules


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Refuse a test that loads TensorFlow and is not marked as one: `make check` is quick because of the marks."""
    result = yield
    loads = "tensorflow" in sys.modules and not item.stash[_TENSORFLOW_BEFORE]
    if loads and item.get_closest_marker("training") is None:
        pytest.fail("this test loads TensorFlow: mark it with pytest.mark.training", pytrace=False)
    return result


@pytest.fixture(scope="session", autouse=True)
def unsynced():
    """Sync nothing in the tests' own process: none needs to outlive a power cut, and each file is waited for.

    The processes that tests start sync as ever: those that are killed, and Airflow's.
    """
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(scope="session")
def onnx_packages():
    """Let this process find what writes and runs ONNX files, or skip."""
    from cdiscount_tasks.settings.environment import PROJECT_DIR
    from tools.export import VENV, add_packages

    if not (PROJECT_DIR / VENV / "setup.stamp").exists():
        pytest.skip(f"{PROJECT_DIR / VENV} is absent: `make environments` makes it")
    before = list(sys.path)
    add_packages(PROJECT_DIR / VENV)
    yield
    sys.path[:] = before


@pytest.fixture(scope="session")
def object_server():
    """Return a server of objects on the loopback interface (tests/material/object_server.py), or skip."""
    from tests.material.object_server import object_server

    with object_server() as server:
        yield server


@pytest.fixture
def object_proxy(object_server):
    """Return a proxy before that server, which counts requests and makes some go wrong."""
    from tests.material.fault_proxy import fault_proxy

    with fault_proxy(object_server.port) as proxy:
        yield proxy


def _reach(monkeypatch, settings):
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def bucket(object_server, monkeypatch):
    """Return the URL of an empty bucket, which the environment's variables reach."""
    _reach(monkeypatch, object_server.settings())
    return object_server.new_bucket()


@pytest.fixture
def proxied_bucket(object_server, object_proxy, monkeypatch):
    """Return the URL of an empty bucket, which the environment's variables reach through `object_proxy`."""
    _reach(monkeypatch, object_server.settings(object_proxy.port))
    return object_server.new_bucket()


@pytest.fixture(scope="session")
def real_data():
    """Return the path of a file of the real test data, or skip."""

    def find(name):
        path = TEST_DATA_DIR / name
        if not path.exists():
            pytest.skip(f"{path} is absent: set CDISCOUNT_TEST_DATA to the folder of real test data")
        return path

    return find


@pytest.fixture(scope="session")
def tiny():
    """Return the tiny catalogue's documents and the truth about them."""
    return make_tiny_catalogue()


@pytest.fixture(scope="session")
def tiny_path(tiny, tmp_path_factory):
    """Return the tiny catalogue's file."""
    return tiny.write(tmp_path_factory.mktemp("catalogue") / "tiny.bson")


@pytest.fixture(scope="session")
def artifacts_dir(tmp_path_factory):
    """Return the folder of the tiny catalogue's artifacts; tests must not change them."""
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture(scope="session")
def tiny_index(tiny_path, artifacts_dir):
    """Return the result of indexing the tiny catalogue."""
    return index_catalogue(tiny_path, artifacts_dir / "fingerprint")


@pytest.fixture(scope="session")
def index_dir(tiny_index):
    return Path(tiny_index["path"])


@pytest.fixture(scope="session")
def tiny_sample(index_dir, tiny_path, artifacts_dir):
    """Return the result of drawing all four categories."""
    from cdiscount_tasks.stages.sample import draw_sample

    return draw_sample(index_dir, tiny_path, artifacts_dir, DrawConfig(categories=CATEGORIES))


@pytest.fixture(scope="session")
def sample_dir(tiny_sample):
    return Path(tiny_sample["path"])


@pytest.fixture(scope="session")
def tiny_labels(index_dir, sample_dir, artifacts_dir):
    """Return the result of fixing the tiny sample's labels."""
    from cdiscount_tasks.stages.labels import fix_labels

    return fix_labels(index_dir, sample_dir, LabelFiles(), artifacts_dir, TINY_LABELS)


@pytest.fixture(scope="session")
def labels_dir(tiny_labels):
    return Path(tiny_labels["path"])


@pytest.fixture(scope="session")
def tensorflow():
    """Load TensorFlow, which takes five seconds: whoever uses this, or a fixture that does, is marked `training`."""
    from cdiscount_tasks.machine.device import prepare_device

    prepare_device(0)


@pytest.fixture(scope="session")
def weights_path(tensorflow, tmp_path_factory):
    """Return a file of weights for TINY_TRANSFER: random ones, which teach a test as much as ImageNet's."""
    import keras

    keras.utils.set_random_seed(7)
    path = tmp_path_factory.mktemp("weights") / "mobilenet_v3_small_notop.weights.h5"
    network = keras.applications.MobileNetV3Small(include_top=False, weights=None, input_shape=(32, 32, 3))
    # Kernels three times as large: the features are 0.02 then, not 1e-10, and half precision holds them.
    for layer in network.layers:
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            layer.set_weights([3 * layer.get_weights()[0], *layer.get_weights()[1:]])
    network.save_weights(path)
    return path


@pytest.fixture(scope="session")
def tiny_features(sample_dir, labels_dir, weights_path, artifacts_dir):
    """Return the result of extracting features of the tiny sample's pictures."""
    from cdiscount_tasks.stages.features import extract_features

    return extract_features(sample_dir, labels_dir, weights_path, artifacts_dir, TINY_TRANSFER)


@pytest.fixture(scope="session")
def features_dir(tiny_features):
    return Path(tiny_features["path"])


@pytest.fixture(scope="session")
def tiny_model(tensorflow, sample_dir, labels_dir, artifacts_dir):
    """Return the result of training on the tiny sample."""
    from cdiscount_tasks.stages.model import train_model

    return train_model(sample_dir, labels_dir, None, artifacts_dir, TINY_TRAINING)


@pytest.fixture(scope="session")
def model_dir(tiny_model):
    return Path(tiny_model["path"])


@pytest.fixture(scope="session")
def tiny_evaluation(sample_dir, labels_dir, model_dir, artifacts_dir):
    """Return the result of evaluating the tiny model."""
    from cdiscount_tasks.stages.evaluation import evaluate_model

    return evaluate_model(sample_dir, labels_dir, model_dir, artifacts_dir)


@pytest.fixture(scope="session")
def evaluation_dir(tiny_evaluation):
    return Path(tiny_evaluation["path"])


@pytest.fixture(scope="session")
def give_database(tmp_path_factory):
    """Return what puts a migrated database into an Airflow home: Airflow makes one in ten seconds, once for all."""
    base = tmp_path_factory.getbasetemp()
    made = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "migrated_home"

    def give(home):
        plain = {name: value for name, value in os.environ.items() if name != CONNECTION}
        with held_lock(made.with_suffix(".lock"), wait=True):
            migrate(made, airflow_environ(made, environ=plain))
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(made / "airflow.db", home / "airflow.db")
        stamp = (made / "migrated").read_text("utf-8")
        here, there = sqlite_address(made / "airflow.db"), sqlite_address(home / "airflow.db")
        (home / "migrated").write_text(stamp.replace(here, there), encoding="utf-8")

    return give


_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_BROWSER_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser():
    """Return the system's browser; only for a module, since Playwright holds the thread's event loop meanwhile."""
    path = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if path is None:
        pytest.skip("no browser is installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=_BROWSER_ARGUMENTS)
        yield chromium
        chromium.close()
