"""Everything that prepares, trains and compares: runs, studies, plans, probes and figures."""
