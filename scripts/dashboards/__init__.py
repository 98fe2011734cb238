"""The Grafana dashboards, as typed code: `scripts/build_dashboards.sh` writes dashboards/*.json from it.

parts.py knows panels, figures.py knows PromQL; business.py, experiment.py and operations.py say what is asked.
"""
