"""What every other package uses: errors, options, events, files that are complete or absent.

Comes in: nothing of ours. Goes out: types. Imported by: every package.
"""
