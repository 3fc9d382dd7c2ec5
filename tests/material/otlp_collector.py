"""A collector of OpenTelemetry on the loopback interface that keeps the gauges which it is sent: OTLP over HTTP."""

import gzip
import http.server
import threading
from contextlib import contextmanager

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest


def gauges_of(request):
    """Yield name, tags and value of each gauge of a request."""
    for resource in request.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.gauge.data_points:
                    tags = {one.key: one.value.string_value for one in point.attributes}
                    yield metric.name, tags, point.as_double or float(point.as_int)


class _Export(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.received += gauges_of(ExportMetricsServiceRequest.FromString(body))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def otlp_collector():
    """Run a collector; yields its address and the list of what it received: name, tags, value."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Export) as server:
        server.daemon_threads = True
        server.received = []
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", server.received
        finally:
            server.shutdown()
            thread.join()
