"""Many files: discovery, output paths, the worker, the crash guard, the bottleneck, the report.

Comes in: paths and options. Goes out: events and a report. Imported by: cli, auditing and evaluation.
"""
