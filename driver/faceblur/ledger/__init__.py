"""The ledger of a fleet: which job is whose, in a database that all drivers share. Everything on SQLAlchemy is here.

Comes in: jobs, claims and their ends. Goes out: claims, rows and counts. Imported by: fleet and cli.
"""
