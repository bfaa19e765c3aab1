"""The history of the ledger's tables. Each change of them is a new file in `versions/`."""
