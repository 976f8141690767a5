"""Starts the emulator with what it refuses of this stack and AWS takes.

An alarm on an expression of several metrics is kept as one on the first of them. What alarms look at is for the tests of
the template.
"""

import runpy

from ministack.services.cloudformation import provisioners

plain = provisioners._cw_metric_alarm_record


def record(name, properties):
    metrics = [m["MetricStat"] for m in properties.get("Metrics") or [] if "MetricStat" in m]
    if metrics:
        first = metrics[0]
        properties = {k: v for k, v in properties.items() if k != "Metrics"} | {
            "Namespace": first["Metric"]["Namespace"], "MetricName": first["Metric"]["MetricName"],
            "Dimensions": first["Metric"].get("Dimensions", []), "Period": first["Period"], "Statistic": first["Stat"],
        }
    return plain(name, properties)


provisioners._cw_metric_alarm_record = record
runpy.run_module("ministack.app", run_name="__main__")
