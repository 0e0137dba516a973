"""Pipelines: blocks of several papers, put together."""
