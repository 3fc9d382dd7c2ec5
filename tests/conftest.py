"""What many tests share: a tiny catalogue, the artifacts made of it, and where the real test data lies."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig
from cdiscount_tasks.settings.training import TrainingConfig
from cdiscount_tasks.stages.inputs import LabelFiles
from tests.material.indexing import index_catalogue
from tests.material.real_data import TEST_DATA_DIR
from tests.material.tiny_catalogue import CATEGORIES, make_tiny_catalogue

"""Real data, never part of the project; tests that need it skip where it is absent."""

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


SLOW = (
    "cdiscount_tasks/learning/networks/",
    "cdiscount_tasks/machine/test_gpus",
    "cdiscount_tasks/machine/test_weights",
    "cdiscount_tasks/pages/",
    "cdiscount_tasks/runs/test_changes",
    "cdiscount_tasks/runs/test_compar",
    "cdiscount_tasks/runs/test_steps",
    "cdiscount_tasks/stages/",
    "benchmarks/",
    "demo/",
    "laws/",
    "plugins/test_evaluation_reports",
    "tools/test_check_samples",
    "tools/test_conf",
    "tools/setup/",
    "tools/airflow/",
    "dags/",
    "whole/",
)
"""Where tests train a network, start tools or read DAG files as Airflow does: `make check` leaves them out."""


def pytest_collection_modifyitems(items):
    """Mark the tests that `make check` leaves out."""
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)


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
def weights_path(tmp_path_factory):
    """Return a file of weights for TINY_TRANSFER: random ones, which teach a test as much as ImageNet's."""
    from cdiscount_tasks.machine.gpus import prepare_device

    prepare_device(7)
    import keras

    path = tmp_path_factory.mktemp("weights") / "mobilenet_v3_small_notop.weights.h5"
    keras.applications.MobileNetV3Small(include_top=False, weights=None, input_shape=(32, 32, 3)).save_weights(path)
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
def tiny_model(sample_dir, labels_dir, artifacts_dir):
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
