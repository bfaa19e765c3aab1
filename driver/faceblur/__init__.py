"""The driver: walks videos, streams their frames through the function and writes them again without faces."""
