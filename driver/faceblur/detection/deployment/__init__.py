"""What deploy.sh does: looks, plans, builds, deploys, watches, checks one real face; scales and deletes."""
