"""The command line: arguments in, exit codes out.

Comes in: argv. Goes out: progress, tables, JSON lines, an exit code. Imported by: nobody but `faceblur` itself.
"""
