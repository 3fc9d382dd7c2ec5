"""What tests of one stage share in several files.

Of the index: catalogues of some bytes. Of the labels: the tiny sample's with other rules or files, and those of
catalogues made in a test. Of the report: one, written once for all that only read it.
"""

from pathlib import Path

import pytest

from cdiscount_tasks.machine.device import Device
from cdiscount_tasks.settings.sample import DrawConfig, LabelConfig
from cdiscount_tasks.stages.inputs import LabelFiles
from cdiscount_tasks.stages.labels import fix_labels
from cdiscount_tasks.stages.sample import draw_sample
from tests.conftest import TINY_LABELS
from tests.material.answering_models import ColourNetwork, write_answering_model
from tests.material.html_page import Page
from tests.material.indexing import index_catalogue
from tests.material.label_tables import read


@pytest.fixture(scope="module")
def products(labels_dir):
    """Return the tiny sample's labelled products by their ids."""
    return read(labels_dir, "products").set_index("product_id", drop=False)


@pytest.fixture
def index_bytes(tmp_path):
    """Index a catalogue of the given bytes; returns the result."""

    def run(data, max_rejected_share=0.5):
        path = tmp_path / "catalogue.bson"
        path.write_bytes(data)
        return index_catalogue(path, tmp_path / "work", max_rejected_share)

    return run


@pytest.fixture
def fix(index_dir, sample_dir, tmp_path):
    """Fix the tiny sample's labels with other rules or files."""

    def run(files=LabelFiles(), **changes):  # noqa: B008 - it never changes
        return fix_labels(index_dir, sample_dir, files, tmp_path / "labels", TINY_LABELS.model_copy(update=changes))

    return run


@pytest.fixture
def label_catalogue(tmp_path):
    """Index, draw and label a catalogue made in the test."""

    def run(made, files=LabelFiles(), **rules):  # noqa: B008 - it never changes
        path = made.write(tmp_path / "made.bson")
        index_dir = Path(index_catalogue(path, tmp_path / "index")["path"])
        sample_dir = Path(
            draw_sample(index_dir, path, tmp_path, DrawConfig(categories=rules.get("categories")))["path"]
        )
        return fix_labels(index_dir, sample_dir, files, tmp_path, LabelConfig(**{"categories": None, **rules}))

    return run


@pytest.fixture
def index_made(tmp_path):
    """Write and index a catalogue made in the test; returns its index and its file."""

    def run(made):
        path = made.write(tmp_path / "made.bson")
        return Path(index_catalogue(path, tmp_path / "index", 0.9)["path"]), path

    return run


@pytest.fixture(scope="session")
def answering_model(labels_dir, sample_dir, tmp_path_factory):
    """Return a model of the tiny catalogue's categories that no network could load; tests must not change it."""
    return write_answering_model(tmp_path_factory.mktemp("answering"), labels_dir, sample_dir)


@pytest.fixture(scope="module")
def colour_network():
    """Put a network of a few lines in the place of Keras', for what the predictions do besides."""
    from cdiscount_tasks.stages import predictions

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predictions, "_open_network", lambda *_: (ColourNetwork(), Device("CPU, a few lines", False)))
        yield


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """Return the artifacts of a run of wine with 600 products; tests must not change them."""
    from tests.material.report_inputs import make_inputs

    return make_inputs(tmp_path_factory.mktemp("wine"), num_products=600)


@pytest.fixture(scope="session")
def report(inputs, tmp_path_factory):
    """Return the folder of that run's report, which tests must not change, and the result of writing it."""
    from tests.material.written_reports import write

    return write(inputs, tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="session")
def page(report):
    """Return the page of that report, taken apart."""
    return Page((report[0] / "report.html").read_text("utf-8"))
