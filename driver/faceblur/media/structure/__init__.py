"""The structure of containers: whether a file is complete, and how many frames each of its videos has by it.

A module for each container. FFmpeg skips damaged parts of many of them without a message: their structure shows them.
"""
