"""Many drivers share one archive: videos are put into a ledger, and workers take them from it. `planning` comes before.

Comes in: paths and options, or the address of a ledger. Goes out: redacted files, and the ledger's rows. Imported by:
cli.
"""
