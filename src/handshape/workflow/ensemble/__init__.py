"""Ensembles: members trained apart, joined into one model, measured against one of them, and distilled into one."""
