"""Classifiers of others: what builds them, where their weights are, and what is known of their input."""
