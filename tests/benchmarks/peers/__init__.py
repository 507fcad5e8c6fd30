"""What people use instead, each as written in an afternoon: ``SHEET URL TOKEN [CALLS_PER_SECOND]``."""
