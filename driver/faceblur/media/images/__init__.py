"""Image files: read into pages of planes, written again in their own format."""
