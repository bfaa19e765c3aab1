"""The audit: compares an output with its source before it is published.

Comes in: a source, an output, the sidecar. Goes out: a report, as an object, JSON and an HTML page; `audit.audit` is
the entry. Imported by: cli.
"""
