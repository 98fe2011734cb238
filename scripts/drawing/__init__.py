"""Draws a dashboard's panels as SVG, from its JSON and from what a Prometheus answered. It is not Grafana.

units.py writes figures as words, frames.py does Grafana's transformations, canvas.py knows SVG, panels.py the panels.
"""
