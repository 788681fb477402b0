"""Who runs the jobs of a sweep: a file for each member of ``conf/sweep`` that differs in that."""
