"""What every other package stands on: errors, options, events, files that are complete or absent.

Comes in: nothing of ours. Goes out: types. Imported by: every package.
"""
