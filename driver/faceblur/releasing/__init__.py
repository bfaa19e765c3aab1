"""The release: of a folder of outputs those that may be given away are copied, with their SHA-256 sums and a record.

Comes in: outputs with their audits, edits and verdicts. Goes out: a folder of videos; `release.release` is the entry.
Imported by: cli.
"""
