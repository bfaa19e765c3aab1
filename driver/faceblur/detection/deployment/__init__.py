"""The Python that deploy.sh runs: it renders function.yaml, reads nuctl's answers and checks one real face."""
