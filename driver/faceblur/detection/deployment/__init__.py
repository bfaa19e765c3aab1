"""What deploy.sh needs of Python: the function.yaml to deploy, the answers of nuctl, one real face."""
