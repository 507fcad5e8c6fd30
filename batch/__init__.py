"""Bulk reassignment of phone trunks to voice agents: the engine, a library with a thin command line."""
