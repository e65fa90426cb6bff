"""Probing: whether selecting, balancing or deduplicating would help, within a minute."""
