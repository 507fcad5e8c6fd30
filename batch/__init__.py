"""Bulk reassignment of phone trunks to voice agents: the engine, a library with a thin command line."""

__version__ = "0.1.0"
