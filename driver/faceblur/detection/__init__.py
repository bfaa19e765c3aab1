"""Asks the function for faces: HTTP client, retries, reply checks, concurrency limit, the function on this machine.

Comes in: encoded images. Goes out: checked faces. Imported by: redaction and the packages above it; never by
tracking or media.
"""
