"""Losses that several methods share: plain functions of tensors, a family a file."""
