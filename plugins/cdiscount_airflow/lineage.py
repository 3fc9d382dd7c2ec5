"""Lineage for an OpenLineage server: which catalogue, index, model and report were made of which.

It needs the extra packages of requirements-lineage.txt. Without them nothing is sent, and nothing of them is imported;
the provider's own settings (`[openlineage]`) say where events go.
"""

import logging
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cdiscount_tasks.runs.made_from import Dataset, MadeFrom

logger = logging.getLogger(__name__)

NAMESPACE = "cdiscount"
_PROVIDER = "airflow.providers.openlineage"


def _facets(dataset: "Dataset") -> dict[str, Any]:
    """Return what is said of a dataset: its content's hash as its version, and where it is."""
    from openlineage.client.facet_v2 import dataset_version_dataset, datasource_dataset  # noqa: PLC0415

    return {
        "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=dataset.version),
        "dataSource": datasource_dataset.DatasourceDatasetFacet(name=NAMESPACE, uri=dataset.place),
    }


def _emit(made: "MadeFrom") -> None:
    from airflow.providers.openlineage.api import emit_dataset_lineage  # noqa: PLC0415
    from openlineage.client.event_v2 import InputDataset, OutputDataset  # noqa: PLC0415
    from openlineage.client.facet_v2 import output_statistics_output_dataset as statistics  # noqa: PLC0415

    output = made.output
    amount = statistics.OutputStatisticsOutputDatasetFacet(size=output.num_bytes, fileCount=output.num_files)
    emit_dataset_lineage(
        inputs=[InputDataset(NAMESPACE, one.name, facets=_facets(one)) for one in made.inputs],
        outputs=[
            OutputDataset(NAMESPACE, output.name, facets=_facets(output), outputFacets={"outputStatistics": amount})
        ],
    )


def emit_lineage(find: "Callable[[], MadeFrom | None]") -> None:
    """Send what the running task has made and from what; whatever goes wrong is a line of the log, never its end.

    Args:
        find: Returns it; called only where the extra is installed. None: it made nothing.
    """
    try:
        if find_spec(_PROVIDER) is not None and (made := find()) is not None:
            _emit(made)
    except Exception as error:
        logger.warning("no lineage was sent (%s: %s)", type(error).__name__, error)
