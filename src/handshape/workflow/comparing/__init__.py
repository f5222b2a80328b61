"""Runs side by side: finding them, what each measured, in which order, and how far two are apart."""
