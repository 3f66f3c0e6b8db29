"""Our measurements out through Airflow's own metrics: StatsD or OpenTelemetry, as it is set up."""

import datetime as dt

from airflow.sdk.configuration import conf
from airflow.sdk.observability import stats

from mailcrm.records.metrics import Measurement, MetricKind

__all__ = ["AirflowMetrics"]

SWITCHES = ("statsd_on", "statsd_datadog_enabled", "otel_on")


class AirflowMetrics:
    """`mailcrm.ports.Metrics` over the metrics that Airflow sends."""

    def is_on(self) -> bool:
        """Whether one of Airflow's collectors is switched on."""
        return any(conf.getboolean("metrics", name, fallback=False) for name in SWITCHES)

    def send(self, measurement: Measurement) -> None:
        """One value, its labels as tags."""
        metric, tags = measurement.metric, dict(measurement.labels)
        if metric.kind is MetricKind.COUNTER:
            if measurement.value:
                stats.incr(metric.name, int(measurement.value), tags=tags)
        elif metric.kind is MetricKind.GAUGE:
            stats.gauge(metric.name, measurement.value, tags=tags)
        else:
            stats.timing(metric.name, dt.timedelta(seconds=measurement.value), tags=tags)
