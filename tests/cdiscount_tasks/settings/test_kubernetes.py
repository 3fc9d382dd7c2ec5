import pytest

from cdiscount_tasks.errors import ConfigError
from cdiscount_tasks.settings.environment import read_environment


@pytest.mark.parametrize("service", ["CDISCOUNT", "CDISCOUNT_AIRFLOW_WEB", "CDISCOUNT_UI"])
def test_the_variables_of_a_kubernetes_service_are_no_settings(service):
    ends = [
        "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "SERVICE_PORT_HTTP_2", "PORT", "PORT_8080_TCP",
        "PORT_8080_TCP_PROTO", "PORT_8080_TCP_PORT", "PORT_8080_TCP_ADDR", "PORT_53_UDP", "PORT_53_UDP_ADDR",
    ]  # fmt: skip
    environ = {f"{service}_{end}": "tcp://10.0.0.1:8080" for end in ends}
    assert read_environment({"CDISCOUNT_DATA": "/d", **environ}) == read_environment({"CDISCOUNT_DATA": "/d"})


@pytest.mark.parametrize("name", ["CDISCOUNT_GUI_PORT", "CDISCOUNT_WEB_PORTS", "CDISCOUNT_WEB_SERVICE_HOSTS"])
def test_a_name_that_kubernetes_did_not_make_is_refused(name):
    with pytest.raises(ConfigError, match=f"'{name}' is unknown"):
        read_environment({"CDISCOUNT_WEB_SERVICE_HOST": "10.0.0.1", name: "8080"})
