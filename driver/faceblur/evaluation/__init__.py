"""Measures the detector on labelled faces, and what a run would leave exposed.

Comes in: labelled datasets, and where the function is. Goes out: a report, as an object and as JSON;
`evaluate.evaluate` is the entry. Imported by: cli; deploy.sh runs `python -m faceblur.evaluation.datasets`.
"""
